"""Reading a bundle: every part checked against the manifest before anything is made of it."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from service.arrays import Floats32
from service.bundle.anchors_part import Anchors
from service.bundle.bundle_manifest import (
    CALIBRATION,
    EMBEDDINGS,
    GOLDEN_CROP,
    GOLDEN_PAIRS,
    GOLDEN_SCORES,
    MANIFEST_BYTES_LIMIT,
    MANIFEST_NAME,
    TRAINING,
    Manifest,
    bundle_id_of,
    parse_manifest,
)
from service.bundle.calibration_part import parse_calibrations
from service.bundle.golden_pairs import GoldenPairs, parse_scores
from service.bundle.head_part import CardT, StoredHead, parse_card
from service.bundle.likelihood_part import LIKELIHOOD_CARDS, LikelihoodCard
from service.bundle.pfe_part import PfeCard
from service.bundle.ssr_part import SsrCard
from service.errors import BundleInvalid, BundleMismatch, HeadMismatch, UnknownMethod
from service.scoring.calibration import Calibrations
from service.scoring.methods import find_method

DOCUMENT_BYTES_LIMIT = 8 * 1024 * 1024
"""Largest part of a bundle that is read as a JSON document."""

# Rounding a unit vector's values to float16 moves its norm by 5e-4 at most, to float32 by far less.
_NORM_TOLERANCE = {"float16": 1e-3, "float32": 1e-4}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every part was found to be what its manifest says.

    Attributes:
        bundle_id: digest of the manifest.
        manifest: what the bundle says of itself.
        anchors: its anchor set.
        golden: its golden pairs.
        calibrations: what its scores mean; None where it was not calibrated.
        head: its SSR head; None where it has none.
        pfe: its uncertainty head; None where it has none.
        likelihood: its networks of ida-q and ida-ql, those that it has.
    """

    bundle_id: str
    manifest: Manifest
    anchors: Anchors
    golden: GoldenPairs
    calibrations: Calibrations | None
    head: StoredHead[SsrCard] | None
    pfe: StoredHead[PfeCard] | None = None
    likelihood: tuple[StoredHead[LikelihoodCard], ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """Read what the bundle in a folder says of itself; its parts are not looked at.

    Raises:
        BundleInvalid: if there is no manifest, or it cannot be read.
    """
    return parse_manifest(manifest_content(folder), folder / MANIFEST_NAME)


def read_bundle_id(folder: Path) -> str:
    """Return the id of the bundle in a folder: the digest of its manifest, which is not parsed.

    Raises:
        BundleInvalid: if there is no manifest, or it is larger than any.
    """
    return bundle_id_of(manifest_content(folder))


def read_bundle(folder: Path, *, backbone_id: str) -> Bundle:
    """Read and check the bundle in a folder.

    Args:
        folder: the bundle.
        backbone_id: the backbone that it will be used with.

    Raises:
        BundleMismatch: if it was made for another backbone.
        HeadMismatch: if one of its heads was trained for another bundle.
        BundleInvalid: if it cannot be read, or a part is not what the manifest says.
    """
    content = manifest_content(folder)
    manifest = parse_manifest(content, folder / MANIFEST_NAME)
    _check_backbone(folder, manifest, backbone_id)
    try:
        find_method(manifest.default_method)
    except UnknownMethod as error:
        raise BundleInvalid(f"The bundle {folder} has an unknown default_method: {error.message}") from error
    stored, widened = _read_embeddings(folder, manifest, EMBEDDINGS, (manifest.count, manifest.dimension))
    anchors = Anchors.from_stored(stored, manifest.backbone_id, widened)
    if anchors.anchors_digest != manifest.anchors_digest:
        raise BundleInvalid(
            f"The anchors of {folder} have the digest {anchors.anchors_digest}, not "
            f"{manifest.anchors_digest} as its manifest says."
        )
    if TRAINING in manifest.parts:
        with _checked(folder, manifest, TRAINING):
            pass
    return Bundle(
        bundle_id=bundle_id_of(content),
        manifest=manifest,
        anchors=anchors,
        golden=_read_golden(folder, manifest),
        calibrations=_read_calibrations(folder, manifest),
        head=_read_head(folder, manifest, SsrCard),
        pfe=_read_head(folder, manifest, PfeCard),
        likelihood=tuple(_read_likelihood(folder, manifest)),
    )


def manifest_content(folder: Path) -> bytes:
    """Return the bytes of the manifest of the bundle in a folder; raises as ``read_manifest``, but parses nothing."""
    path = folder / MANIFEST_NAME
    try:
        with path.open("rb") as stream:
            content = stream.read(MANIFEST_BYTES_LIMIT + 1)
    except OSError as error:
        raise BundleInvalid(
            f"There is no bundle in {folder}: {MANIFEST_NAME} cannot be read ({error.strerror}). Build one with "
            "`ida-verify anchors build`, or point IDA_BUNDLE at one."
        ) from error
    if len(content) > MANIFEST_BYTES_LIMIT:
        raise BundleInvalid(f"{path} has more than {MANIFEST_BYTES_LIMIT} bytes.")
    return content


def _check_backbone(folder: Path, manifest: Manifest, backbone_id: str) -> None:
    if manifest.backbone_id != backbone_id:
        raise BundleMismatch(
            f"The bundle {folder} was made for the backbone {manifest.backbone_id}, and the model pack has "
            f"{backbone_id}. Serve the pack it was made for (IDA_PACK), build a bundle for this one with "
            "`ida-verify anchors build`, or serve cosine alone (IDA_BUNDLE=none)."
        )


def _read_golden(folder: Path, manifest: Manifest) -> GoldenPairs:
    scores = parse_scores(_document(folder, manifest, GOLDEN_SCORES), manifest)
    pairs = len(next(iter(scores.values())))
    _, embeddings = _read_embeddings(folder, manifest, GOLDEN_PAIRS, (pairs, 2, manifest.dimension))
    _, crop_embedding = _read_embeddings(folder, manifest, GOLDEN_CROP, (manifest.dimension,))
    return GoldenPairs(
        probes=np.ascontiguousarray(embeddings[:, 0]),
        references=np.ascontiguousarray(embeddings[:, 1]),
        scores=scores,
        crop_embedding=crop_embedding,
    )


def _read_calibrations(folder: Path, manifest: Manifest) -> Calibrations | None:
    if CALIBRATION not in manifest.parts:
        return None
    return parse_calibrations(_document(folder, manifest, CALIBRATION), manifest)


def _read_head(folder: Path, manifest: Manifest, kind: type[CardT]) -> StoredHead[CardT] | None:
    if kind.part not in manifest.parts:
        return None
    part = manifest.parts[kind.part]
    if kind.bytes_limit is not None and part.bytes > kind.bytes_limit:
        raise BundleInvalid(_what(folder, part.file, f"has {part.bytes} bytes, at most {kind.bytes_limit} are read"))
    card = parse_card(kind, _document(folder, manifest, kind.card_part), manifest)
    with _checked(folder, manifest, kind.part):
        return StoredHead(folder / part.file, card)


def _read_likelihood(folder: Path, manifest: Manifest) -> Iterator[StoredHead[LikelihoodCard]]:
    for kind in LIKELIHOOD_CARDS:
        found = _read_head(folder, manifest, kind)
        if found is None:
            continue
        if not found.card.is_of(manifest):
            raise HeadMismatch(
                f"The {kind.called} was told the densities of another SSR head than the bundle's. Train it again with "
                f"`{kind.command}`."
            )
        yield found


def _document(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Return the bytes of a part that is a JSON document, found to be no more than are parsed."""
    part = manifest.parts[name]
    if part.bytes > DOCUMENT_BYTES_LIMIT:
        raise BundleInvalid(
            _what(folder, part.file, f"has {part.bytes} bytes, at most {DOCUMENT_BYTES_LIMIT} are read")
        )
    with _checked(folder, manifest, name) as stream:
        return stream.read()


@contextmanager
def _checked(folder: Path, manifest: Manifest, name: str) -> Iterator[BinaryIO]:
    """Give a part's open file, its size and digest found right."""
    part = manifest.parts[name]
    try:
        with (folder / part.file).open("rb") as stream:
            size = stream.seek(0, 2)
            if size != part.bytes:
                raise BundleInvalid(_what(folder, part.file, f"has {size} bytes, the manifest says {part.bytes}"))
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != part.sha256:
                raise BundleInvalid(_what(folder, part.file, f"has sha256 {digest}, the manifest says {part.sha256}"))
            stream.seek(0)
            yield stream
    except OSError as error:
        raise BundleInvalid(_what(folder, part.file, f"cannot be read ({error.strerror})")) from error


def _read_embeddings(
    folder: Path, manifest: Manifest, name: str, shape: tuple[int, ...]
) -> tuple[NDArray[Any], Floats32]:
    """Return a part's embeddings as stored and in float32, found finite and of unit norm along the last axis."""
    file = manifest.parts[name].file
    with _checked(folder, manifest, name) as stream:
        try:
            found, dtype = _array_header(stream)
        except ValueError as error:
            raise BundleInvalid(_what(folder, file, f"is no .npy array ({error})")) from error
        if found != shape or dtype.name not in _NORM_TOLERANCE:
            raise BundleInvalid(
                _what(folder, file, f"holds {dtype.name} {found}, not {shape} of {' or '.join(_NORM_TOLERANCE)}")
            )
        # Checked before reading: a header may ask for more memory than the file has bytes.
        if manifest.parts[name].bytes - stream.tell() != math.prod(shape) * dtype.itemsize:
            raise BundleInvalid(_what(folder, file, "is cut short, or has bytes after its array"))
        stream.seek(0)
        stored: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    # In float32 once and for all: widening takes longer than whatever is then computed.
    widened = stored.astype(np.float32)
    norms = np.sqrt(np.einsum("...d,...d->...", widened, widened))
    if not np.all(np.abs(norms - 1.0) <= _NORM_TOLERANCE[dtype.name]):
        is_finite = np.all(np.isfinite(widened))
        problem = "has embeddings that are not of unit norm" if is_finite else "has values that are not finite"
        raise BundleInvalid(_what(folder, file, problem))
    return stored, widened


def _array_header(stream: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("another version of the format")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if fortran_order or not dtype.isnative:
        raise ValueError("another memory layout")
    return shape, dtype


def _what(folder: Path, file: str, problem: str) -> str:
    return f"{file} of the bundle {folder} {problem}. Copy or build the bundle again."
