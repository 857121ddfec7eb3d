"""How many people a false-match rate takes, by its pairs of pictures and by its pairs of people."""

import math
from dataclasses import dataclass

from models.labelled.rates.measured import MEASURED_FALSE_MATCHES, OPERATING_FMRS, RULE_OF_THREE, quality


@dataclass(frozen=True, slots=True)
class PeopleNeeded:
    """What a rate takes that a set does not measure yet.

    Attributes:
        fmr: the rate.
        pairs: pairs of pictures of two people that measure it, 30/FMR.
        people: people who make so many, with as many pictures each as there are now.
        bounded_by: people whose pairs, each counted once however many pictures they are in, bound the rate where none
            of them is a false match: 3/FMR pairs of people.
    """

    fmr: float
    pairs: int
    people: int
    bounded_by: int


def people_needed(non_mated_pairs: int, identity_pairs: int) -> tuple[PeopleNeeded, ...]:
    """Return what the operating points' rates take that so many pairs do not measure, the largest rate first.

    Args:
        non_mated_pairs: pairs of pictures of two people.
        identity_pairs: pairs of people that they are of, 1 or more.
    """
    pairs_each = max(1.0, non_mated_pairs / max(1, identity_pairs))
    found = []
    for fmr in OPERATING_FMRS:
        if quality(non_mated_pairs, fmr) != "measured":
            pairs = math.ceil(round(MEASURED_FALSE_MATCHES / fmr, 6))
            # The pairs of pictures of the same two people tell little more than one of them does.
            bounding = round(RULE_OF_THREE / fmr, 6)
            found.append(PeopleNeeded(fmr, pairs, _people(pairs / pairs_each), _people(bounding)))
    return tuple(found)


def _people(pairs: float) -> int:
    """Return the fewest people who have so many pairs: n (n - 1) / 2 >= pairs."""
    return math.ceil(0.5 + math.sqrt(0.25 + 2 * math.ceil(pairs)))
