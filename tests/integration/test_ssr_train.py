"""``ida-verify ssr train`` on a small bundle, from the command to scores by the head that it wrote."""

import json
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.bundles.derive import Change, derive_bundle
from models.cli import app
from models.heads.ssr.carried import packed, training_content
from models.heads.ssr.pool import Pool
from service.bundle.reader import read_bundle
from service.scoring.parameters import Parameters
from service.scoring.terms import PREDICTION, SUPPORT
from service.snapshot.golden_check import check_golden
from service.snapshot.snapshot import load_snapshot
from service.snapshot.term_sources import open_sources

BACKBONE_ID, DIMENSION = "00112233445566aa", 16
FAST = [
    "--hidden",
    "64",
    "--iterations",
    "120",
    "--batch",
    "128",
    "--set-aside",
    "0.2",
    "--device",
    "cpu",
    "--checks",
    "8",
]


def unit_rows(count, seed, dimension=DIMENSION):
    return to_unit(np.random.default_rng(seed).standard_normal((count, dimension)))


def embed(crops):
    rows = crops.astype(np.float64).mean(axis=2).reshape(len(crops), -1) @ np.random.default_rng(3).standard_normal(
        (112 * 3, DIMENSION)
    )
    return to_unit(rows)


@pytest.fixture
def bare(tmp_path):
    """Return the folder of a bundle of 150 random anchors that carries nothing."""
    facts = NewBundle(
        backbone_id=BACKBONE_ID,
        pipeline_id="ffeeddccbbaa0099",
        parameters=Parameters(k=5, tau=2.0, strength=0.5),
        default_method="ida-r",
        provenance={"sources": []},
        created_by="a test",
    )
    create_bundle(tmp_path / "bare", unit_rows(150, 0).astype(np.float16), facts, embed)
    return tmp_path / "bare"


@pytest.fixture
def carrying(tmp_path, bare):
    """Return the folder of the same bundle with 100 training embeddings."""
    bundle = read_bundle(bare, backbone_id=BACKBONE_ID)
    contents = {"training": training_content(packed(Pool(unit_rows(100, 1), np.full(100, -1))))}
    change = Change(bundle.manifest.parameters, "ida-r", contents, "a test")
    derive_bundle(tmp_path / "carrying", bare, bundle, open_sources(bundle, device="cpu", threads=1), change)
    return tmp_path / "carrying"


@pytest.fixture
def people(tmp_path):
    """Return a file of 60 people with five faces each."""
    identities = np.repeat(np.arange(60), 5)
    rows = unit_rows(60, 5)[identities] + 0.15 * np.random.default_rng(6).standard_normal((300, DIMENSION))
    np.savez(tmp_path / "people.npz", embeddings=rows.astype(np.float32), identities=identities)
    return tmp_path / "people.npz"


def train(bundle, out, *arguments):
    return CliRunner().invoke(app, ["ssr", "train", "--bundle", str(bundle), "--out", str(out), *FAST, *arguments])


def with_torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: install the extra [train]")


@pytest.mark.train
def test_head_that_was_trained_serves_ida_l_and_says_what_it_is(carrying, people, tmp_path):
    with_torch()
    curves = tmp_path / "curves.png"

    result = train(carrying, tmp_path / "out", "--validate", f"few={people}", "--curves", str(curves), "--json")

    assert result.exit_code == 0, result.output
    card = json.loads(result.stdout)
    bundle = read_bundle(tmp_path / "out", backbone_id=BACKBONE_ID)
    assert card["anchor_set_id"] == bundle.bundle_id
    assert (card["k"], card["tau"], card["guard"], card["target"]) == (5, 2.0, None, "log-f")
    assert bundle.head.card.report == card["report"]
    assert Image.open(curves).width > 500
    (found,) = card["report"]["validation"]
    assert (found["name"], found["people"], found["faces"], len(found["deciles"])) == ("few", 60, 300, 10)
    assert [rate["far"] for rate in found["tar_at_far"]] == [0.01, 0.003, 0.001]

    snapshot = load_snapshot(tmp_path / "out", backbone_id=BACKBONE_ID, device="cpu", generation=1)
    assert check_golden(snapshot, embed).score_drift["ida-l"] < 1e-6
    faces = unit_rows(200, 8)
    predicted, true = (
        snapshot.sources.terms(faces, (need,), snapshot.manifest.parameters)["log_density"]
        for need in (PREDICTION, SUPPORT)
    )
    assert np.corrcoef(predicted, true)[0, 1] > 0.5


