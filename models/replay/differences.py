"""What differs between an answer and the same computed again, in words."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from service.api.wire.verify_wire import VerifyAnswer

# Of how many digits a number is told where its place has one of these words; seven where it has none.
_DIGITS = {"fmr": 3}
_MOST_DIGITS = 7
# Of when and where it was computed, and texts that another version may word otherwise.
_LEFT_OUT = frozenset(
    {
        "advice",
        "box",
        "embeddings",
        "face",
        "faces",
        "generation",
        "no_decision_reason",
        "no_llr_interval_reason",
        "not_judged",
        "pack",
        "policy",
        "problem",
        "receipt",
        "request_id",
        "timings_ms",
    }
)


@dataclass(frozen=True, slots=True)
class Differences:
    """What differs.

    Attributes:
        lines: a line for each figure that is another.
        rounded: figures of which the last digit alone is another, by one, as another processor may add up.
    """

    lines: tuple[str, ...]
    rounded: tuple[str, ...]


def differences(answer: VerifyAnswer, again: VerifyAnswer) -> Differences:
    """Compare an answer with the same computed again.

    Args:
        answer: as it was kept.
        again: as it comes out now.
    """
    lines, rounded = [], []
    for place, was, now in _pairs(answer.model_dump(mode="json"), again.model_dump(mode="json"), ""):
        if was == now:
            continue
        if isinstance(was, float) and isinstance(now, float) and _is_last_digit(was, now, place):
            rounded.append(place)
        else:
            lines.append(f"{place}: {_told(was)} in the answer, {_told(now)} computed again")
    return Differences(tuple(lines), tuple(rounded))


def _pairs(was: object, now: object, place: str) -> Iterator[tuple[str, object, object]]:
    """Give the values of both at every place at which one of them has one."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in {**was, **now}:
            if name not in _LEFT_OUT:
                yield from _pairs(was.get(name), now.get(name), f"{place}.{name}" if place else name)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _pairs(one, other, f"{place}.{number}")
    else:
        yield place, was, now


def _is_last_digit(was: float, now: float, place: str) -> bool:
    digits = next((found for word, found in _DIGITS.items() if word in place), _MOST_DIGITS)
    largest = max(abs(was), abs(now))
    unit = 10.0 ** (math.floor(math.log10(largest)) - digits + 1) if largest > 0 else 0.0
    return abs(was - now) <= 1.001 * unit


def _told(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict | list):
        return "something else" if value else "nothing"
    return f"{value}"
