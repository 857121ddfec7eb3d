"""The unified quality of a face: the length of its embedding, on the scale of a calibration's people."""

import math


def unified_quality(norm: float, median: float, one_percent: float) -> float | None:
    """Return 100 s((norm - m) / w): 75 for a picture of the calibration's median norm, 25 for the poorest in a hundred.

    s is the logistic function, m lies half-way between the two norms and w is their distance over 2 ln 3. What the
    backbone gives is longer for better pictures; how long depends on the backbone, so two packs' norms say nothing of
    each other and their unified qualities do.

    Args:
        norm: length of what the backbone gave for the face; 0 where it is not known.
        median: of the norms of the calibration's people.
        one_percent: the norm that one in a hundred of their pictures has less than.

    Returns:
        From 0 to 100, higher is better; None where the norm is not known or the calibration's norms are all alike.
    """
    if norm <= 0 or median <= one_percent:
        return None
    middle, width = (median + one_percent) / 2, (median - one_percent) / (2 * math.log(3))
    # By the hyperbolic tangent, which no value overflows.
    return 50 * (1 + math.tanh((norm - middle) / (2 * width)))
