"""The manifest of the liveness part, and what is installed of it."""

from pathlib import Path

import pytest
import tiny_packs
from typer.testing import CliRunner

from models.cli import app
from models.packs.liveness_pull import liveness_store, pull_liveness, shipped_liveness
from models.packs.pull import add_pack
from models.packs.store import PackStore
from models.tool_errors import GraphNotConvertible, PackConflict, PackSourceUnavailable
from service.errors import PackInvalid, PackNotFound
from service.pack import installed_liveness, liveness_folder, parse_liveness_manifest

TOML = tiny_packs.liveness_toml()


def pull(home: Path, manifest: bytes, *given: Path, force: bool = False, step=lambda _: None):
    return pull_liveness(liveness_store(home), manifest, given=given, force=force, step=step)


def test_shipped_manifest_says_how_the_network_is_fed() -> None:
    part = parse_liveness_manifest(shipped_liveness(), where="shipped").liveness
    size = part.preprocessing
    assert (part.box_scale, part.live_output, size.colour, size.mean, size.scale) == (2.7, 0, "bgr", 0, 1)
    assert (size.width, size.height) == (128, 128)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("format = 1", "format = 2", "format"),
        ('name = "liveness"', 'name = "other"', "name"),
        ("box_scale = 2.7", "box_scale = 0.5", "box_scale"),
        ("box_scale = 2.7", "box_scale = nan", "box_scale"),
        ("threshold = 0.5", "threshold = 1.0", "threshold"),
        ("live_output = 0", "live_output = -1", "live_output"),
        ("live_output = 0", "live_output = 0\nsurprise = 1", "surprise"),
        ('source = "tiny"', 'source = "elsewhere"', "source"),
        ('source = "tiny"\n', "", "source"),
        ('member = "package/model/live.onnx"\n', "", "member"),
        ('file = "live.onnx"', 'file = "../live.onnx"', "file"),
        ('source = "tiny"', 'source = "tiny"\nconversion = "mtcnn-onet"', "conversion"),
    ],
)
def test_manifest_that_says_what_it_must_not_is_refused_by_the_field(old: str, new: str, field: str) -> None:
    assert old in TOML
    with pytest.raises(PackInvalid, match=field):
        parse_liveness_manifest(TOML.replace(old, new).encode(), where="it")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"format = ", b"", b"[liveness]"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(PackInvalid):
        parse_liveness_manifest(content, where="it")


def test_id_follows_what_decides_a_verdict_and_nothing_else() -> None:
    def of(toml: str) -> str:
        return parse_liveness_manifest(toml.encode(), where="it").liveness_id

    assert of(TOML.replace("a tiny network", "another word").replace("MIT", "BSD")) == of(TOML)
    changed = [
        TOML.replace("box_scale = 2.7", "box_scale = 2.6"),
        TOML.replace("threshold = 0.5", "threshold = 0.6"),
        TOML.replace("live_output = 0", "live_output = 1"),
        TOML.replace('colour = "bgr"', 'colour = "rgb"'),
    ]
    assert len({of(TOML), *map(of, changed)}) == 5


@pytest.mark.slow
def test_pulled_part_is_installed_with_its_batch_made_dynamic_and_proven(tmp_path: Path) -> None:
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source")
    with pytest.raises(PackNotFound, match="models pull liveness"):
        installed_liveness(tmp_path)
    outcome = pull(tmp_path, manifest, tarball)
    assert outcome.changed
    entry = installed_liveness(tmp_path).receipt.file
    assert (entry.batch, entry.proof.minimum_cosine > 0.999999) == ("dynamic", True)
    assert any("Reshape" in change for change in entry.changes)
    assert not pull(tmp_path, manifest, tarball).changed
    assert pull(tmp_path, manifest, tarball, force=True).changed


@pytest.mark.parametrize("name", ["live.onnx", "liveness.toml", "receipt.json"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_damaged_part_is_not_loaded_and_pulled_again(tmp_path: Path, name: str, damage) -> None:
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source")
    pull(tmp_path, manifest, tarball)
    damage(liveness_folder(tmp_path) / name)
    with pytest.raises(PackInvalid, match="--force liveness"):
        installed_liveness(tmp_path)
    assert "damaged" in pull(tmp_path, manifest, tarball).notes[0]
    installed_liveness(tmp_path)


def test_part_of_an_older_manifest_is_replaced(tmp_path: Path) -> None:
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source")
    pull(tmp_path, manifest, tarball)
    outcome = pull(tmp_path, manifest.replace(b"threshold = 0.5", b"threshold = 0.6"), tarball)
    assert (outcome.changed, outcome.part.manifest.liveness.threshold) == (True, 0.6)
    assert "older" in outcome.notes[0]


def test_network_of_another_digest_is_not_used(tmp_path: Path) -> None:
    manifest, _ = tiny_packs.write_liveness(tmp_path / "source")
    model = tiny_packs.liveness()
    model.graph.initializer[-1].raw_data = bytes(len(model.graph.initializer[-1].raw_data))
    _, other = tiny_packs.write_liveness(tmp_path / "other", model)
    with pytest.raises(PackInvalid, match="sha256"):
        pull(tmp_path, manifest, other)
    assert not liveness_folder(tmp_path).exists()


def test_network_that_mixes_a_batch_is_refused(tmp_path: Path) -> None:
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source", tiny_packs.liveness(mixes_batch=True))
    with pytest.raises(GraphNotConvertible):
        pull(tmp_path, manifest, tarball)
    assert not liveness_folder(tmp_path).exists()


def test_network_without_the_output_that_says_live_is_refused(tmp_path: Path) -> None:
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source")
    with pytest.raises(PackInvalid, match="live_output"):
        pull(tmp_path, manifest.replace(b"live_output = 0", b"live_output = 3"), tarball)


def test_given_file_that_is_no_tarball_is_refused(tmp_path: Path) -> None:
    manifest, _ = tiny_packs.write_liveness(tmp_path / "source")
    (tmp_path / "no.tgz").write_bytes(b"no tarball")
    with pytest.raises(PackSourceUnavailable):
        pull(tmp_path, manifest, tmp_path / "no.tgz")


@pytest.mark.slow
def test_part_is_removed_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDA_HOME", str(tmp_path))
    assert CliRunner().invoke(app, ["models", "remove", "liveness"]).exit_code == 1
    manifest, tarball = tiny_packs.write_liveness(tmp_path / "source")
    pull(tmp_path, manifest, tarball)
    result = CliRunner().invoke(app, ["models", "remove", "liveness"])
    assert (result.exit_code, "liveness is removed" in result.output) == (0, True)
    assert not liveness_folder(tmp_path).exists()


@pytest.mark.parametrize("force", [False, True])
def test_no_pack_takes_the_name_of_the_part(tmp_path: Path, force: bool) -> None:
    tiny_packs.write_pack(tmp_path / "own", name="liveness")
    with pytest.raises(PackConflict, match="another name"):
        add_pack(PackStore(tmp_path / "home"), tmp_path / "own", force=force, step=lambda _: None)
