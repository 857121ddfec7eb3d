"""How numbers are written: the same in the terminal and on every page."""

from collections.abc import Sequence


def percent(value: float, signed: bool = False) -> str:
    """Return a share in percent, with digits enough to tell small ones apart."""
    shown = 100 * value
    digits = 2 if abs(shown) < 99.995 else 1
    return f"{shown:+.{digits}f}" if signed else f"{shown:.{digits}f}"


def rate_text(rate: float) -> str:
    """Return a false-match rate with two digits, 0 as such."""
    return "0" if rate == 0 else f"{rate:.1e}".replace("e-0", "e-").replace("e+00", "")


def in_words(parts: Sequence[str]) -> str:
    """Return one or more words as a list within a sentence."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
