"""What ``manifest.json`` says: the parts of a bundle by digest, what they hold, and where they came from."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from service.documents import Limits, Unreadable, parse_document
from service.errors import BundleInvalid
from service.pack.pack_manifest import Sha256
from service.scoring.parameters import StatedParameters

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "signature.json"
RESERVED_NAMES = frozenset({MANIFEST_NAME, SIGNATURE_NAME})
"""Files beside the parts of a bundle."""

MANIFEST_BYTES_LIMIT = 16 * 1024 * 1024
# The provenance counts the images of every source folder, of which there may be thousands.
_LIMITS = Limits(MANIFEST_BYTES_LIMIT, max_objects=50_000, max_arrays=10_000, max_values=300_000)

EMBEDDINGS = "embeddings"
GOLDEN_PAIRS = "golden_pairs"
GOLDEN_SCORES = "golden_scores"
GOLDEN_CROP = "golden_crop"
CALIBRATION = "calibration"
CALIBRATION_REPORT = "calibration_report"
SSR = "ssr"
SSR_CARD = "ssr_card"
TRAINING = "training"
PFE = "pfe"
PFE_CARD = "pfe_card"
IDA_Q = "ida_q"
IDA_Q_CARD = "ida_q_card"
IDA_QL = "ida_ql"
IDA_QL_CARD = "ida_ql_card"
HEADS: Mapping[str, str] = MappingProxyType({SSR: SSR_CARD, PFE: PFE_CARD, IDA_Q: IDA_Q_CARD, IDA_QL: IDA_QL_CARD})
"""The parts that are networks, each with its card's."""

REQUIRED_PARTS = (EMBEDDINGS, GOLDEN_PAIRS, GOLDEN_SCORES, GOLDEN_CROP)

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
# Files that were written before 0.2 call it anchor_set_id.
AnchorsDigest = Annotated[Id, Field(validation_alias=AliasChoices("anchors_digest", "anchor_set_id"))]
PartName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
# A plain name, so that no manifest can reach outside its bundle.
PartFile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Part(_Strict):
    """One file of a bundle.

    Attributes:
        file: its name in the bundle's folder.
        sha256: digest of its bytes.
        bytes: how many there are.
    """

    file: PartFile
    sha256: Sha256
    bytes: int = Field(ge=0)


class Manifest(StatedParameters):
    """What a bundle is made of, and the parameters that it was made for.

    Attributes:
        format: version of this document's form.
        anchors_digest: digest of the stored embeddings and the backbone.
        backbone_id: the backbone that gave the embeddings.
        pipeline_id: everything between photograph and embedding that gave them.
        count: number of anchors.
        dimension: values of one embedding.
        default_method: the method of a request that names none.
        parts: the bundle's files by what they are.
        provenance: where the anchors came from and how they were made.
        created_by: the program that wrote the bundle, and its version.
    """

    format: Literal[1]
    anchors_digest: AnchorsDigest
    backbone_id: Id
    pipeline_id: Id
    count: int = Field(ge=1)
    dimension: int = Field(ge=8, le=8192)
    default_method: str
    parts: dict[PartName, Part]
    provenance: dict[str, JsonValue]
    created_by: str

    @model_validator(mode="after")
    def _support_sets_fit(self) -> Self:
        if self.k > self.count:
            raise ValueError(f"k is {self.k}, and there are only {self.count} anchors")
        return self

    @model_validator(mode="after")
    def _parts_leave_the_reserved_names(self) -> Self:
        if {part.file for part in self.parts.values()} & RESERVED_NAMES:
            raise ValueError(f"no part may be called {' or '.join(sorted(RESERVED_NAMES))}")
        return self


def canonical_json(value: JsonValue) -> bytes:
    """Return the one way in which bundles write a JSON value: equal values give equal bytes."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the content of the ``manifest.json`` that says this."""
    return canonical_json(manifest.model_dump(mode="json"))


def bundle_id_of(content: bytes) -> str:
    """Return the id of the bundle whose ``manifest.json`` has this content: 16 hex digits of its sha256."""
    return hashlib.sha256(content).hexdigest()[:16]


def parse_manifest(content: bytes, where: PurePath) -> Manifest:
    """Read and check the content of a ``manifest.json``.

    Raises:
        BundleInvalid: if it is not JSON, holds too much, lacks a part, or says what it must not, naming the field.
    """
    try:
        manifest = parse_document(Manifest, content, _LIMITS, free=("provenance",))
    except Unreadable as error:
        raise BundleInvalid(f"{where} is not the manifest of a bundle: {error}.") from error
    missing = [name for name in REQUIRED_PARTS if name not in manifest.parts]
    if missing:
        raise BundleInvalid(f"{where} lists no part called {', '.join(missing)}.")
    for head, card in HEADS.items():
        if (head in manifest.parts) != (card in manifest.parts):
            raise BundleInvalid(f"{where} lists only one of the parts {head} and {card}, which belong together.")
    return manifest
