"""Calibrating a bundle that has an SSR head: ida-l beside ida-r, at the parameters that the head was trained for."""

import json

import numpy as np
import pytest
import typer
from tiny_heads import with_head
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.commands.calibrate import calibrate_bundle
from service.bundle.reader import read_bundle
from service.scoring.calibration import MethodCalibration
from service.scoring.parameters import Parameters
from service.snapshot.snapshot import load_snapshot

pytestmark = pytest.mark.slow

DIMENSION, BACKBONE_ID = 16, "00112233445566aa"


@pytest.fixture
def make(tmp_path):
    """Return a maker of a bundle with a head, for a default method."""

    def run(default_method="ida-r"):
        anchors = to_unit(np.random.default_rng(5).standard_normal((100, DIMENSION)))
        facts = NewBundle(BACKBONE_ID, "ffeeddccbbaa0099", Parameters(k=4, tau=2.0), "ida-r", {}, "a test")
        create_bundle(tmp_path / "bare", anchors, facts, lambda crops: anchors[: len(crops)])
        return with_head(tmp_path / "bundle", tmp_path / "bare", default_method=default_method)

    return run


@pytest.fixture
def people(tmp_path):
    """Embeddings of people whose crowdedness the tiny head tells."""
    generator = np.random.default_rng(1)
    identities = np.repeat(np.arange(120), 4)
    rows = to_unit(generator.standard_normal((120, DIMENSION))[identities] + 0.6 * generator.standard_normal((480, 16)))
    np.savez(tmp_path / "people.npz", embeddings=rows, identities=identities)
    return tmp_path / "people.npz"


def run(bundle, out, people, *arguments):
    app = typer.Typer()
    app.command()(calibrate_bundle)
    chosen = () if "--keep-parameters" in arguments else ("--strength", 0.5)
    given = ("--bundle", bundle, "--out", out, "--data", people, "--replicates", 100, *chosen, *arguments)
    return CliRunner().invoke(app, [str(argument) for argument in given])


def test_ida_l_gets_operating_points_of_its_own_at_the_heads_parameters(make, people, tmp_path):
    chosen = run(make(), tmp_path / "chosen", people, "--method", "ida-r", "--method", "ida-l")
    result = run(
        tmp_path / "bundle", tmp_path / "out", people, "--keep-parameters", "--method", "ida-r", "--method", "ida-l"
    )

    assert chosen.exit_code == result.exit_code == 0, result.output
    # Strength alone was chosen: the densities stay the head's.
    parameters = read_bundle(tmp_path / "chosen", backbone_id=BACKBONE_ID).manifest.parameters
    assert (parameters.k, parameters.tau) == (4, 2.0)
    bundle = read_bundle(tmp_path / "out", backbone_id=BACKBONE_ID)
    found = {method.method: method for method in bundle.calibrations.methods}
    assert set(found) == {"ida-r", "ida-l"}
    assert (found["ida-l"].parameters.k, found["ida-l"].parameters.tau) == (4, 2.0)
    assert found["ida-l"].parameters == found["ida-r"].parameters
    assert found["ida-l"].points[0].threshold != found["ida-r"].points[0].threshold
    document = json.loads((tmp_path / "out" / "calibration.json").read_bytes())
    assert document["head_sha256"] == bundle.head.card.head_sha256


def test_every_method_is_calibrated_by_default_and_served_with_it(make, people, tmp_path):
    result = run(make(), tmp_path / "out", people, "--keep-parameters")

    assert result.exit_code == 0, result.output
    snapshot = load_snapshot(tmp_path / "out", backbone_id=BACKBONE_ID, device="cpu", generation=1, search=False)
    forms = ("embedding", "embedding")
    assert isinstance(snapshot.calibration("ida-l", forms), MethodCalibration)
    assert {method.method for method in snapshot.calibrations.methods} == {
        "cosine", "ida-r", "ida-l", "csls", "s-norm", "as-norm",
    }  # fmt: skip


def test_bundle_that_answers_by_ida_l_goes_on_doing_so_unless_the_cosine_is_chosen(make, people, tmp_path):
    result = run(make("ida-l"), tmp_path / "out", people, "--method", "ida-l")

    assert result.exit_code == 0, result.output
    assert read_bundle(tmp_path / "out", backbone_id=BACKBONE_ID).manifest.default_method in {"ida-l", "cosine"}


@pytest.mark.parametrize("asked", [("--k", 5), ("--tau", 1.0), ("--k", 4, "--k", 5)])
def test_other_parameters_than_the_heads_are_refused_with_what_to_do(make, people, tmp_path, asked):
    result = run(make(), tmp_path / "out", people, *asked)

    assert result.exit_code == 1
    assert "trained for k = 4 and tau = 2" in result.output
    assert "--without-head" in result.output
    assert not (tmp_path / "out").exists()


def test_leaving_the_head_out_frees_the_parameters(make, people, tmp_path):
    result = run(make(), tmp_path / "out", people, "--without-head", "--k", 5, "--tau", 3, "--method", "ida-r")

    assert result.exit_code == 0, result.output
    bundle = read_bundle(tmp_path / "out", backbone_id=BACKBONE_ID)
    assert bundle.head is None
    assert "ida-l" not in bundle.golden.scores
    assert not {"ssr", "ssr_card"} & bundle.manifest.parts.keys()


def test_ida_l_of_a_bundle_without_a_head_is_refused_before_anything_is_measured(make, people, tmp_path):
    make()

    result = run(tmp_path / "bare", tmp_path / "out", people, "--method", "ida-l")

    assert result.exit_code == 1
    assert "no SSR head" in result.output


def test_former_calibration_of_ida_l_stays_with_the_head_and_goes_with_it(make, people, tmp_path):
    run(make(), tmp_path / "one", people, "--keep-parameters", "--method", "ida-l")
    run(tmp_path / "one", tmp_path / "both", people, "--keep-parameters", "--method", "cosine")
    run(tmp_path / "both", tmp_path / "bare again", people, "--keep-parameters", "--without-head", "--method", "cosine")

    methods = {
        name: {found.method for found in read_bundle(tmp_path / name, backbone_id=BACKBONE_ID).calibrations.methods}
        for name in ("both", "bare again")
    }
    assert methods == {"both": {"cosine", "ida-l"}, "bare again": {"cosine"}}
