"""What decides an embedding besides a pack's networks and the photograph: declared once, read by the code that does it.

``pipeline_id``, the embedding cache's key and ``/info`` follow from it.
"""

from dataclasses import dataclass, field, fields

_ADDED_LATER = {"added_later": True}


@dataclass(frozen=True, slots=True)
class Preparation:
    """The steps from a photograph's bytes to the backbone's input, in words and numbers.

    The defaults are those of the first ids, and are never changed: what is in force stands in ``PREPARATION``. A number
    that was no part of the first ids is hashed only where it differs from its default. So calibrations, which are bound
    to a ``pipeline_id``, outlive the addition of a field, and not a change of what it says.

    Attributes:
        template: where the five landmarks lie in a crop.
        decoding: how a file becomes pixels.
        cropping: how a crop is cut from them.
        second_look: when a detector looks again.
        onet_passes: runs of ONet for one face, each on the box that the one before gave.
        flip: whether the mirrored crop is embedded too.
        second_look_area: share of the image which boxes must pass for a second look.
        second_look_border: width of the grey border, over the image's side, at both ends.
        second_look_side: longest side of the image within the border, in pixels.
        second_look_same: shared part of the smaller of two boxes that are taken for one face.
        second_look_grey: the border's value of each channel, 0 to 255.
    """

    template: str = "arcface-112"
    decoding: str = "exif-upright, alpha over white"
    cropping: str = "anti-aliased sub-pixel warp"
    second_look: str = "within a grey border where boxes cover much of the image or nothing is found"
    onet_passes: int = 2
    flip: bool = False
    second_look_area: float = field(default=0.25, metadata=_ADDED_LATER)
    second_look_border: float = field(default=0.5, metadata=_ADDED_LATER)
    second_look_side: int = field(default=640, metadata=_ADDED_LATER)
    second_look_same: float = field(default=0.5, metadata=_ADDED_LATER)
    second_look_grey: int = field(default=128, metadata=_ADDED_LATER)

    def hashed(self) -> dict[str, object]:
        """Return what is part of a ``pipeline_id``."""
        told = {item.name: (getattr(self, item.name), item) for item in fields(self)}
        return {name: value for name, (value, item) in told.items() if not item.metadata or value != item.default}


PREPARATION = Preparation()
"""What is in force; a change is made here."""
