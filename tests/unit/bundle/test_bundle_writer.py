"""Writing a bundle: whole or not at all, and the same bytes for the same content."""

from dataclasses import replace

import numpy as np
import pytest

from models.bundles.create import create_bundle
from service.bundle.bundle_manifest import MANIFEST_NAME, parse_manifest
from service.bundle.reader import read_bundle
from service.bundle.writer import PartContent, write_bundle
from service.errors import BundleExists, BundleNotWritten, TooFewAnchors, UnknownMethod
from service.scoring.parameters import Parameters


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_create_bundle_writes_the_parts_and_tells_the_id(tmp_path, stored, facts, embed, backbone_id):
    folder = tmp_path / "bundle"

    bundle_id = create_bundle(folder, stored, facts, embed)

    assert set(files_of(folder)) == {
        "manifest.json",
        "embeddings.npy",
        "golden_pairs.npy",
        "golden_scores.json",
        "golden_crop.npy",
    }
    assert read_bundle(folder, backbone_id=backbone_id).bundle_id == bundle_id
    assert np.array_equal(np.load(folder / "embeddings.npy", allow_pickle=False), stored)


def test_create_bundle_twice_gives_the_same_bytes(tmp_path, stored, facts, embed):
    first = create_bundle(tmp_path / "first", stored, facts, embed)
    second = create_bundle(tmp_path / "second", stored, facts, embed)

    assert first == second
    assert files_of(tmp_path / "first") == files_of(tmp_path / "second")


def test_create_bundle_with_another_seed_chooses_other_golden_pairs(tmp_path, stored, facts, embed):
    first = create_bundle(tmp_path / "first", stored, facts, embed)
    second = create_bundle(tmp_path / "second", stored, replace(facts, seed=1), embed)

    assert first != second
    assert files_of(tmp_path / "first")["golden_pairs.npy"] != files_of(tmp_path / "second")["golden_pairs.npy"]


def test_create_bundle_makes_the_folders_above_it(tmp_path, stored, facts, embed):
    create_bundle(tmp_path / "a" / "b", stored, facts, embed)

    assert (tmp_path / "a" / "b" / MANIFEST_NAME).is_file()


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_create_bundle_where_something_is_leaves_it_alone(tmp_path, stored, facts, embed, kind):
    target = tmp_path / "bundle"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")

    with pytest.raises(BundleExists, match="never written over"):
        create_bundle(target, stored, facts, embed)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(("anchors", "k"), [(4, 5), (1, 1), (0, 1)])
def test_create_bundle_of_too_few_anchors_writes_nothing(tmp_path, stored, facts, embed, anchors, k):
    with pytest.raises(TooFewAnchors, match=f"There are {anchors} anchors"):
        create_bundle(tmp_path / "bundle", stored[:anchors], replace(facts, parameters=Parameters(k=k)), embed)
    assert list(tmp_path.iterdir()) == []


def test_create_bundle_with_an_unknown_default_method_writes_nothing(tmp_path, stored, facts, embed):
    with pytest.raises(UnknownMethod, match="cosine, ida-r"):
        create_bundle(tmp_path / "bundle", stored, replace(facts, default_method="euclid"), embed)
    assert list(tmp_path.iterdir()) == []


def test_create_bundle_below_a_file_says_so(tmp_path, stored, facts, embed):
    (tmp_path / "file").write_text("")

    with pytest.raises(BundleNotWritten, match="cannot be written"):
        create_bundle(tmp_path / "file" / "bundle", stored, facts, embed)


def test_write_bundle_that_runs_out_of_disk_leaves_nothing(tmp_path, bundle):
    manifest = parse_manifest((bundle / MANIFEST_NAME).read_bytes(), bundle)

    def full(stream):
        stream.write(b"some")
        raise OSError(28, "No space left on device")

    with pytest.raises(BundleNotWritten, match="No space left on device"):
        write_bundle(tmp_path / "new", manifest, {"embeddings": PartContent("embeddings.npy", full)})
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_write_bundle_that_is_interrupted_leaves_nothing(tmp_path, bundle):
    manifest = parse_manifest((bundle / MANIFEST_NAME).read_bytes(), bundle)

    def interrupted(stream):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bundle(tmp_path / "new", manifest, {"embeddings": PartContent("embeddings.npy", interrupted)})
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_write_bundle_where_another_appeared_meanwhile_leaves_that_one(tmp_path, bundle):
    manifest = parse_manifest((bundle / MANIFEST_NAME).read_bytes(), bundle)
    target = tmp_path / "new"

    def overtaken(stream):
        target.mkdir()
        (target / "theirs").write_text("theirs")

    with pytest.raises(BundleNotWritten):
        write_bundle(target, manifest, {"embeddings": PartContent("embeddings.npy", overtaken)})
    assert files_of(target) == {"theirs": b"theirs"}
