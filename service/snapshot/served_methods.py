"""Which methods a bundle can serve under the settings in force, and why it cannot serve the others."""

from collections.abc import Mapping

from service.errors import BundleInvalid, SettingsInvalid
from service.scoring.methods import METHODS, Method
from service.scoring.parameters import Parameters
from service.scoring.terms import Need
from service.snapshot.term_sources import TermSources

WITHOUT_SEARCH = "ida-l"
"""The method that stands in where the anchors are not searched."""


def not_served(sources: TermSources, parameters: Parameters) -> dict[str, str]:
    """Return the methods that cannot be served, each with the reason.

    Args:
        sources: what gives terms.
        parameters: those in force.
    """
    misfit = sources.misfit(parameters)

    def reason(method: Method) -> str | None:
        if method.need is Need.PREDICTION and misfit is not None:
            return f"{misfit} (IDA_K, IDA_TAU)"
        if method.need in sources.provides:
            return None
        if method.need is Need.PREDICTION:
            return "the bundle has no SSR head (`ida-verify ssr train` makes one)"
        if Need.VARIANCE not in sources.provides and method.need in (Need.VARIANCE, Need.VARIANCE_AND_SUPPORT):
            return "the bundle has no PFE head (`ida-verify pfe train` makes one)"
        return "the anchors are not searched (IDA_ANCHOR_SEARCH=off)"

    found = {name: reason(method) for name, method in METHODS.items()}
    return {name: why for name, why in found.items() if why is not None}


def default_method(own: str, sources: TermSources, refused: Mapping[str, str]) -> str:
    """Return the method of a request that names none: the bundle's own, or ida-l where the anchors are not searched.

    Args:
        own: the bundle's own.
        sources: what gives terms.
        refused: the methods that cannot be served, each with the reason.

    Raises:
        SettingsInvalid: if the settings leave neither the bundle's own nor ida-l.
        BundleInvalid: if the bundle's own needs a head that it lacks.
    """
    searched, has_head = Need.SUPPORT in sources.provides, Need.PREDICTION in sources.provides
    if not searched and WITHOUT_SEARCH in refused:
        raise SettingsInvalid(
            f"IDA_ANCHOR_SEARCH=off leaves {WITHOUT_SEARCH} to be served, and {refused[WITHOUT_SEARCH]}. Set "
            "IDA_ANCHOR_SEARCH=on, or point IDA_BUNDLE at a bundle with a head for these settings."
        )
    if own not in refused:
        return own
    if not searched:
        return WITHOUT_SEARCH
    if not has_head:
        raise BundleInvalid(f"The bundle's default_method is {own}, and {refused[own]}. Train a head for the bundle.")
    raise SettingsInvalid(
        f"The bundle's default_method is {own}, and {refused[own]}. Unset IDA_K and IDA_TAU, or serve a bundle with a "
        "head for these."
    )
