"""Making a new bundle from another: what changes is written, all other parts are taken over as they are."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from service.anchors.face_terms import TermFinder
from service.bundle.golden import rescored
from service.bundle.golden_pairs import golden_contents
from service.bundle.manifest import Manifest
from service.bundle.reader import Bundle
from service.bundle.writer import PartContent, refuse_existing, write_bundle
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Change:
    """What a new bundle has that the other had not.

    Attributes:
        parameters: those of the new bundle.
        default_method: its method of a request that names none.
        contents: parts that are new, or take the place of others of their name.
        created_by: the program that makes it, and its version.
    """

    parameters: Parameters
    default_method: str
    contents: Mapping[str, PartContent]
    created_by: str


def derive_bundle(folder: Path, source: Path, bundle: Bundle, finder: TermFinder, change: Change) -> str:
    """Write a new bundle that shares the unchanged parts of another, and return its bundle_id.

    The golden pairs stay and are scored again, since they are bound to the parameters. The source is only read.

    Args:
        folder: where to write; must not exist.
        source: the folder that ``bundle`` was read from.
        bundle: the other bundle.
        finder: finds the terms of faces among its anchors.
        change: what is new.

    Raises:
        BundleExists: if the folder is there already.
        BundleNotWritten: if the disk does not take it, or the source is gone.
        UnknownMethod: if the default method does not exist.
        SearchFailed, TooFewAnchors: if the golden pairs cannot be scored.
    """
    refuse_existing(folder)
    find_method(change.default_method)
    manifest, parameters = bundle.manifest, change.parameters
    golden = golden_contents(
        rescored(bundle.golden, finder, parameters), anchor_set_id=manifest.anchor_set_id, parameters=parameters
    )
    contents = {
        **{name: _copied(source / part.file) for name, part in manifest.parts.items()},
        **golden,
        **change.contents,
    }
    return write_bundle(folder, derived_manifest(manifest, change), contents)


def derived_manifest(manifest: Manifest, change: Change) -> Manifest:
    """Return what the new bundle says of itself; its parts are filled in when it is written."""
    parameters = change.parameters
    return manifest.model_copy(
        update={
            "k": parameters.k,
            "tau": parameters.tau,
            "strength": parameters.strength,
            "cohort": parameters.cohort,
            "guard": parameters.guard,
            "default_method": change.default_method,
            "created_by": change.created_by,
        }
    )


def _copied(path: Path) -> PartContent:
    def write(stream: BinaryIO) -> None:
        with path.open("rb") as original:
            shutil.copyfileobj(original, stream, _COPY_BYTES)

    return PartContent(path.name, write)
