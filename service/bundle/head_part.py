"""What the parts of every head of a bundle share: a network, and the card that binds it to what it was trained for."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue

from service.bundle.bundle_manifest import Id, Manifest
from service.bundle.writer import PartContent, json_content
from service.documents import Limits, Unreadable, parse_document
from service.errors import BundleInvalid, HeadMismatch
from service.pack.pack_manifest import Sha256

_LIMITS = Limits(4 * 1024 * 1024, max_objects=20_000, max_arrays=20_000, max_values=200_000)


class Card(BaseModel):
    """What a head was trained for, and how good it is.

    Attributes:
        part: the network's part in a bundle.
        card_part: the card's.
        called: what messages call the head.
        command: what trains another.
        bound: fields that must be the bundle's own.
        bytes_limit: the largest file of such a network that is read; None for any.
        format: version of this document's form.
        pipeline_id: everything between photograph and embedding that gave the training embeddings.
        backbone_id: the backbone that gave them.
        head_sha256: digest of the network.
        report: data, training and errors, for people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    part: ClassVar[str]
    card_part: ClassVar[str]
    called: ClassVar[str]
    command: ClassVar[str]
    bound: ClassVar[tuple[str, ...]] = ("backbone_id", "pipeline_id")
    bytes_limit: ClassVar[int | None] = None

    format: Literal[1] = 1
    pipeline_id: Id
    backbone_id: Id
    head_sha256: Sha256
    report: dict[str, JsonValue]


CardT = TypeVar("CardT", bound=Card)


@dataclass(frozen=True, slots=True)
class StoredHead(Generic[CardT]):
    """A head as it lies in a bundle, found to be the bundle's own.

    Attributes:
        path: the network's file.
        card: what it was trained for.
    """

    path: Path
    card: CardT


def head_contents(graph: bytes, card: Card) -> dict[str, PartContent]:
    """Return the parts of a bundle that hold a head.

    Args:
        graph: the network, an ONNX file's bytes.
        card: the head's.

    Raises:
        HeadMismatch: if the card is that of another network.
    """
    _check_digest(card, sha256_of(graph))
    return {
        card.part: PartContent(f"{card.part}.onnx", lambda stream: stream.write(graph)),
        card.card_part: json_content(f"{card.part}.json", card.model_dump(mode="json")),
    }


def parse_card(kind: type[CardT], content: bytes, manifest: Manifest) -> CardT:
    """Read the card of a bundle's head, found to be trained for this bundle.

    Raises:
        BundleInvalid: if it is no card.
        HeadMismatch: if it is that of another network, or of anything else that it is bound to.
    """
    try:
        card = parse_document(kind, content, _LIMITS, free=("report",))
    except Unreadable as error:
        raise BundleInvalid(
            f"The card of the bundle's {kind.called} cannot be read: {error}. Train the head again."
        ) from error
    _check_digest(card, manifest.parts[kind.part].sha256)
    different = [name for name in card.bound if getattr(card, name) != getattr(manifest, name)]
    if different:
        told = "; ".join(f"{name} {getattr(card, name)}, not {getattr(manifest, name)}" for name in different)
        raise HeadMismatch(
            f"The {card.called} was trained for another bundle: {told}. Train a head for this one with "
            f"`{card.command}`."
        )
    return card


def sha256_of(graph: bytes) -> str:
    """Return the digest by which a card names its network."""
    return hashlib.sha256(graph).hexdigest()


def _check_digest(card: Card, sha256: str) -> None:
    if card.head_sha256 != sha256:
        raise HeadMismatch(
            f"The card is that of the {card.called} {card.head_sha256[:16]}, and the network's sha256 begins "
            f"{sha256[:16]}. Train the head again."
        )
