"""What the short words of tables mean, told beside each table that has them."""

from collections.abc import Mapping
from types import MappingProxyType

SYMBOLS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "FMR": ("FMR", "false-match rate: share of the pairs of two people that are taken for one person; also FAR"),
        "FNMR": ("FNMR", "false non-match rate: share of one person's pairs that are rejected; no face found counts"),
        "TAR": ("TAR", "share of one person's pairs that are accepted, 1 - FNMR; at FAR: at that false-match rate"),
        "interval": ("[a, b]", "95 % interval: what other people of the same kind might have shown, people resampled"),
        "gain": ("+1.2 [a, b]", "gain over the cosine in points, person by person; green above 0, red below 0"),
        "star": ("*", "3 to 30 false matches expected: the order of the rate, no more; below 3 nothing is given"),
        "none": ("-", "not known, or too few pairs"),
        "at_most": ("at most", "none was seen among N pairs of people, each counted once; the rate may still be 3/N"),
        "too_few": (
            "too few",
            "the group says nothing of it: under 3/FMR pairs of people and not seen above, or under 10 people for FNMR",
        ),
        "EER": ("EER", "where FMR and FNMR meet"),
        "overlap": ("overlap", "area that the score distributions of mated and non-mated pairs share"),
        "Cllr": ("Cllr", "cost of the scores as log-likelihood ratios in bits, 0 at best, 1 where they say nothing"),
        "min Cllr": (
            "min Cllr",
            "that of the best ratios that keep the scores' order; what Cllr has more, their scale lost",
        ),
        "mated": ("mated", "of one person; non-mated: of two people"),
        "quality": (
            "quality",
            "measured: 30 false matches or more expected; wide: 3 to 30; extrapolated: fewer, by a fitted tail",
        ),
        "ratio": (
            "observed/stated",
            "above 1, more strangers pass than the bundle states; as stated: within a factor of 2",
        ),
        "inconclusive": (
            "inconclusive",
            "a face lies beyond the limits of the calibration: no match, whatever the score",
        ),
        "k": ("k", "anchors in a face's support set"),
        "tau": ("τ", "how much the nearest of them count more"),
        "strength": ("a", "strength: exponent of the densities; 0 is the plain cosine"),
        "norm_power": ("norm power", "exponent by which a face's norm changes its density; 0 is the paper's"),
        "guard": ("guard", "cosine from which an anchor may be the face's own person"),
        "R2": ("R²", "share of the true densities' variance that the head explains; 1 at best"),
        "Spearman": ("Spearman", "how far the head keeps the order of the densities; 1 at best"),
        "bias": ("bias", "mean of predicted less true log-density; 0 at best"),
        "tail": ("30/FMR", "pairs of two people that measure a rate: 30 false matches are then expected"),
        "rule_of_three": ("3/FMR", "pairs of people without one false match that bound a rate with 95 % confidence"),
    }
)
"""What a table shows and what it means, by the name that templates use."""
