"""The bundle of the settings, which is served while none was activated; or why there is none."""

from dataclasses import dataclass
from pathlib import Path

from service.bundle.bundle_manifest import MANIFEST_NAME
from service.bundle.reader import read_bundle_id, read_manifest
from service.errors import BundleInvalid
from service.settings import DEFAULT_BUNDLE, NO_BUNDLE

_COSINE_ALONE = (
    "so cosine alone is served, without densities, rates and decisions. Build an anchor set with `ida-verify anchors "
    "build`, calibrate it with `ida-verify calibrate`, and serve it by IDA_BUNDLE or activate it"
)


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """The bundle of the settings.

    Attributes:
        folder: where it lies; None where cosine alone is served until an anchor set is activated.
        why_none: why there is none; None where there is one.
    """

    folder: Path | None
    why_none: str | None = None

    @property
    def bundle_id(self) -> str | None:
        """Its id; None where there is none, or it cannot be read, and nothing can be made of it."""
        if self.folder is None:
            return None
        try:
            return read_bundle_id(self.folder)
        except BundleInvalid:
            return None


def built_in_of(bundle: Path, backbone_id: str) -> BuiltIn:
    """Return the bundle that the settings ask for.

    A bundle that is named is that one, whatever it was made for: whoever loads it refuses what does not fit. Where none
    is named, it is the one shipped for the backbone, if there is one.

    Args:
        bundle: ``IDA_BUNDLE``.
        backbone_id: the backbone that is served.
    """
    if bundle == NO_BUNDLE:
        return BuiltIn(None, f"no anchor set is served, as IDA_BUNDLE=none asks, {_COSINE_ALONE}")
    if bundle != DEFAULT_BUNDLE:
        return BuiltIn(bundle)
    shipped = _shipped_for(backbone_id)
    if shipped is not None:
        return BuiltIn(shipped)
    return BuiltIn(
        None, f"no anchor set is shipped for the backbone {backbone_id}, and IDA_BUNDLE names none, {_COSINE_ALONE}"
    )


def shipped_bundles() -> tuple[Path, ...]:
    """Return the folders of the bundles inside the package, the default one first."""
    folders = sorted(path.parent for path in DEFAULT_BUNDLE.parent.glob(f"*/{MANIFEST_NAME}"))
    return (DEFAULT_BUNDLE, *(folder for folder in folders if folder != DEFAULT_BUNDLE))


def _shipped_for(backbone_id: str) -> Path | None:
    """Return the folder of a shipped bundle for a backbone, or one that cannot be read, which its loader tells."""
    for folder in shipped_bundles():
        try:
            if read_manifest(folder).backbone_id == backbone_id:
                return folder
        except BundleInvalid:
            return folder
    return None
