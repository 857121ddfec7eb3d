"""The golden pairs of a bundle: embeddings with the scores they must get, and a crop with the embedding it must get."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import FailFast, Field, model_validator

from service.arrays import Floats32, Floats64
from service.bundle.bundle_manifest import GOLDEN_CROP, GOLDEN_PAIRS, GOLDEN_SCORES, AnchorsDigest, Manifest
from service.bundle.writer import PartContent, array_content, json_content
from service.documents import Limits, Unreadable, parse_document
from service.errors import BundleInvalid
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters, StatedParameters

_LIMITS = Limits(8 * 1024 * 1024, max_objects=10, max_arrays=100, max_values=100_000)


@dataclass(frozen=True, slots=True, eq=False)
class GoldenPairs:
    """Pairs of generated faces, and what a healthy service makes of them.

    Attributes:
        probes: (g, d) float32, unit norm.
        references: (g, d) float32, unit norm.
        scores: by method, (g,) float64, at the bundle's parameters.
        crop_embedding: (d,) float32, unit norm: the embedding of ``synthetic_crop()``.
    """

    probes: Floats32
    references: Floats32
    scores: Mapping[str, Floats64]
    crop_embedding: Floats32


class _ScoresFile(StatedParameters):
    """What the part of the scores says; it binds them to the anchors and the parameters that gave them."""

    anchors_digest: AnchorsDigest
    scores: dict[str, Annotated[list[float], FailFast()]] = Field(min_length=1)

    @model_validator(mode="after")
    def _same_pairs(self) -> "_ScoresFile":
        lengths = {len(values) for values in self.scores.values()}
        if len(lengths) != 1 or 0 in lengths or not all(np.all(np.isfinite(v)) for v in self.scores.values()):
            raise ValueError("every method needs a finite score for each of the same pairs")
        return self


def golden_contents(golden: GoldenPairs, *, anchors_digest: str, parameters: Parameters) -> dict[str, PartContent]:
    """Return the parts of a bundle that hold golden pairs."""
    scores = _ScoresFile(
        anchors_digest=anchors_digest,
        **parameters.model_dump(),
        scores={name: values.tolist() for name, values in golden.scores.items()},
    )
    return {
        GOLDEN_PAIRS: array_content("golden_pairs.npy", np.stack([golden.probes, golden.references], axis=1)),
        GOLDEN_SCORES: json_content("golden_scores.json", scores.model_dump(mode="json")),
        GOLDEN_CROP: array_content("golden_crop.npy", golden.crop_embedding),
    }


def parse_scores(content: bytes, manifest: Manifest) -> dict[str, Floats64]:
    """Read the scores of golden pairs.

    Raises:
        BundleInvalid: if they are no scores, or those of other anchors or parameters than the manifest's.
    """
    try:
        found = parse_document(_ScoresFile, content, _LIMITS)
    except Unreadable as error:
        raise BundleInvalid(f"The bundle's golden scores cannot be read: {error}. Build the bundle again.") from error
    if (found.anchors_digest, found.parameters) != (manifest.anchors_digest, manifest.parameters):
        raise BundleInvalid(
            "The bundle's golden scores are those of other anchors or parameters. Build the bundle again."
        )
    unknown = [name for name in found.scores if name not in METHODS]
    if unknown:
        raise BundleInvalid(
            f"The bundle has golden scores of methods that this version does not know: {', '.join(unknown)}. "
            "Serve it with the version that its manifest names, or build it again."
        )
    return {name: np.array(values) for name, values in found.scores.items()}
