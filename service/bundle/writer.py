"""Writing a bundle: whole or not at all, never over another, the same bytes for the same content."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from service.bundle.bundle_manifest import MANIFEST_NAME, Manifest, Part, bundle_id_of, canonical_json, manifest_bytes
from service.errors import BundleExists, BundleNotWritten
from service.pack import file_sha256


@dataclass(frozen=True, slots=True)
class PartContent:
    """What a part will hold.

    Attributes:
        file: its name in the bundle's folder.
        write: writes its bytes to an open file.
    """

    file: str
    write: Callable[[BinaryIO], object]


def array_content(file: str, array: NDArray[Any]) -> PartContent:
    """Return a part that holds an array as a .npy file, little-endian and in C order.

    An .npz would not do: it carries the time at which it was written.
    """
    stored = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return PartContent(
        file, lambda stream: np.lib.format.write_array(stream, stored, version=(1, 0), allow_pickle=False)
    )


def json_content(file: str, value: JsonValue) -> PartContent:
    """Return a part that holds a JSON value."""
    return PartContent(file, lambda stream: stream.write(canonical_json(value)))


def refuse_existing(folder: Path) -> None:
    """Refuse to write a bundle where something is.

    Raises:
        BundleExists: if the folder, or a file of its name, is there.
    """
    if folder.exists() or folder.is_symlink():
        raise BundleExists(
            f"{folder} is there already, and a bundle is never written over: choose another folder, or remove it first."
        )


def write_bundle(folder: Path, manifest: Manifest, contents: Mapping[str, PartContent]) -> str:
    """Write a bundle and return its bundle_id.

    Args:
        folder: where; must not exist. It appears only when the whole bundle is written.
        manifest: what the bundle says of itself; its ``parts`` are filled in here.
        contents: the parts by name.

    Raises:
        BundleExists: if the folder is there already.
        BundleNotWritten: if the disk does not take it.
    """
    refuse_existing(folder)
    try:
        with _staging(folder) as staging:
            parts = {name: _write_part(staging, content) for name, content in contents.items()}
            content = manifest_bytes(manifest.model_copy(update={"parts": parts}))
            with _synced(staging / MANIFEST_NAME) as stream:
                stream.write(content)
            # A folder that appeared meanwhile makes the rename fail, unless it is empty.
            staging.rename(folder)
    except OSError as error:
        raise BundleNotWritten(
            f"The bundle cannot be written to {folder}: {error.strerror or error}. Nothing was left there."
        ) from error
    return bundle_id_of(content)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside the target, on the same file system, and remove it if anything fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.partial-{secrets.token_hex(4)}")
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _synced(path: Path) -> Iterator[BinaryIO]:
    """Open a new file whose bytes are on the disk when the block is left."""
    with path.open("xb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def _write_part(staging: Path, content: PartContent) -> Part:
    path = staging / content.file
    with _synced(path) as stream:
        content.write(stream)
    return Part(file=content.file, sha256=file_sha256(path), bytes=path.stat().st_size)
