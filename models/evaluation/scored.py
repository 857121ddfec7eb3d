"""One method's scores of a labelled set, in the forms that the parts of a report read them."""

from dataclasses import dataclass

import numpy as np

from models.evaluation.systems import Variant
from models.labelled.comparable import Comparable
from models.labelled.pairs.comparisons import Comparisons
from models.labelled.pairs.sweep import BlockScorer
from models.progress import Tick, silent
from service.arrays import Floats64

# Twice the largest false-match rate and a little.
_KEPT_SHARE = 0.22
_LEAST_KEPT, _MOST_KEPT = 100_000, 1_500_000


@dataclass(frozen=True, slots=True, eq=False)
class ScoredSet:
    """The scores of one variant.

    Attributes:
        found: what is compared.
        variant: the method and its parameters.
        scorer: scores further pairs.
        comparisons: the scored pairs, by score.
        mated: (p,) float64, the scores of ``Comparable.mated``'s pairs in their order.
    """

    found: Comparable
    variant: Variant
    scorer: BlockScorer
    comparisons: Comparisons
    mated: Floats64


def score_set(found: Comparable, variant: Variant, scorer: BlockScorer, tick: Tick = silent) -> ScoredSet:
    """Score the pairs of a set with one variant.

    Args:
        found: what is compared.
        variant: how.
        scorer: that variant's, of the set's comparable faces.
        tick: told the share done.
    """
    pairs = len(scorer) * (len(scorer) - 1) // 2
    # Small sets can afford to keep what intervals at every rate need; large ones keep what the sweep thinks right.
    keep = None if _KEPT_SHARE * pairs > _MOST_KEPT else max(_LEAST_KEPT, int(_KEPT_SHARE * pairs))
    comparisons = found.compare(scorer, keep=keep, tick=tick)
    return ScoredSet(found, variant, scorer, comparisons, scorer.pairs(*found.mated()).astype(np.float64))
