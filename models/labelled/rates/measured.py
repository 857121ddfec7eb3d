"""Which false-match rates a number of comparisons can show."""

from service.scoring.calibration import Quality

OPERATING_FMRS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
# With 30 false matches expected, the rate is known to about a third, were the pairs independent.
MEASURED_FALSE_MATCHES = 30
# "Rule of three": of N pairs without an error, the rate is below 3/N with 95 % confidence.
RULE_OF_THREE = 3


def quality(non_mated_pairs: int, fmr: float) -> Quality:
    """Return how well so many non-mated pairs show a false-match rate."""
    expected = non_mated_pairs * fmr
    # Rounded, since 3000000 * 1e-5 is 30.000000000000004 and 300000 * 1e-4 might as well be a digit below.
    expected = round(expected, 9)
    if expected >= MEASURED_FALSE_MATCHES:
        return "measured"
    return "wide" if expected >= RULE_OF_THREE else "extrapolated"


def measured_fmrs(non_mated_pairs: int) -> tuple[float, ...]:
    """Return the rates 1e-2, 3e-3, 1e-3, 3e-4 and so on that so many pairs measure."""
    steps = [
        mantissa * 10.0**-exponent for exponent in range(2, 10) for mantissa in ((1,) if exponent == 2 else (3, 1))
    ]
    return tuple(float(f"{fmr:.0e}") for fmr in steps if quality(non_mated_pairs, fmr) == "measured")


def fmr_bound(false_matches: int, non_mated_pairs: int, high: float) -> float:
    """Return the upper end to state for an observed rate whose interval ends at ``high``.

    Without one error in N pairs a bootstrap sees nothing to vary, and the rule of three says at most 3/N.
    """
    if non_mated_pairs == 0:
        return 1.0
    return max(high, min(1.0, RULE_OF_THREE / non_mated_pairs)) if false_matches == 0 else high


def fnmr_bound(false_non_matches: float, people: int, high: float) -> float:
    """Return the upper end to state for an observed false non-match rate whose interval ends at ``high``.

    Without one error the rule of three says at most 3/n, n being people and not pairs: the pairs of one person fail
    together.
    """
    return max(high, min(1.0, RULE_OF_THREE / max(1, people))) if false_non_matches == 0 else high


def point_name(fmr: float) -> str:
    """Return what requests call the operating point of a false-match rate.

    >>> point_name(1e-4)
    'fmr_1e-4'
    """
    mantissa, exponent = f"{fmr:.0e}".split("e")
    return f"fmr_{mantissa}e{int(exponent)}"
