"""What a liveness policy makes of a pair, and what poor pictures make of a verdict."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from service.errors import Doubt
from service.faces.types import AlignedFace, Liveness, Uncertainty
from service.scoring.population import FaceCheck

LIVENESS_CODES = frozenset({"liveness_unknown", "not_live", "liveness_uncertain"})
"""Of the reasons that the policy ``require`` gives."""

_SAYS = "the probe is not shown to be live"
_ADVICE: Mapping[Uncertainty | None, str] = MappingProxyType(
    {
        "small_face": "Send a larger or closer picture.",
        "narrow_picture": "Send a picture with more around the face.",
        "crops_disagree": "Take another picture.",
        "poor_picture": "Take a sharper, better lit picture.",
    }
)


def liveness_doubts(probe: AlignedFace | None) -> tuple[Doubt, ...]:
    """Return why a pair is not vouched for whose probe must be shown to be live; none where it is.

    The probe alone is asked, which is presented now; a reference may rightly be the picture of a document. One that is
    no photograph is not shown to be live: else a crop or an embedding would pass where its photograph does not.

    Args:
        probe: the probe's face, its liveness told; None where it was no photograph.
    """
    if probe is None or probe.liveness is None:
        return (Doubt("probe", "liveness_unknown", f"{_SAYS}: only a photograph can be", "Send the photograph."),)
    found = probe.liveness
    if found.verdict == "live":
        return ()
    if found.verdict == "spoof":
        says = f"{_SAYS}: it looks like a picture or a mask of a face"
        return (Doubt("probe", "not_live", says, "Let the person stand before the camera."),)
    return (Doubt("probe", "liveness_uncertain", f"{_SAYS}: {found.reason}", _ADVICE[found.reason]),)


def told_with_quality(face: AlignedFace | None, check: FaceCheck) -> AlignedFace | None:
    """Return a face, its verdict uncertain where what backbone or picture tell of it lies beyond the limits."""
    if face is None or face.liveness is None or face.liveness.verdict == "uncertain":
        return face
    if not any(found.is_beyond and found.measure.source != "anchors" for found in check.measures):
        return face
    return replace(face, liveness=Liveness("uncertain", face.liveness.score, "poor_picture"))
