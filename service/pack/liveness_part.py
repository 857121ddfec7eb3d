"""The optional part that tells a live face from a picture of one: its manifest, and what is installed of it.

It belongs to no pack and works beside any, since it sees a face's box and what surrounds it, and decides no embedding:
it is part of no ``pipeline_id``.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError, model_validator

from service.errors import PackInvalid, PackNotFound
from service.faults import faults
from service.pack.installed import RECEIPT_NAME, ReceiptFile, ReceiptSource, file_differences
from service.pack.pack_manifest import (
    MANIFEST_BYTES_LIMIT,
    LivenessFile,
    PackSource,
    Sha256,
    digest_of,
    file_sha256,
    toml_document,
)
from service.pack.strict import Strict

LIVENESS: Final = "liveness"
"""Name of the part, as ``ida-verify models pull`` takes it; of its folder; and of its section in the manifest."""

LIVENESS_MANIFEST_NAME = "liveness.toml"

_MEND = "Run `ida-verify models pull --force liveness`."


class LivenessManifest(Strict):
    """What ``liveness.toml`` says: one network, and the package it comes from."""

    format: Literal[1]
    name: Literal["liveness"]
    description: str
    sources: dict[str, PackSource]
    liveness: LivenessFile

    @model_validator(mode="after")
    def _has_a_source(self) -> "LivenessManifest":
        if self.liveness.source not in self.sources or self.liveness.member is None:
            raise ValueError("[liveness] needs a source that [sources] lists, and its member")
        if self.liveness.conversion is not None:
            raise ValueError("a liveness network is an ONNX file, and needs no conversion")
        return self

    @property
    def files(self) -> list[LivenessFile]:
        """The part's ONNX files."""
        return [self.liveness]

    @property
    def liveness_id(self) -> str:
        """Digest of all that decides a verdict besides the picture and the face's box: 16 hex digits."""
        told = {"sha256", "preprocessing", "box_scale", "live_output", "threshold"}
        return digest_of(self.liveness.model_dump(mode="json", include=told))


class LivenessReceipt(Strict):
    """What was installed, from what, with what, and how the converted network compared with the published one."""

    format: Literal[1]
    name: Literal["liveness"]
    liveness_id: str
    manifest_sha256: Sha256
    installed_at: str
    versions: dict[str, str]
    sources: dict[str, ReceiptSource]
    file: ReceiptFile


@dataclass(frozen=True, slots=True)
class InstalledLiveness:
    """The part, whose every file was found and has the digest that its receipt says.

    Attributes:
        manifest: what it says of itself.
        folder: where it lies.
        file: its ONNX file.
        receipt: what was installed, from what.
    """

    manifest: LivenessManifest
    folder: Path
    file: Path
    receipt: LivenessReceipt


def liveness_folder(home: Path) -> Path:
    """Return the folder in which the part is, or would be, installed."""
    return home / "parts" / LIVENESS


def parse_liveness_manifest(content: bytes, *, where: str) -> LivenessManifest:
    """Read and check the part's manifest.

    Args:
        content: the bytes of a ``liveness.toml``.
        where: what an error message calls it.

    Raises:
        PackInvalid: if it is not TOML or says something it must not, naming the field.
    """
    try:
        return LivenessManifest.model_validate(toml_document(content, where=where))
    except ValidationError as error:
        raise PackInvalid(f"{where}: {faults(error, most=20)}") from error


def installed_liveness(home: Path) -> InstalledLiveness:
    """Return the part as it is installed, its file checked. Nothing is ever downloaded.

    Args:
        home: the data folder (``IDA_HOME``).

    Raises:
        PackNotFound: if it is not installed.
        PackInvalid: if a file is missing, was changed, or is not what the receipt and the manifest say.
    """
    folder = liveness_folder(home)
    if not folder.is_dir():
        raise PackNotFound(f"The liveness part is not in {folder.parent}. Run `ida-verify models pull {LIVENESS}`.")
    try:
        manifest = parse_liveness_manifest(
            _read(folder / LIVENESS_MANIFEST_NAME, MANIFEST_BYTES_LIMIT), where=str(folder / LIVENESS_MANIFEST_NAME)
        )
        receipt = _receipt(folder / RECEIPT_NAME)
    except PackInvalid as error:
        raise PackInvalid(f"The liveness part in {folder} is damaged: {error.message} {_MEND}") from error
    wrong = _differences(folder, manifest, receipt)
    if wrong:
        raise PackInvalid(f"The liveness part in {folder} is damaged: {'; '.join(wrong)}. {_MEND}")
    return InstalledLiveness(manifest, folder, folder / manifest.liveness.file, receipt)


def _differences(folder: Path, manifest: LivenessManifest, receipt: LivenessReceipt) -> list[str]:
    found: list[str] = []
    if receipt.manifest_sha256 != file_sha256(folder / LIVENESS_MANIFEST_NAME):
        found.append(f"{LIVENESS_MANIFEST_NAME} is not the one that was installed")
    if (receipt.file.file, receipt.file.source_sha256) != (manifest.liveness.file, manifest.liveness.sha256):
        found.append(f"{manifest.liveness.file} was made from another source file than the manifest names")
    return [*found, *file_differences(folder / manifest.liveness.file, receipt.file)]


def _receipt(path: Path) -> LivenessReceipt:
    try:
        return LivenessReceipt.model_validate(json.loads(_read(path, MANIFEST_BYTES_LIMIT).decode("utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise PackInvalid(f"{path} is not a receipt that this version wrote.") from error


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise PackInvalid(f"{path} cannot be read: {error.strerror}.") from error
