"""The faces of one part of a labelled set, and their pairs scored by any method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from models.labelled.comparable import Comparable, comparable
from models.labelled.exclusions import SetExclusions
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.sweep import BlockScorer
from models.progress import Tick, silent
from service.arrays import Floats32, Ints
from service.scoring.methods import Method
from service.scoring.parameters import Parameters
from service.scoring.terms import TermSource

# A threshold of several sets together may be passed by far more pairs of the hardest of them.
_KEEP_SHARE = 0.1
_LEAST_KEEP = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class PartFaces:
    """Faces of some people of a labelled set.

    Attributes:
        name: of the set.
        images: pictures of those people, excluded ones not among them.
        undetected: how many of the pictures have no embedding.
        comparable: the faces that can be compared.
        embeddings: (m, d) float32 of those faces.
        norms: (m,) float32 of those faces, 0 where one is not known.
    """

    name: str
    images: int
    undetected: int
    comparable: Comparable
    embeddings: Floats32
    norms: Floats32

    @property
    def people(self) -> int:
        """Number of people."""
        return len(self.comparable.people)

    def compare(self, method: Method, parameters: Parameters, source: TermSource, tick: Tick = silent) -> Comparisons:
        """Return the scored pairs by a method."""
        terms = source.terms(self.embeddings, method.needs, parameters).with_norms(self.norms, parameters)
        scorer = BlockScorer(self.embeddings, method, terms, parameters)
        faces = len(self.embeddings)
        keep = int(_KEEP_SHARE * faces * (faces - 1) / 2) + _LEAST_KEEP
        return self.comparable.compare(self.name, scorer, keep=keep, tick=tick)


def part_faces(labelled: LabelledFaces, exclusions: SetExclusions, rows: Ints) -> PartFaces:
    """Return the faces of a part.

    Args:
        labelled: the whole set.
        exclusions: of the whole set.
        rows: (m,) int64, the faces of the part.

    Raises:
        LabelsInvalid: if it has no mated, or no non-mated, pair.
    """
    part, left_out = labelled.subset(rows), exclusions.subset(rows)
    found = comparable(part, left_out, given=not labelled.identities_stated)
    kept = ~left_out.dropped
    return PartFaces(
        name=labelled.name,
        images=int(np.count_nonzero(kept)),
        undetected=int(np.count_nonzero(kept & ~part.detected)),
        comparable=found,
        embeddings=part.embeddings[found.rows],
        norms=part.norms[found.rows],
    )


def total(parts: Sequence[PartFaces]) -> dict[str, JsonValue]:
    """Return, by set, how many people and pictures there are, and how many pictures gave no face."""
    return {part.name: {"people": part.people, "images": part.images, "undetected": part.undetected} for part in parts}
