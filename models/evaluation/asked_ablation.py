"""Ablations as they are asked for: a parameter, and the values that it takes."""

from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import ValidationError

from models.tool_errors import AblationInvalid
from service.scoring.parameters import Parameters

Knob = Literal["k", "anchors", "tau", "strength"]

DEFAULT_VALUES: dict[Knob, tuple[float, ...]] = {
    "k": (1, 2, 5, 10, 20, 50, 100, 200, 500),
    "anchors": (30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000),
    "tau": (0.25, 0.5, 1, 2, 4, 8, 16, 32),
    "strength": (0, 0.25, 0.5, 0.75, 1, 1.5, 2),
}


@dataclass(frozen=True, slots=True)
class AskedAblation:
    """An ablation that was asked for.

    Attributes:
        knob: the parameter.
        values: its values, increasing.
        as_paper: whether all else is as the paper has it, and not as in the bundle.
    """

    knob: Knob
    values: tuple[float, ...]
    as_paper: bool = False


def parse(text: str) -> AskedAblation:
    """Read ``k``, or ``k=1,5,10`` with values of one's own.

    Raises:
        AblationInvalid: if there is no such parameter, or a value is not possible for it.
    """
    name, _, listed = text.partition("=")
    for knob in get_args(Knob):
        if knob != name:
            continue
        try:
            values = tuple(sorted(set(map(float, listed.split(",") if listed else DEFAULT_VALUES[knob]))))
        except ValueError:
            break
        if all(_is_possible(knob, value) for value in values):
            return AskedAblation(knob, values)
        break
    raise AblationInvalid(
        f"{text!r} is no ablation: name one of {', '.join(get_args(Knob))}, perhaps with values, as in `k=1,5,10` "
        "(whole numbers for k and anchors; tau above 0 and at most 100, strength from 0 to 10)."
    )


def with_value(parameters: Parameters, knob: Knob, value: float) -> Parameters:
    """Return parameters with another value of one of them.

    Raises:
        ValidationError: if it is out of its range.
    """
    if knob == "k":
        return parameters.changed(k=int(value))
    return parameters.changed(**{knob: value})


def _is_possible(knob: Knob, value: float) -> bool:
    if knob in ("k", "anchors"):
        return value.is_integer() and value >= 1
    try:
        with_value(Parameters(), knob, value)
    except ValidationError:
        return False
    return True
