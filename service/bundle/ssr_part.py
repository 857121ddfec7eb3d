"""The card of an SSR head: what binds it to anchors and parameters besides a backbone."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import JsonValue

from service.bundle.bundle_manifest import SSR, SSR_CARD, AnchorsDigest, Manifest
from service.bundle.head_part import Card, sha256_of
from service.scoring.parameters import Guard, Parameters, SupportSize, Tau

HeadTarget = Literal["log-f", "f"]


class SsrCard(Card):
    """What a head was trained for, and how good it is.

    Its network: input ``embedding`` (n, d) float32 of unit norm, output ``density`` (n,) float32 above 0.

    Attributes:
        anchors_digest: the anchors whose densities it predicts.
        k: anchors in a support set.
        tau: tau of Eq. 4.
        guard: anchors at least this similar to a face were left out for it; None where none were.
        target: what the loss compared, log F or, as in Eq. 6, F.
    """

    part: ClassVar[str] = SSR
    card_part: ClassVar[str] = SSR_CARD
    called: ClassVar[str] = "SSR head"
    command: ClassVar[str] = "ida-verify ssr train"
    bound: ClassVar[tuple[str, ...]] = (*Card.bound, "anchors_digest", "k", "tau", "guard")

    anchors_digest: AnchorsDigest
    k: SupportSize
    tau: Tau
    guard: Guard | None = None
    target: HeadTarget

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
            anchors_digest=manifest.anchors_digest,
            k=manifest.k,
            tau=manifest.tau,
            guard=manifest.guard,
            head_sha256=sha256_of(graph),
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


def _in_words(values: Mapping[str, float | None]) -> str:
    told = [f"{name} = {value:g}" for name, value in values.items() if value is not None]
    return ", ".join(told) + ("" if values["guard"] is not None else " without a guard")
