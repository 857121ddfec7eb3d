"""The pictures of the pairs that a page lists, scaled down: faces of people, who must have been asked for."""

import base64
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from models.evaluation.report.report_document import MethodResult, Report
from models.images.image_folder import DECODER_FAILURES, read_image
from models.labelled.files.read import read_listing
from models.labelled.labels import Labels
from service.choices import Gates
from service.errors import InputError
from service.faces.pictures.decode import open_image
from service.faces.pictures.image_file import REDUCTIONS

SIDE = 144
"""Pixels of a thumbnail's longer side."""
MOST_THUMBNAILS = 2_000
"""A page of more would be too large to open; the pairs beyond are told by name."""


def thumbnails_of(
    report: Report,
    labels: Sequence[Labels],
    images: Path | None,
    gates: Gates,
) -> dict[tuple[str, str], str]:
    """Return data URIs by set and name of the picture; without those that are not there or cannot be read.

    Args:
        report: lists the pairs.
        labels: its sets, in the same order.
        images: where the paths in label files start; beside them by default.
        gates: what a picture must pass to be decoded.

    Raises:
        LabelsInvalid: if a set has changed since it was evaluated, and cannot be read any more.
    """
    found: dict[tuple[str, str], str] = {}
    for labelled, of_set in zip(report.sets, labels, strict=True):
        if of_set.holds_embeddings:
            continue
        root = read_listing(of_set.path, images).root
        names = (name for pack in labelled.packs for method in pack.methods for name in _listed_names(method))
        for name in dict.fromkeys(names):
            if len(found) >= MOST_THUMBNAILS:
                return found
            if (uri := _thumbnail(root / name, gates)) is not None:
                found[labelled.name, name] = uri
    return found


def _listed_names(method: MethodResult) -> Iterator[str]:
    pairs = [*method.highest_non_mated, *method.lowest_mated]
    for of_kind in method.changes.examples.values() if method.changes else ():
        pairs += of_kind
    for pair in pairs:
        yield from (pair.first, pair.second)


def _thumbnail(path: Path, gates: Gates) -> str | None:
    try:
        file = open_image(read_image(path, gates.max_image_bytes), gates)
        # No more of a large photograph than is looked at.
        reduced = (by for by in REDUCTIONS if file.is_reducible and min(file.width, file.height) >= by * SIDE)
        pixels = file.pixels(next(reduced, 1))
    except (OSError, InputError, *DECODER_FAILURES):
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE))
    # Of the pixels alone: neither place nor date nor anything else that the file says of them.
    buffer = BytesIO()
    picture.save(buffer, format="JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
