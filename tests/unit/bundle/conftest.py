"""Fixtures of the bundle tests: a bundle of random anchors and a backbone made of a fixed projection."""

import json
from pathlib import Path

import numpy as np
import pytest
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from service.bundle.bundle_manifest import MANIFEST_NAME, bundle_id_of, canonical_json
from service.pack import file_sha256
from service.scoring.parameters import Parameters

BACKBONE_ID = "00112233445566aa"
DIMENSION = 16


@pytest.fixture
def backbone_id():
    """Return the id of the backbone that the bundle is made for."""
    return BACKBONE_ID


@pytest.fixture
def unit_rows():
    """Return a maker of random unit rows (n, d) float32, the same in every run."""
    rng = np.random.default_rng(11)

    def make(count, dimension=DIMENSION):
        return to_unit(rng.standard_normal((count, dimension)))

    return make


@pytest.fixture
def embed():
    """Return a backbone of a fixed projection of the crop's mean colours by row."""
    directions = np.random.default_rng(3).standard_normal((112 * 3, DIMENSION))

    def run(crops):
        return to_unit(crops.astype(np.float64).mean(axis=2).reshape(len(crops), -1) @ directions)

    return run


@pytest.fixture
def facts():
    """Return what the bundle says of itself."""
    return NewBundle(
        backbone_id=BACKBONE_ID,
        pipeline_id="ffeeddccbbaa0099",
        parameters=Parameters(k=5, tau=2.0, strength=0.5),
        default_method="ida-r",
        provenance={"sources": [{"folder": "made up", "anchors": 60}], "seed": 0},
        created_by="ida-verify test",
    )


@pytest.fixture
def stored(unit_rows):
    """Return 60 embeddings as a bundle stores them, in float16."""
    return unit_rows(60).astype(np.float16)


@pytest.fixture
def bundle(tmp_path, stored, facts, embed):
    """Return the folder of a bundle of 60 anchors."""
    folder = tmp_path / "bundle"
    create_bundle(folder, stored, facts, embed)
    return folder


@pytest.fixture
def rewrite_manifest():
    """Return a function that changes a bundle's manifest through a callback and tells its new bundle_id."""

    def rewrite(folder: Path, change) -> str:
        document = json.loads((folder / MANIFEST_NAME).read_bytes())
        change(document)
        content = canonical_json(document)
        (folder / MANIFEST_NAME).write_bytes(content)
        return bundle_id_of(content)

    return rewrite


@pytest.fixture
def replace_part(rewrite_manifest):
    """Return a function that replaces a part's bytes and makes the manifest say so: a consistent, wrong bundle."""

    def replace(folder: Path, name: str, content: bytes) -> None:
        def say_so(document):
            part = document["parts"][name]
            path = folder / part["file"]
            path.write_bytes(content)
            part.update(sha256=file_sha256(path), bytes=len(content))

        rewrite_manifest(folder, say_so)

    return replace
