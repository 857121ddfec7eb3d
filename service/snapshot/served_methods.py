"""Which methods a bundle can serve under the settings in force, and why it cannot serve the others."""

from collections.abc import Mapping

from service.errors import BundleInvalid, SettingsInvalid
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import SUPPORT
from service.snapshot.term_sources import TermSources

WITHOUT_SEARCH = "ida-l"
"""The method that stands in where the anchors are not searched."""

_EVIDENCE, _EVIDENCE_WITHOUT_SEARCH = "ida-q", "ida-ql"


def not_served(sources: TermSources, parameters: Parameters) -> dict[str, str]:
    """Return the methods that cannot be served, each with the reason.

    Args:
        sources: what gives terms.
        parameters: those in force.
    """
    found = {name: sources.lacking(method.needs, parameters) for name, method in METHODS.items()}
    return {name: why for name, why in found.items() if why is not None}


def default_method(own: str, sources: TermSources, refused: Mapping[str, str]) -> str:
    """Return the method of a request that names none: the bundle's own, or what stands in without a search.

    That is ida-l, and ida-ql for ida-q where it can be served.

    Args:
        own: the bundle's own.
        sources: what gives terms.
        refused: the methods that cannot be served, each with the reason.

    Raises:
        SettingsInvalid: if the settings leave neither the bundle's own nor ida-l.
        BundleInvalid: if the bundle's own needs a head that it lacks.
    """
    searched = SUPPORT in sources.provides
    if not searched and WITHOUT_SEARCH in refused:
        raise SettingsInvalid(
            f"IDA_ANCHOR_SEARCH=off leaves {WITHOUT_SEARCH} to be served, and {refused[WITHOUT_SEARCH]}. Set "
            "IDA_ANCHOR_SEARCH=on, or point IDA_BUNDLE at a bundle with a head for these settings."
        )
    if own not in refused:
        return own
    if not searched:
        tells = own == _EVIDENCE and _EVIDENCE_WITHOUT_SEARCH not in refused
        return _EVIDENCE_WITHOUT_SEARCH if tells else WITHOUT_SEARCH
    if not sources.provides >= set(METHODS[own].needs):
        raise BundleInvalid(
            f"The anchor set's default_method is {own}, and {refused[own]}. Train a head for the anchor set."
        )
    raise SettingsInvalid(
        f"The anchor set's default_method is {own}, and {refused[own]}. Unset IDA_K and IDA_TAU, or serve one with a "
        "head for these."
    )
