"""Making a new bundle from another: what changes is written, all other parts are taken over as they are."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from service.bundle.bundle_manifest import HEADS, SSR, Manifest
from service.bundle.golden_pairs import golden_contents
from service.bundle.reader import Bundle
from service.bundle.ssr_part import SsrCard
from service.bundle.writer import PartContent, refuse_existing, write_bundle
from service.errors import HeadMismatch
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters
from service.scoring.terms import TermSource
from service.snapshot.golden_check import rescored

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Change:
    """What a new bundle has that the other had not.

    Attributes:
        parameters: those of the new bundle.
        default_method: its method of a request that names none.
        contents: parts that are new, or take the place of others of their name.
        created_by: the program that makes it, and its version.
        left_out: names of the other's parts that are not taken over.
    """

    parameters: Parameters
    default_method: str
    contents: Mapping[str, PartContent]
    created_by: str
    left_out: frozenset[str] = frozenset()


def derive_bundle(folder: Path, source: Path, bundle: Bundle, terms: TermSource, change: Change) -> str:
    """Write a new bundle that shares the unchanged parts of another, and return its bundle_id.

    The golden pairs stay and are scored again, since they are bound to the parameters. The source is only read. A
    network of ida-q or ida-ql that was trained for other parameters, or another SSR head, is not taken over.

    Args:
        folder: where to write; must not exist.
        source: the folder that ``bundle`` was read from.
        bundle: the other bundle.
        terms: gives the terms of faces in the new bundle.
        change: what is new.

    Raises:
        BundleExists: if the folder is there already.
        BundleNotWritten: if the disk does not take it, or the source is gone.
        UnknownMethod: if the default method does not exist.
        HeadMismatch: if the other's SSR head would stay, and was trained for other parameters.
        InferenceFailed, SearchFailed, TooFewAnchors: if the golden pairs cannot be scored.
    """
    refuse_existing(folder)
    find_method(change.default_method)
    manifest, parameters = bundle.manifest, change.parameters
    if bundle.head is not None and SSR not in change.left_out | change.contents.keys():
        _require_fit(bundle.head.card, parameters)
    outdated = _outdated(bundle, change)
    left_out = {*change.left_out, *outdated, *(HEADS[part] for part in outdated)}
    if change.default_method.replace("-", "_") in outdated:
        # Its own densities are still there, and need no network.
        change = replace(change, default_method="ida-l" if change.default_method == "ida-ql" else "ida-r")
    golden = golden_contents(
        rescored(bundle.golden, terms, parameters), anchors_digest=manifest.anchors_digest, parameters=parameters
    )
    contents = {
        **{name: _copied(source / part.file) for name, part in manifest.parts.items() if name not in left_out},
        **golden,
        **change.contents,
    }
    return write_bundle(folder, derived_manifest(manifest, change), contents)


def derived_manifest(manifest: Manifest, change: Change) -> Manifest:
    """Return what the new bundle says of itself; its parts are filled in when it is written."""
    parameters = change.parameters
    return manifest.model_copy(
        update={
            **parameters.model_dump(),
            "default_method": change.default_method,
            "created_by": change.created_by,
        }
    )


def _outdated(bundle: Bundle, change: Change) -> set[str]:
    """Return the networks that tell nothing of the new bundle's faces."""
    changes_head = SSR in {*change.contents, *change.left_out}
    return {
        found.card.part
        for found in bundle.likelihood
        if found.card.part not in change.contents
        and (found.card.misfit(change.parameters) or (found.card.ssr_sha256 is not None and changes_head))
    }


def _require_fit(card: SsrCard, parameters: Parameters) -> None:
    misfit = card.misfit(parameters)
    if misfit is not None:
        raise HeadMismatch(
            f"The new bundle cannot keep the other's head: {misfit}. Keep its parameters, or leave the head out and "
            "train another."
        )


def _copied(path: Path) -> PartContent:
    def write(stream: BinaryIO) -> None:
        with path.open("rb") as original:
            shutil.copyfileobj(original, stream, _COPY_BYTES)

    return PartContent(path.name, write)
