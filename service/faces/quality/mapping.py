"""From a measured number to a score of 0 to 100."""

import math


def sigmoid(value: float, middle: float, width: float) -> float:
    """Return 1 / (1 + exp(-(value - middle) / width)): 1/2 at the middle, 0.73 one width above it."""
    # By the hyperbolic tangent, which no value overflows.
    return 0.5 * (1 + math.tanh(0.5 * (value - middle) / width))


def bounded(score: float) -> float:
    """Return a score within 0 to 100."""
    return min(max(score, 0.0), 100.0)
