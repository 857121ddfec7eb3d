"""What pydantic finds wrong with a document, in words."""

from collections.abc import Callable, Sequence

from pydantic import ValidationError

_LONGEST_NAME, _LONGEST = 100, 300


def dotted(place: Sequence[int | str]) -> str:
    """Return where in a document something is wrong, such as ``files.0.sha256``; long names are cut."""
    return ".".join(str(part)[:_LONGEST_NAME] for part in place)[:_LONGEST]


def faults(error: ValidationError, *, most: int = 1, place: Callable[[Sequence[int | str]], str] = dotted) -> str:
    """Return what is wrong, each with the field it is wrong in.

    Args:
        error: what was raised.
        most: how many are told; of the others their number.
        place: names a field.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = (
        ": ".join(filter(None, (place(fault["loc"]), fault["msg"].removeprefix("Value error, ")[:_LONGEST])))
        for fault in found[:most]
    )
    more = f" (and {len(found) - most} more)" if len(found) > most else ""
    return "; ".join(told) + more
