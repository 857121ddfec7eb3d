"""The log-likelihood ratio of ida-q: how much likelier a similarity is of one person than of two, in this pair.

What a similarity means depends on the pair: on how good the pictures are, and on how many others the faces lie among.
A small network tells of each face, from such statistics, its part of the line from similarity to evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from service.arrays import Floats, Floats32
from service.scoring.density import crowding
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms

SLOPE_SCALE = 20.0
"""What a slope of 1 adds to the log-likelihood ratio from a similarity of 0 to one of 1."""

FACE_STATISTICS: Mapping[str, Callable[[FaceTerms, Parameters], Floats]] = MappingProxyType(
    {
        # That of a face whose length is not known counts as typical: 0.
        "log_length": lambda face, _: face["log_length"],
        "crowding": lambda face, own: crowding(face["log_density"], k=own.k, tau=own.tau),
        "cohort_mean": lambda face, _: face["cohort_mean"],
        "log_cohort_spread": lambda face, _: np.log(face["cohort_spread"]),
    }
)
"""What a network may be told of a face, by name; a new one is a line here."""

SEARCHED_INPUTS = tuple(FACE_STATISTICS)
PREDICTED_INPUTS = ("log_length", "crowding")


def face_statistics(face: FaceTerms, inputs: Sequence[str], parameters: Parameters) -> Floats32:
    """Return what a network is told of n faces, (n, d) float32.

    Args:
        face: terms of the faces, their lengths among them.
        inputs: d names of ``FACE_STATISTICS``, in the network's order.
        parameters: those that gave the terms.

    Raises:
        ValueError: if a term that one of them takes is missing.
    """
    told = [FACE_STATISTICS[name](face, parameters) for name in inputs]
    return np.stack(told, axis=1).astype(np.float32)


def log_likelihood_ratio(similarity: Floats, probe: FaceTerms, reference: FaceTerms) -> Floats:
    """Return log p(similarity | one person) - log p(similarity | two people), natural logarithm.

    It is the same with the sides swapped, and never falls as the similarity grows, whatever the network says.

    Args:
        similarity: cosines, of any shape.
        probe: ``llr_slope`` a, ``llr_middle`` m, ``llr_look`` c and ``llr_offset`` b of the probes, which broadcast
            against it. c is how much of a look that poor pictures share there is in one: strangers are alike by its
            product.
        reference: likewise of the references.
    """
    # softplus: log(1 + e^a), above 0.
    slope = np.logaddexp(probe["llr_slope"] + reference["llr_slope"], np.float32(0))
    middle = probe["llr_middle"] + reference["llr_middle"] + probe["llr_look"] * reference["llr_look"]
    offset = probe["llr_offset"] + reference["llr_offset"]
    # LLR = 20 softplus(a1 + a2) (s - (m1 + m2 + c1 c2)) + b1 + b2
    ratio: Floats = np.float32(SLOPE_SCALE) * slope * (similarity - middle) + offset
    return ratio
