"""The numbers that scores depend on besides the faces and the anchors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of every method; those of Eq. 4 are the paper's by default.

    Attributes:
        k: anchors in a support set, 1 or more.
        tau: inverse temperature of the similarities, above 0.
        strength: exponent of the summed densities, 0 or more; 1 is Eq. 4 and 0 leaves the cosine's order.
        cohort: anchors nearest to a face whose mean and spread as-norm takes, half of all anchors at most.
            300 is what speaker verification, where the method is at home, uses.
        norm_power: p in F / ||f||^p: by how much the density of a face falls with the length of what the backbone gave
            for it; 0 is the paper's, whose embeddings have none.
        typical_norm: the length that counts as 1, and stands for that of a face whose length is not known.
        pfe_strength: the strength of pfe+ida-r, whose similarity is the mutual likelihood.
        guard: anchors at least this similar to a face are taken for its own person and left out; None leaves out none.
    """

    k: int = 10
    tau: float = 1.0
    strength: float = 1.0
    cohort: int = 300
    guard: float | None = None
    norm_power: float = 0.0
    typical_norm: float = 1.0
    pfe_strength: float = 1.0
