"""``ida-verify pfe train`` on a small bundle: a head that learned which faces are unsure, and what it refuses."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.cli import app
from models.heads.pfe.pfe_graph import PfeWeights, pfe_graph
from service.bundle.reader import read_bundle
from service.inference.onnx_runtime import ort
from service.scoring.mls import mutual_likelihood
from service.scoring.parameters import Parameters

BACKBONE_ID, DIMENSION, PEOPLE = "00112233445566aa", 16, 60


@pytest.fixture
def bundle(tmp_path):
    facts = NewBundle(
        backbone_id=BACKBONE_ID,
        pipeline_id="ffeeddccbbaa0099",
        parameters=Parameters(k=5),
        default_method="ida-r",
        provenance={},
        created_by="a test",
    )
    rows = to_unit(np.random.default_rng(0).standard_normal((80, DIMENSION)))
    create_bundle(tmp_path / "bundle", rows, facts, lambda crops: rows[: len(crops)])
    return tmp_path / "bundle"


@pytest.fixture
def people(tmp_path):
    """Faces of which those with a large first value are far from their person's others."""
    generator = np.random.default_rng(1)
    centres = np.repeat(generator.standard_normal((PEOPLE, DIMENSION)), 6, axis=0)
    unsure = np.tile([0, 1], 3 * PEOPLE)[:, None]
    rows = centres + np.where(unsure, 1.2, 0.1) * generator.standard_normal(centres.shape)
    rows[:, :1] = np.where(unsure, 3.0, 0.0)
    np.savez(tmp_path / "people.npz", embeddings=to_unit(rows), identities=np.repeat(np.arange(PEOPLE), 6))
    return tmp_path / "people.npz", to_unit(rows), unsure[:, 0].astype(bool)


def run(*arguments):
    return CliRunner().invoke(app, ["pfe", "train", *map(str, arguments)])


@pytest.mark.train
def test_trained_head_tells_unsure_faces_from_sure_ones(tmp_path, bundle, people):
    pytest.importorskip("torch", reason="PyTorch is not installed (the extra train)")
    file, rows, unsure = people

    result = run("--bundle", bundle, "--out", tmp_path / "out", "--data", file, "--iterations", 400, "--json")

    assert result.exit_code == 0, result.output
    found = read_bundle(tmp_path / "out", backbone_id=BACKBONE_ID)
    assert found.pfe is not None
    session = ort.InferenceSession(str(found.pfe.path), providers=["CPUExecutionProvider"])
    said = session.run(None, {"embedding": rows})[0]
    assert said[unsure].mean() > said[~unsure].mean() + 0.5
    report = json.loads(result.stdout)["report"]
    assert max(check["aside"] for check in report["likelihood_aside"]) > 0
    # Mated pairs are likelier with the head than under the one variance.
    pairs = np.arange(0, len(rows), 6)
    constant = np.full((1, DIMENSION), math.log(found.pfe.card.sigma0_squared))
    likelier = mutual_likelihood(rows[pairs], rows[pairs + 2], said[pairs], said[pairs + 2])
    assert likelier.mean() > mutual_likelihood(rows[pairs], rows[pairs + 2], constant, constant).mean()


@pytest.mark.train
def test_training_likelihood_equals_the_services_own(people):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra train)")
    from models.heads.pfe import pfe_training as training

    _, rows, _ = people
    log_variances = np.random.default_rng(4).uniform(-6, -2, rows.shape).astype(np.float32)
    arrays = (rows[:50], rows[50:100], log_variances[:50], log_variances[50:100])

    by_torch = training.pair_likelihood(*map(torch.from_numpy, arrays)).numpy()

    assert by_torch == pytest.approx(mutual_likelihood(*arrays), rel=1e-5)


@pytest.mark.train
def test_exported_head_equals_pytorch(people):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra train)")
    _, rows, _ = people
    generator = np.random.default_rng(6)
    shapes = (32, DIMENSION), (32,), (DIMENSION, 32), (DIMENSION,)
    weights = PfeWeights(*(generator.standard_normal(shape).astype(np.float32) for shape in shapes))

    session = ort.InferenceSession(pfe_graph(weights), providers=["CPUExecutionProvider"])
    exported = session.run(None, {"embedding": rows})[0]
    first, first_bias, second, second_bias = (
        torch.from_numpy(array) for array in (weights.first, weights.first_bias, weights.second, weights.second_bias)
    )
    by_torch = torch.relu(torch.from_numpy(rows) @ first.T + first_bias) @ second.T + second_bias

    assert exported == pytest.approx(by_torch.numpy(), rel=1e-5, abs=1e-5)


@pytest.mark.train
def test_same_seed_gives_the_same_head(tmp_path, bundle, people):
    pytest.importorskip("torch", reason="PyTorch is not installed (the extra train)")
    for name in ("one", "other"):
        assert run("--bundle", bundle, "--out", tmp_path / name, "--data", people[0], "--iterations", 40).exit_code == 0

    assert (tmp_path / "one" / "manifest.json").read_bytes() == (tmp_path / "other" / "manifest.json").read_bytes()


def test_training_into_a_folder_that_is_there_is_refused(tmp_path, bundle, people):
    result = run("--bundle", bundle, "--out", bundle, "--data", people[0])

    assert result.exit_code == 1
    assert "is there already" in result.output