@pytest.mark.train
def test_command_run_again_gives_the_same_bundle_and_the_old_one_stays(carrying, tmp_path):
    with_torch()
    before = {path.name: path.read_bytes() for path in carrying.iterdir()}

    ids = [
        json.loads(train(carrying, tmp_path / name, "--json", "--seed", "3").stdout)["anchor_set_id"]
        for name in ("a", "b")
    ]

    assert ids[0] == ids[1]
    assert {path.name: path.read_bytes() for path in carrying.iterdir()} == before


@pytest.mark.train
def test_bundle_with_a_head_is_trained_again_from_what_it_carries(carrying, tmp_path):
    with_torch()
    assert train(carrying, tmp_path / "first").exit_code == 0

    result = train(tmp_path / "first", tmp_path / "second")

    assert result.exit_code == 0, result.output
    first, second = ((tmp_path / name / "ssr.onnx").read_bytes() for name in ("first", "second"))
    assert first == second


@pytest.mark.train
def test_table_shows_ida_l_beside_ida_r_and_what_to_do_next(carrying, people, tmp_path):
    with_torch()

    result = train(carrying, tmp_path / "out", "--validate", f"few={people}", "--target", "f")

    assert result.exit_code == 0, result.output
    assert "Spearman" in result.stdout
    assert "FAR 1e-03" in result.stdout
    assert f"ida-verify calibrate --bundle {tmp_path / 'out'}" in result.stdout


@pytest.mark.train
def test_bundle_that_carries_nothing_is_trained_for_from_its_anchors_and_a_file(bare, people, tmp_path):
    with_torch()

    result = train(bare, tmp_path / "out", "--data", str(people), "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["report"]["data"] == {
        "anchors": 150,
        "faces": [{"embeddings": "people", "faces": 300}],
    }


@pytest.mark.train
def test_preset_and_the_options_that_change_it_are_on_the_card(carrying, tmp_path):
    with_torch()

    result = train(carrying, tmp_path / "out", "--preset", "paper", "--learning-rate", "0.01", "--json")

    schedule = json.loads(result.stdout)["report"]["schedule"]
    assert (schedule["optimizer"], schedule["weight_decay"], schedule["decay"]) == ("sgd", 5e-4, "steps")
    assert (schedule["learning_rate"], schedule["iterations"]) == (0.01, 120)


@pytest.mark.train
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--carry"], "--generated"),
        (["--copies", "2"], "--generated"),
        (["--spread", "0", "--mixture", "0", "--shift", "0"], "share"),
        (["--curves", "/nowhere/curves.png"], "/nowhere/curves.png"),
        (["--set-aside", "0.001"], "--set-aside"),
    ],
)
def test_options_that_nothing_can_come_of_are_refused(carrying, tmp_path, arguments, told):
    with_torch()

    result = train(carrying, tmp_path / "out", *arguments)

    assert result.exit_code == 1
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.train
def test_folder_that_is_there_is_not_written_over(carrying, tmp_path):
    with_torch()
    (tmp_path / "out").mkdir()

    result = train(carrying, tmp_path / "out")

    assert result.exit_code == 1
    assert "never written over" in result.stderr


def test_without_pytorch_the_command_names_the_extra(carrying, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("models.heads.ssr.")]:
        monkeypatch.delitem(sys.modules, name)

    result = train(carrying, tmp_path / "out")

    assert result.exit_code == 1
    assert "install the extra [train]" in result.stderr


def test_help_of_every_command_is_told_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)

    result = CliRunner().invoke(app, ["ssr", "train", "--help"])

    assert result.exit_code == 0
    assert "--preset" in result.stdout
