"""A whole calibration that teaches ida-q: the network is in the bundle, calibrated and served at these parameters."""

from dataclasses import replace

import numpy as np
import pytest
from small_bundles import BACKBONE_ID, small_bundle

from models.bundles.derive import Change, derive_bundle
from models.calibration.calibration_run import CalibrationOptions, calibrate
from models.calibration.selection import Grid
from models.calibration.splits import part_people
from models.calibration.write import calibrated_bundle
from models.heads.ida_q.likelihood_training import LikelihoodOptions
from models.heads.ida_q.teach import CopiesOfSet, Teacher
from models.labelled.exclusions import Exclusions
from models.labelled.labelled_faces import LabelledFaces
from service.bundle.reader import read_bundle
from service.snapshot.snapshot import load_snapshot
from service.snapshot.term_sources import open_sources

OPTIONS = CalibrationOptions(
    grid=Grid(strengths=(0.5,), ks=(3,), taus=(1.0,), norm_powers=(0.0,)),
    replicates=100,
    methods=("cosine", "ida-r", "ida-q"),
    limits={"norm": 0, "crowding": 0},
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, made_faces):
    """A bundle calibrated on 150 made-up people, with ida-q."""
    tmp_path = tmp_path_factory.mktemp("calibrated")
    small_bundle(tmp_path / "plain")
    made = made_faces(people=150)
    own, copies = made.subset(~made.is_copy), made.subset(made.is_copy)
    labelled = LabelledFaces(
        name="made up",
        embeddings=own.embeddings,
        norms=own.norms,
        detected=np.ones(len(own), bool),
        identities=own.people,
        identity_names=tuple(f"{number:04}" for number in range(150)),
        images=tuple(f"{row}.jpg" for row in range(len(own))),
        input_form="photo",
        identities_stated=True,
        rejected=("",) * len(own),
    )
    source = read_bundle(tmp_path / "plain", backbone_id=BACKBONE_ID)
    # Copies of everybody: those of people who do not tune are nobody's.
    teacher = Teacher(
        source.manifest,
        {"made up": CopiesOfSet(copies.embeddings, copies.norms, copies.pictures)},
        {},
        LikelihoodOptions(hard=2000, drawn=4000, iterations=60),
        replicates=50,
    )
    found = calibrate(
        [labelled],
        open_sources(source, device="cpu", threads=1),
        source.manifest.parameters,
        "ida-r",
        Exclusions.none(),
        OPTIONS,
        teach=teacher,
    )
    report, _ = calibrated_bundle(
        tmp_path / "out",
        tmp_path / "plain",
        source,
        found,
        Exclusions.none(),
        OPTIONS,
        population="made up",
        pipeline_id=source.manifest.pipeline_id,
        face_policy="prominent",
    )
    tuning = part_people(labelled, OPTIONS.shares, OPTIONS.seed)[0]
    return tmp_path / "out", report, len(tuning)


def test_bundle_has_the_network_and_serves_it_by_default_with_its_thresholds(calibrated):
    folder, report, tuning = calibrated

    snapshot = load_snapshot(folder, backbone_id=BACKBONE_ID, device="cpu", generation=1)

    assert report["trained"]["ida-q"]["kept"], report["trained"]["ida-q"]["why"]
    assert snapshot.default_method == "ida-q"
    assert {found.method for found in snapshot.calibrations.methods} == {"cosine", "ida-r", "ida-q"}
    assert not snapshot.calibrations.outdated
    (stored,) = read_bundle(folder, backbone_id=BACKBONE_ID).likelihood
    assert stored.card.report["sets"] == [{"name": "made up", "people": 60, "faces": tuning, "copies": tuning}]


def test_bundle_of_other_parameters_leaves_the_network_out_and_its_method_behind(tmp_path, calibrated):
    folder, _, _ = calibrated
    bundle = read_bundle(folder, backbone_id=BACKBONE_ID)
    sources = open_sources(bundle, device="cpu", threads=1).with_likelihood(())
    change = Change(bundle.manifest.parameters.changed(k=4), "ida-q", {}, "a test")

    derive_bundle(tmp_path / "other", folder, bundle, sources, change)

    other = load_snapshot(tmp_path / "other", backbone_id=BACKBONE_ID, device="cpu", generation=1)
    assert other.default_method == "ida-r"
    assert "ida-q" in other.not_served


def test_calibrating_again_without_teaching_keeps_the_network_where_parameters_are_kept(
    calibrated, tmp_path, made_faces
):
    folder, _, _ = calibrated
    bundle = read_bundle(folder, backbone_id=BACKBONE_ID)
    made = made_faces(people=80, seed=5)
    own = made.subset(~made.is_copy)
    labelled = LabelledFaces(
        name="crops",
        embeddings=own.embeddings,
        norms=own.norms,
        detected=np.ones(len(own), bool),
        identities=own.people,
        identity_names=tuple(f"{number:04}" for number in range(80)),
        images=tuple(f"{row}.jpg" for row in range(len(own))),
        input_form="crop",
        identities_stated=True,
        rejected=("",) * len(own),
    )
    options = replace(OPTIONS, grid=None)
    sources = open_sources(bundle, device="cpu", threads=1)
    found = calibrate([labelled], sources, bundle.manifest.parameters, "ida-q", Exclusions.none(), options)

    calibrated_bundle(
        tmp_path / "both",
        folder,
        bundle,
        found,
        Exclusions.none(),
        options,
        population="crops",
        pipeline_id=bundle.manifest.pipeline_id,
        face_policy="prominent",
    )

    both = read_bundle(tmp_path / "both", backbone_id=BACKBONE_ID)
    assert both.manifest.default_method == "ida-q"
    assert {(one.method, one.input_form) for one in both.calibrations.methods} >= {
        ("ida-q", "photo"),
        ("ida-q", "crop"),
    }
