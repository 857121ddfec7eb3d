"""Which false-match rates a number of comparisons can show."""

from service.scoring.calibration import Quality

OPERATING_FMRS: tuple[float, ...] = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
# With 30 false matches expected, the rate is known to about a third, were the pairs independent.
MEASURED_FALSE_MATCHES = 30
RULE_OF_THREE = 3


def shown_down_to(trials: int) -> float:
    """Return the smallest rate that so many trials show: three errors are then expected among them."""
    return min(1.0, RULE_OF_THREE / max(1, trials))


def bound_without_error(independent: int) -> float:
    """Return what a rate is below with 95 % confidence where none of so many independent trials is an error: 3/N.

    Args:
        independent: pairs of people for a false-match rate, each counted once in however many pictures they met, since
            pairs of pictures of the same two people pass or fail together; people for a false non-match rate.
    """
    return min(1.0, RULE_OF_THREE / max(1, independent))


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


def upper_end(errors: float, independent: int, high: float) -> float:
    """Return the upper end to state for an observed rate whose interval ends at ``high``.

    Without one error a bootstrap sees nothing to vary, and the rule of three bounds what was not seen.

    Args:
        errors: how many were observed.
        independent: as of ``bound_without_error``.
        high: upper end of the interval by resampling.
    """
    return high if errors else max(high, bound_without_error(independent))


def fmr_name(fmr: float) -> str:
    """Return a rate in short.

    >>> fmr_name(1e-4)
    '1e-4'
    """
    mantissa, exponent = f"{fmr:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def point_name(fmr: float) -> str:
    """Return what requests call the operating point of a false-match rate, such as "fmr_1e-4"."""
    return f"fmr_{fmr_name(fmr)}"
