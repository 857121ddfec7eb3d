"""The parts of a bundle that hold a PFE head: its network and the card that binds it to a backbone."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from service.bundle.manifest import PFE, PFE_CARD, Id, Manifest, Sha256
from service.bundle.writer import PartContent, json_content
from service.errors import BundleInvalid, HeadMismatch


class PfeCard(BaseModel):
    """What an uncertainty head was trained for.

    Attributes:
        format: version of this document's form.
        pipeline_id: everything between photograph and embedding that gave the training embeddings.
        backbone_id: the backbone that gave them.
        head_sha256: digest of the network.
        sigma0_squared: the variance at which the score has the scale of the cosine.
        report: data, training and errors, for people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1] = 1
    pipeline_id: Id
    backbone_id: Id
    head_sha256: Sha256
    sigma0_squared: float = Field(gt=0, allow_inf_nan=False)
    report: dict[str, JsonValue]

    @classmethod
    def of(cls, graph: bytes, manifest: Manifest, *, sigma0_squared: float, report: Mapping[str, JsonValue]) -> Self:
        """Return the card of a head trained for a bundle's backbone.

        Args:
            graph: the network, an ONNX file's bytes.
            manifest: of a bundle of that backbone and pipeline.
            sigma0_squared: the variance at which the score has the scale of the cosine.
            report: data, training and errors, for people.
        """
        return cls(
            pipeline_id=manifest.pipeline_id,
            backbone_id=manifest.backbone_id,
            head_sha256=hashlib.sha256(graph).hexdigest(),
            sigma0_squared=sigma0_squared,
            report=dict(report),
        )


@dataclass(frozen=True, slots=True)
class StoredPfe:
    """An uncertainty head as it lies in a bundle, found to be for the bundle's backbone.

    Attributes:
        path: the network's file.
        card: what it was trained for.
    """

    path: Path
    card: PfeCard


def pfe_contents(graph: bytes, card: PfeCard) -> dict[str, PartContent]:
    """Return the parts of a bundle that hold an uncertainty head.

    Args:
        graph: the network: input ``embedding`` (n, d) float32 of unit norm, output ``log_variance`` (n, d) float32.
        card: the head's.
    """
    return {
        PFE: PartContent(f"{PFE}.onnx", lambda stream: stream.write(graph)),
        PFE_CARD: json_content(f"{PFE}.json", card.model_dump(mode="json")),
    }


def parse_pfe_card(content: bytes, manifest: Manifest) -> PfeCard:
    """Read the card of a bundle's uncertainty head, found to be for this bundle's backbone and pipeline.

    Raises:
        BundleInvalid: if it is no card.
        HeadMismatch: if it is that of another network, backbone or pipeline.
    """
    try:
        card = PfeCard.model_validate_json(content)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BundleInvalid(
            f"The card of the bundle's PFE head cannot be read: {reasons}. Train the head again."
        ) from error
    wanted = {
        "head_sha256": manifest.parts[PFE].sha256,
        "backbone_id": manifest.backbone_id,
        "pipeline_id": manifest.pipeline_id,
    }
    different = [name for name, value in wanted.items() if getattr(card, name) != value]
    if different:
        told = "; ".join(f"{name} {getattr(card, name)[:16]}, not {wanted[name][:16]}" for name in different)
        raise HeadMismatch(
            f"The PFE head was trained for another bundle: {told}. Train a head for this one with "
            "`ida-verify pfe train`."
        )
    return card
