"""The parts of a bundle that hold an SSR head: its network and the card that binds it to what it was trained for."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from service.bundle.manifest import SSR, SSR_CARD, Id, Manifest, Sha256
from service.bundle.writer import PartContent, json_content
from service.errors import BundleInvalid, HeadMismatch
from service.scoring.parameters import Parameters

HeadTarget = Literal["log-f", "f"]


class HeadCard(BaseModel):
    """What a head was trained for, and how good it is.

    Attributes:
        format: version of this document's form.
        pipeline_id: everything between photograph and embedding that gave the training embeddings.
        backbone_id: the backbone that gave them.
        anchor_set_id: the anchors whose densities it predicts.
        k: anchors in a support set.
        tau: tau of Eq. 4.
        guard: anchors at least this similar to a face were left out for it; None where none were.
        head_sha256: digest of the network.
        target: what the loss compared, log F or, as in Eq. 6, F.
        report: data, training and errors, for people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1] = 1
    pipeline_id: Id
    backbone_id: Id
    anchor_set_id: Id
    k: int = Field(ge=1)
    tau: float = Field(gt=0, le=100, allow_inf_nan=False)
    guard: float | None = Field(default=None, gt=-1, le=1)
    head_sha256: Sha256
    target: HeadTarget
    report: dict[str, JsonValue]

    @classmethod
    def of(cls, graph: bytes, manifest: Manifest, *, target: HeadTarget, report: Mapping[str, JsonValue]) -> Self:
        """Return the card of a head trained for a bundle.

        Args:
            graph: the network, an ONNX file's bytes.
            manifest: of the bundle whose densities the head learned.
            target: what the loss compared.
            report: data, training and errors, for people.
        """
        return cls(
            pipeline_id=manifest.pipeline_id,
            backbone_id=manifest.backbone_id,
            anchor_set_id=manifest.anchor_set_id,
            k=manifest.k,
            tau=manifest.tau,
            guard=manifest.guard,
            head_sha256=hashlib.sha256(graph).hexdigest(),
            target=target,
            report=dict(report),
        )

    def misfit(self, parameters: Parameters) -> str | None:
        """Return why the head's densities are not those of these parameters, None where they are."""
        found = {"k": self.k, "tau": self.tau, "guard": self.guard}
        asked = {"k": parameters.k, "tau": parameters.tau, "guard": parameters.guard}
        if found == asked:
            return None
        return f"the SSR head was trained for {_in_words(found)}, and {_in_words(asked)} is in force"


@dataclass(frozen=True, slots=True)
class StoredHead:
    """A head as it lies in a bundle, found to be the bundle's own.

    Attributes:
        path: the network's file.
        card: what it was trained for.
    """

    path: Path
    card: HeadCard


def head_contents(graph: bytes, card: HeadCard) -> dict[str, PartContent]:
    """Return the parts of a bundle that hold a head.

    Args:
        graph: the network: input ``embedding`` (n, d) float32 of unit norm, output ``density`` (n,) float32 above 0.
        card: the head's.

    Raises:
        HeadMismatch: if the card is that of another network.
    """
    _check_digest(card, hashlib.sha256(graph).hexdigest())
    return {
        SSR: PartContent(f"{SSR}.onnx", lambda stream: stream.write(graph)),
        SSR_CARD: json_content(f"{SSR}.json", card.model_dump(mode="json")),
    }


def parse_card(content: bytes, manifest: Manifest) -> HeadCard:
    """Read the card of a bundle's head, found to be trained for this bundle.

    Raises:
        BundleInvalid: if it is no card.
        HeadMismatch: if it is that of another network, or of other anchors, parameters or another backbone.
    """
    try:
        card = HeadCard.model_validate_json(content)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BundleInvalid(
            f"The card of the bundle's SSR head cannot be read: {reasons}. Train the head again."
        ) from error
    _check_digest(card, manifest.parts[SSR].sha256)
    require_fit(card, manifest)
    return card


def require_fit(card: HeadCard, manifest: Manifest) -> None:
    """Refuse a head that was not trained for a bundle.

    Raises:
        HeadMismatch: naming everything that differs.
    """
    bound = ("backbone_id", "pipeline_id", "anchor_set_id", "k", "tau", "guard")
    different = [name for name in bound if getattr(card, name) != getattr(manifest, name)]
    if different:
        told = "; ".join(f"{name} {getattr(card, name)}, not {getattr(manifest, name)}" for name in different)
        raise HeadMismatch(
            f"The SSR head was trained for another bundle: {told}. Train a head for this one with "
            "`ida-verify ssr train`."
        )


def _check_digest(card: HeadCard, sha256: str) -> None:
    if card.head_sha256 != sha256:
        raise HeadMismatch(
            f"The card is that of the SSR head {card.head_sha256[:16]}, and the network's sha256 begins {sha256[:16]}. "
            "Train the head again."
        )


def _in_words(values: Mapping[str, float | None]) -> str:
    told = [f"{name} = {value:g}" for name, value in values.items() if value is not None]
    return ", ".join(told) + ("" if values["guard"] is not None else " without a guard")
