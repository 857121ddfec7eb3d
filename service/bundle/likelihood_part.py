"""The card of a likelihood network: what it is told of a face, and what binds it to anchors and parameters."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, JsonValue, field_validator

from service.bundle.bundle_manifest import IDA_Q, IDA_Q_CARD, IDA_QL, IDA_QL_CARD, SSR, AnchorsDigest, Manifest
from service.bundle.head_part import Card, sha256_of
from service.pack.pack_manifest import Sha256
from service.scoring.likelihood import FACE_STATISTICS, PREDICTED_INPUTS, SEARCHED_INPUTS
from service.scoring.parameters import Guard, Parameters, SupportSize, Tau

_BOUND_PARAMETERS = ("k", "tau", "guard", "typical_norm")


class LikelihoodCard(Card):
    """What a network was trained for, on what, and how good it is.

    Its network: input ``statistics`` (n, d) float32, output ``line`` (n, 4) float32: slope, middle, look and offset.

    Attributes:
        told_from: what it may be told of a face.
        anchors_digest: the anchors that its statistics are of.
        k: anchors in a support set.
        tau: tau of Eq. 4.
        guard: anchors at least this similar to a face were left out for it; None where none were.
        typical_norm: the length that counted as 1.
        inputs: names of the d statistics, in the network's order.
        ssr_sha256: digest of the SSR head that predicted the densities; None where they were searched.
    """

    command: ClassVar[str] = "ida-verify calibrate"
    bound: ClassVar[tuple[str, ...]] = (*Card.bound, "anchors_digest")
    bytes_limit: ClassVar[int | None] = 1024 * 1024
    told_from: ClassVar[tuple[str, ...]]

    anchors_digest: AnchorsDigest
    k: SupportSize
    tau: Tau
    guard: Guard | None = None
    typical_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    inputs: Annotated[list[str], Field(min_length=1, max_length=len(FACE_STATISTICS))]
    ssr_sha256: Sha256 | None = None

    @field_validator("inputs")
    @classmethod
    def _inputs_are_known(cls, inputs: list[str]) -> list[str]:
        unknown = [name for name in inputs if name not in cls.told_from]
        if unknown or len(set(inputs)) < len(inputs):
            raise ValueError(f"each may be one of {', '.join(cls.told_from)}, and stand there once")
        return inputs

    @classmethod
    def of(cls, graph: bytes, manifest: Manifest, parameters: Parameters, *, report: Mapping[str, JsonValue]) -> Self:
        """Return the card of a network that was trained for a bundle.

        Args:
            graph: the network, an ONNX file's bytes.
            manifest: of a bundle with the same anchors and SSR head.
            parameters: those of the new bundle, which gave the statistics.
            report: data, training and how it did, for people.
        """
        return cls(
            pipeline_id=manifest.pipeline_id,
            backbone_id=manifest.backbone_id,
            anchors_digest=manifest.anchors_digest,
            head_sha256=sha256_of(graph),
            inputs=list(cls.told_from),
            ssr_sha256=cls._ssr_of(manifest),
            report=dict(report),
            **{name: getattr(parameters, name) for name in _BOUND_PARAMETERS},
        )

    def misfit(self, parameters: Parameters) -> str | None:
        """Return why what it was told is not what these parameters give, None where it is."""
        different = [
            f"{name} = {getattr(self, name)}, not {getattr(parameters, name)}"
            for name in _BOUND_PARAMETERS
            if getattr(self, name) != getattr(parameters, name)
        ]
        return f"the {self.called} was trained for {'; '.join(different)}" if different else None

    def is_of(self, manifest: Manifest) -> bool:
        """Return whether the densities it was told were predicted by the bundle's own head, where by any."""
        return self.ssr_sha256 == self._ssr_of(manifest)

    @classmethod
    def _ssr_of(cls, manifest: Manifest) -> str | None:
        del manifest
        return None


class IdaQCard(LikelihoodCard):
    """The card of the network of ida-q, whose statistics are searched."""

    part: ClassVar[str] = IDA_Q
    card_part: ClassVar[str] = IDA_Q_CARD
    called: ClassVar[str] = "network of ida-q"
    told_from: ClassVar[tuple[str, ...]] = SEARCHED_INPUTS


class IdaQlCard(LikelihoodCard):
    """The card of the network of ida-ql, whose densities the SSR head predicts."""

    part: ClassVar[str] = IDA_QL
    card_part: ClassVar[str] = IDA_QL_CARD
    called: ClassVar[str] = "network of ida-ql"
    told_from: ClassVar[tuple[str, ...]] = PREDICTED_INPUTS

    @classmethod
    def _ssr_of(cls, manifest: Manifest) -> str | None:
        return manifest.parts[SSR].sha256 if SSR in manifest.parts else None


LIKELIHOOD_CARDS: Sequence[type[LikelihoodCard]] = (IdaQCard, IdaQlCard)
"""Every kind there is."""
