"""What decides an embedding besides a pack's networks and the photograph: declared once, read by the code that does it.

``pipeline_id``, the embedding cache's key and ``/info`` follow from it.
"""

from dataclasses import dataclass, field, fields
from math import inf

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
        onet_settled: most that the first run's box may lie off the one that it was shown, over the side, for no other
            run, where the detector's landmarks tell how the face leans.
        onet_settled_score: least score of the face in such a run.
        onet_lean: lean of a face off what ONet is first shown, in radians, from which it is run again, up to once more
            than ``onet_passes``; each run after the first sees the face levelled.
        flip: whether the mirrored crop is embedded too.
        second_look_area: share of the image which boxes must pass for a second look.
        second_look_border: width of the grey border, over the image's side, at both ends.
        second_look_side: longest side of the image within the border, in pixels.
        second_look_same: shared part of the smaller of two boxes that are taken for one face.
        second_look_grey: the border's value of each channel, 0 to 255.
        turns: when a picture is looked at turned, and by what.
        sure_disagreement: most distance between two networks' landmarks of a face that surely stands upright, root
            mean square in pixels of the aligned crop.
        crop_disagreement: most distance of the landmarks that are located in an aligned crop from the template.
        least_face: side in pixels from which faces are looked for in a picture of any size.
        tile_face: side in pixels that such a face has in the tiles of the last look.
        tile_step: how many times larger each look's scale is than the one before, at most.
        tile_overlap: pixels that neighbouring tiles share.
        closer_face: side in pixels at which a small face that is not sure is shown to the detector once more.
        closer_others: side in pixels at which faces half as large as that one are then looked for beside it.
        tile_contrast: standard deviation of a tile's values below which nothing can be seen in it.
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
    onet_settled: float = field(default=0.0, metadata=_ADDED_LATER)
    onet_settled_score: float = field(default=1.0, metadata=_ADDED_LATER)
    onet_lean: float = field(default=inf, metadata=_ADDED_LATER)
    turns: str = field(default="never", metadata=_ADDED_LATER)
    sure_disagreement: float = field(default=inf, metadata=_ADDED_LATER)
    crop_disagreement: float = field(default=inf, metadata=_ADDED_LATER)
    least_face: int = field(default=0, metadata=_ADDED_LATER)
    tile_face: int = field(default=0, metadata=_ADDED_LATER)
    tile_step: float = field(default=0.0, metadata=_ADDED_LATER)
    tile_overlap: int = field(default=0, metadata=_ADDED_LATER)
    tile_contrast: float = field(default=0.0, metadata=_ADDED_LATER)
    closer_face: int = field(default=0, metadata=_ADDED_LATER)
    closer_others: int = field(default=0, metadata=_ADDED_LATER)

    def hashed(self) -> dict[str, object]:
        """Return what is part of a ``pipeline_id``."""
        told = {item.name: (getattr(self, item.name), item) for item in fields(self)}
        return {name: value for name, (value, item) in told.items() if not item.metadata or value != item.default}


PREPARATION = Preparation(
    cropping="anti-aliased sub-pixel warp, averaged first where it shrinks to a quarter or less",
    onet_settled=0.12,
    onet_settled_score=0.9,
    onet_lean=0.35,
    turns="by quarters where the upright look is not sure, by eighths where neither a quarter nor the first tiles are",
    sure_disagreement=8.0,
    crop_disagreement=15.0,
    least_face=32,
    tile_face=20,
    tile_step=2.0,
    tile_overlap=40,
    tile_contrast=3.0,
    closer_face=80,
    closer_others=16,
)
"""What is in force; a change is made here."""
