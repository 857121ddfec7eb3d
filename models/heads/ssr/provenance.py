"""Which source image each anchor was made from, as far as a bundle's provenance tells it."""

from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue

from service.arrays import Ints
from service.bundle.bundle_manifest import Manifest


def anchor_sources(manifest: Manifest) -> Ints:
    """Return the number of each anchor's source image, (n,) int64.

    Images that gave a face are numbered in their order. Where the provenance does not tell which anchor is whose
    (generators' runs apart, anchors of other bundles, thinned sets), each anchor is a source of its own.
    """
    copies = _copies(manifest)
    rows = np.arange(manifest.count, dtype=np.int64)
    return rows if copies is None else rows // copies


def made_of(manifest: Manifest, folder: str, counted: Sequence[tuple[str, int, int]]) -> bool:
    """Return whether the anchors were made from the images of a folder, so that both number their sources alike.

    Args:
        manifest: of the anchors' bundle.
        folder: the folder's name.
        counted: by folder right below it, its name, its images, and those that gave a face; sorted by name.
    """
    copies = _copies(manifest)
    sources = manifest.provenance.get("sources")
    if copies is None or manifest.provenance.get("images") != folder or not isinstance(sources, list):
        return False
    told = [
        (group.get("folder"), group.get("images"), group.get("anchors")) for group in sources if isinstance(group, dict)
    ]
    return told == [(name, images, copies * faces) for name, images, faces in counted]


def _copies(manifest: Manifest) -> int | None:
    """Return the anchors of each image; None where they do not lie in the images' order, or are not all there."""
    recipe, shaped = manifest.provenance.get("recipe"), manifest.provenance.get("set")
    copies = _count(recipe, "copies")
    if copies is None or copies < 1 or manifest.count % copies:
        return None
    given = _count(shaped, "given")
    return copies if given == manifest.count else None


def _count(value: JsonValue, name: str) -> int | None:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, int) else None
