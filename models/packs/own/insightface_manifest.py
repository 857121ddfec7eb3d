"""The ``manifest.json`` of insightface's packages of version 2, such as ``raccoon_s``: which file does what."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.documents import Limits, Unreadable, parse_document
from service.errors import PackInvalid
from service.pack.pack_manifest import Sha256, file_sha256

MANIFEST = "manifest.json"
LICENCE = "MODEL.LICENSE"
VERSION = 2
_BYTES = 1024 * 1024
_LICENCE_BYTES = 4096
_LIMITS = Limits(_BYTES, max_objects=500, max_arrays=500, max_values=5_000)

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
ModelId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class _Loose(BaseModel):
    """Of a document that is insightface's: fields that are not known are passed over, as insightface does."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Normalisation(BaseModel):
    """``(pixel - mean) / std`` of pixels from 0 to 255."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: Finite
    std: Positive


class DetectionTask(_Loose):
    """The detector."""

    file: str = Field(max_length=255)
    sha256: Sha256 | None = None
    preprocessing: Literal["embedded"] | Normalisation = Normalisation(mean=127.5, std=128.0)


class RecognitionTask(_Loose):
    """The network from an aligned crop to an embedding."""

    file: str = Field(max_length=255)
    sha256: Sha256 | None = None
    preprocessing: Literal["embedded"] | Normalisation = Normalisation(mean=127.5, std=127.5)
    input_size: tuple[int, int] = (112, 112)
    embedding_dimension: int = Field(default=512, ge=1)


class Tasks(_Loose):
    """What the package's networks do; further tasks are not needed here."""

    detection: DetectionTask | None = None
    recognition: RecognitionTask | None = None


class InsightfaceManifest(_Loose):
    """A package of version 2.

    Attributes:
        manifest_version: 2.
        model_id: the package's name.
        license: path of its licence.
        tasks: its networks.
    """

    manifest_version: Literal[2]
    model_id: ModelId
    license: str = Field(max_length=255)
    tasks: Tasks


def read_insightface_manifest(folder: Path) -> InsightfaceManifest | None:
    """Read the manifest of the package in a folder; None where there is none of version 2, as insightface does.

    Raises:
        PackInvalid: if there is one of version 2 that says what it must not, naming the field.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            content = stream.read(_BYTES + 1)
    except OSError as error:
        raise PackInvalid(f"{path} cannot be read: {error.strerror}.") from error
    try:
        version = parse_document(_Versioned, content, _LIMITS, free=("tasks",)).manifest_version
        if version != VERSION:
            return None
        return parse_document(InsightfaceManifest, content, _LIMITS, free=("tasks",))
    except Unreadable as error:
        raise PackInvalid(f"{path} is no manifest of an insightface package: {error}.") from error


class _Versioned(_Loose):
    manifest_version: object = None


def file_of(folder: Path, name: str) -> Path:
    """Return a file that a manifest names, found to lie in its folder.

    Raises:
        PackInvalid: if it lies elsewhere, or is not there.
    """
    relative = PurePosixPath(name)
    path = folder.joinpath(*relative.parts)
    outside = relative.is_absolute() or ".." in relative.parts or any(mark in name for mark in "\\:\0")
    if outside or not path.resolve().is_relative_to(folder.resolve()):
        raise PackInvalid(f"{MANIFEST} names {name!r}, which lies outside its folder.")
    if not path.is_file():
        raise PackInvalid(f"{MANIFEST} names {name!r}, which is not there. Fetch the whole package.")
    return path


def network_of(folder: Path, task: DetectionTask | RecognitionTask) -> Path:
    """Return the network of a task, its digest found right where the manifest states one.

    Raises:
        PackInvalid: if it is not there, lies elsewhere, or is another file.
    """
    path = file_of(folder, task.file)
    if path.suffix != ".onnx":
        raise PackInvalid(f"{MANIFEST} names {task.file!r}, which is no .onnx file.")
    if task.sha256 is not None and (digest := file_sha256(path)) != task.sha256:
        raise PackInvalid(f"{task.file} has sha256 {digest}, {MANIFEST} says {task.sha256}. Fetch the package again.")
    return path


def stated_licence(folder: Path, manifest: InsightfaceManifest) -> str:
    """Return what the licence file of a package says in its first line of words."""
    try:
        with file_of(folder, manifest.license).open("rb") as stream:
            text = stream.read(_LICENCE_BYTES).decode("utf-8", "replace")
    except (PackInvalid, OSError):
        return f"none stated: {LICENCE} is missing"
    lines = (" ".join(line.split()) for line in text.splitlines())
    line = next((line for line in lines if len(line.split()) > 1 and line.isprintable()), "see the file")
    return f"{LICENCE} of {manifest.model_id}: {line[:120]}"
