"""``ida-verify anchors inspect`` on a bundle of a tiny pack, and on the shipped one with real faces."""

import json

import numpy as np
import pytest
from fakes import picture
from tiny_packs import write_pack
from typer.testing import CliRunner

from models.commands import packs
from models.commands.anchors import app
from service.settings import DEFAULT_BUNDLE


def command(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Return a folder with pictures, and a bundle of them of a pack that finds a face in each."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "pictures").mkdir()
    for number in range(40):
        (folder / "pictures" / f"{number:02}.png").write_bytes(picture(seed=number))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDA_HOME", str(folder / "home"))
        patch.setenv("IDA_PACK", "tiny")
        added = CliRunner().invoke(packs.app, ["add", str(write_pack(folder / "own", dimension=64))])
        assert added.exit_code == 0, added.output
        built = command("build", "--images", folder / "pictures", "--recipe", "none", "--out", folder / "bundle")
        assert built.exit_code == 0, built.output
    return folder


@pytest.fixture
def bundle(tiny, monkeypatch):
    monkeypatch.setenv("IDA_HOME", str(tiny / "home"))
    monkeypatch.setenv("IDA_PACK", "tiny")
    return tiny / "bundle"


def test_inspect_alone_says_how_the_set_is_spread(bundle):
    result = command("inspect", bundle)

    assert result.exit_code == 0, result.output
    assert "40 anchors of bundle" in result.output
    assert "mean cosine" in result.output


@pytest.mark.parametrize("cache", ["--cache", "--no-cache"])
def test_inspect_against_the_anchors_own_pictures_finds_every_collision(tiny, bundle, tmp_path, cache):
    result = command(
        "inspect", bundle, "--probes", tiny / "pictures", "--guard", 0.999, "--json", tmp_path / "set.json",
        "--picture", tmp_path / "set.png", cache,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    said = json.loads((tmp_path / "set.json").read_text())
    assert (said["probes"]["probes"], said["probes"]["colliding"], said["probes"]["guard"]) == (40, 40, 0.999)
    assert {hit["probe"] for hit in said["probes"]["collisions"]} <= {f"{number:02}.png" for number in range(40)}
    assert (tmp_path / "set.png").read_bytes().startswith(b"\x89PNG")


def test_inspect_takes_embeddings_without_a_pipeline(bundle, tmp_path):
    np.savez(tmp_path / "faces.npz", embeddings=np.load(bundle / "embeddings.npy")[:10])

    result = command("inspect", bundle, "--probes", tmp_path / "faces.npz")

    assert result.exit_code == 0, result.output
    assert "against 10 real faces" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--probes", "{tmp}"), "has a face"),
        (("--json", "{tmp}/nowhere/set.json"), "cannot be written"),
        (("--picture", "{tmp}/nowhere/set.png"), "cannot be written"),
    ],
)
def test_inspect_that_cannot_be_done_exits_1_and_says_why(bundle, tmp_path, arguments, said):
    result = command("inspect", bundle, *(argument.format(tmp=tmp_path) for argument in arguments))

    assert result.exit_code == 1
    assert said in result.output


def test_inspect_of_a_bundle_of_another_backbone_says_so(tiny, bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("IDA_HOME", str(tmp_path))
    added = CliRunner().invoke(packs.app, ["add", str(write_pack(tmp_path / "own", dimension=32))])
    assert added.exit_code == 0, added.output

    result = command("inspect", bundle)

    assert result.exit_code == 1
    assert "another backbone" in result.output or "was made for the backbone" in result.output


@pytest.mark.weights
def test_inspect_the_shipped_bundle_on_a_real_photograph(pack, hopper_jpeg, tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "hopper.jpg").write_bytes(hopper_jpeg)

    result = command("inspect", DEFAULT_BUNDLE, "--probes", tmp_path / "faces", "--no-cache")

    assert result.exit_code == 0, result.output
    assert "against 1 real faces" in result.output
