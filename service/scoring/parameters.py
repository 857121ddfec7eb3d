"""The three numbers that the DAO score depends on besides the faces."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of Eq. 4; the defaults are the paper's.

    Attributes:
        k: anchors in a support set, 1 or more.
        tau: inverse temperature of the similarities, above 0.
        strength: exponent of the summed densities, 0 or more; 1 is Eq. 4 and 0 leaves the cosine's order.
    """

    k: int = 10
    tau: float = 1.0
    strength: float = 1.0
