"""The snapshot: what is loaded, what overrides it, and the densities it gives."""

import dataclasses

import numpy as np
import pytest

from service.bundle.reader import read_bundle
from service.errors import BundleMismatch, DeviceUnavailable, DimensionMismatch, SettingsInvalid
from service.scoring.parameters import Parameters
from service.scoring.terms import SUPPORT
from service.snapshot.registry import Registry
from service.snapshot.snapshot import load_snapshot


@pytest.fixture
def load(bundle, backbone_id):
    """Return a function that loads the bundle's snapshot, overriding what it is given."""

    def run(**overrides):
        return load_snapshot(bundle, **{"backbone_id": backbone_id, "device": "cpu", "generation": 3, **overrides})

    return run


def test_snapshot_says_what_it_was_loaded_from(load):
    snapshot = load()

    assert snapshot.generation == 3
    assert snapshot.default_method == "ida-r"
    assert snapshot.parameters == Parameters(k=5, tau=2.0, strength=0.5)
    assert snapshot.manifest.count == 60
    assert snapshot.methods == ("cosine", "ida-r", "csls", "s-norm", "as-norm")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({"k": 7}, Parameters(k=7, tau=2.0, strength=0.5)),
        ({"tau": 9.0}, Parameters(k=5, tau=9.0, strength=0.5)),
        ({"strength": 0.0}, Parameters(k=5, tau=2.0, strength=0.0)),
    ],
)
def test_snapshot_with_a_setting_uses_it_and_keeps_the_rest(load, override, expected):
    snapshot = load(**override)

    assert snapshot.parameters == expected
    assert snapshot.manifest.parameters == Parameters(k=5, tau=2.0, strength=0.5)


def test_snapshot_with_k_beyond_the_anchors_is_refused(load):
    with pytest.raises(SettingsInvalid, match=r"IDA_K is 61.*60 anchors"):
        load(k=61)


def test_snapshot_for_another_backbone_is_refused(load):
    with pytest.raises(BundleMismatch):
        load(backbone_id="0123456789abcdef")


def test_snapshot_on_a_device_that_is_not_there_is_refused(load):
    import faiss

    if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0:
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(DeviceUnavailable, match="IDA_ANCHOR_DEVICE"):
        load(device="cuda")


def test_densities_agree_with_a_loop_over_all_anchors(load, bundle, backbone_id, unit_rows):
    snapshot, faces = load(), unit_rows(4)
    anchors = read_bundle(bundle, backbone_id=backbone_id).anchors.embeddings.astype(np.float64)

    found = snapshot.terms(faces, (SUPPORT,)).densities(snapshot.parameters)

    for row, face in enumerate(faces.astype(np.float64)):
        nearest = sorted(float(face @ anchor) for anchor in anchors)[-5:]
        total = 0.0
        for similarity in nearest:
            total += np.exp(2.0 * similarity)
        assert found.density[row] == pytest.approx(1 / total, rel=1e-5)
        assert found.crowding[row] == pytest.approx(np.log(total / 5) / 2.0, abs=1e-5)


def test_densities_of_a_face_do_not_depend_on_its_batch(load, unit_rows):
    snapshot, faces = load(), unit_rows(30)

    together = snapshot.terms(faces, (SUPPORT,))["log_density"]
    alone = [snapshot.terms(faces[row : row + 1], (SUPPORT,))["log_density"][0] for row in range(30)]

    assert together == pytest.approx(alone, abs=1e-5)


def test_densities_of_another_dimension_are_refused(load, unit_rows):
    with pytest.raises(DimensionMismatch):
        load().terms(unit_rows(2, 8), (SUPPORT,))


def test_snapshot_cannot_be_changed(load):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().generation = 4


def test_registry_gives_the_snapshot_it_holds(load):
    snapshot = load()

    assert Registry(snapshot).current() is snapshot
