"""Which methods a plot of the report draws, and how each looks."""

from dataclasses import dataclass, replace
from typing import Any

from models.evaluation.report.report_document import PackResult
from models.evaluation.report.words import method_name
from models.pages.svg_drawing import COLOURS, COSINE

# So many curves can still be told apart where they cross.
_ALL_UP_TO = 4
_LINES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D")


@dataclass(frozen=True, slots=True)
class Look:
    """How a method is drawn, the same in every plot of a pack."""

    name: str
    colour: str
    line: str
    marker: str

    @property
    def style(self) -> dict[str, Any]:
        """What matplotlib calls colour, line and marker."""
        return {"color": self.colour, "linestyle": self.line, "marker": self.marker}


def drawn_methods(pack: PackResult) -> PackResult:
    """Return what plots show where not all is asked for: the cosine, ida-r and each bundle's default method.

    Ida-r stands with the bundle's own parameters; of four methods or fewer all are shown.
    """
    if len(pack.methods) <= _ALL_UP_TO:
        return pack
    defaults = {bundle.name: bundle.default_method for bundle in pack.bundles}
    kept, seen = [pack.methods[0]], set()
    for method in pack.methods[1:]:
        named = method.method, method.bundle
        if named not in seen and method.bundle is not None and method.method in ("ida-r", defaults[method.bundle]):
            kept.append(method)
            seen.add(named)
    shown = {(method.label, method.bundle) for method in kept}
    stated = tuple(one for one in pack.stated if one.label == "cosine" or (one.label, one.bundle) in shown)
    return replace(pack, methods=tuple(kept), stated=stated)


def looks_of(pack: PackResult) -> list[Look]:
    """Return how each of a pack's methods is drawn: a colour for the method, a line and a marker for the bundle."""
    labels = list(dict.fromkeys(method.label for method in pack.methods[1:]))
    bundles = [bundle.name for bundle in pack.bundles]
    looks = [Look("cosine", COSINE, _LINES[0], _MARKERS[0])]
    for method in pack.methods[1:]:
        colour = COLOURS[labels.index(method.label) % len(COLOURS)]
        bundle = bundles.index(method.bundle) if method.bundle in bundles else 0
        looks.append(
            Look(method_name(method, pack), colour, _LINES[bundle % len(_LINES)], _MARKERS[bundle % len(_MARKERS)])
        )
    return looks
