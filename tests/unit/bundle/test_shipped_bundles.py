"""Each anchor set in the package is whole and made for a pack that can be pulled."""

import pytest

from models.packs.shipped import shipped_manifest, shipped_names
from service.activation.built_in import built_in_of, shipped_bundles
from service.bundle.reader import read_bundle, read_bundle_id, read_manifest
from service.pack import MANIFEST_NAME, parse_manifest
from service.settings import DEFAULT_BUNDLE

PACKS = [parse_manifest(shipped_manifest(name), where=MANIFEST_NAME) for name in shipped_names()]
PACKS_BY_BACKBONE = {pack.backbone_id: pack for pack in PACKS}


@pytest.mark.parametrize("folder", shipped_bundles(), ids=lambda folder: folder.name)
def test_shipped_bundle_is_whole_and_served_with_the_pack_it_was_made_for(folder):
    pack = PACKS_BY_BACKBONE[read_manifest(folder).backbone_id]

    manifest = read_bundle(folder, backbone_id=pack.backbone_id).manifest

    assert manifest.pipeline_id == pack.pipeline_id
    assert manifest.default_method == "ida-r"
    assert built_in_of(DEFAULT_BUNDLE, pack.backbone_id).folder == folder


@pytest.mark.parametrize("folder", shipped_bundles(), ids=lambda folder: folder.name)
def test_its_card_names_it_and_its_pack(folder):
    card = (folder.parent / f"{folder.name}_card.md").read_text("utf-8")
    pack = PACKS_BY_BACKBONE[read_manifest(folder).backbone_id]
    for named in (read_bundle_id(folder), pack.name, pack.backbone_id, pack.pipeline_id):
        assert f"`{named}`" in card


def test_two_packs_have_an_anchor_set():
    assert [folder.name for folder in shipped_bundles()] == ["default", "opencv-sface-int8"]
