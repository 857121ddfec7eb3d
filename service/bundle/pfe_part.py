"""The card of a PFE head: what binds it to a backbone."""

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, JsonValue

from service.bundle.bundle_manifest import PFE, PFE_CARD, Manifest
from service.bundle.head_part import Card, sha256_of


class PfeCard(Card):
    """What an uncertainty head was trained for.

    Its network: input ``embedding`` (n, d) float32 of unit norm, output ``log_variance`` (n, d) float32.

    Attributes:
        sigma0_squared: the variance at which the score has the scale of the cosine.
    """

    part: ClassVar[str] = PFE
    card_part: ClassVar[str] = PFE_CARD
    called: ClassVar[str] = "PFE head"
    command: ClassVar[str] = "ida-verify pfe train"

    sigma0_squared: float = Field(gt=0, allow_inf_nan=False)

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
            head_sha256=sha256_of(graph),
            sigma0_squared=sigma0_squared,
            report=dict(report),
        )
