"""The words of settings that rooms below them act on, and the gates that a picture must pass."""

from dataclasses import dataclass
from typing import Literal, get_args

Device = Literal["cpu", "cuda"]
DamagedImages = Literal["refuse", "accept"]
FacePolicy = Literal["prominent", "largest", "most_central", "reject"]
GpuEngine = Literal["cuda", "cuda-graphs", "tensorrt"]
UnusablePictures = Literal["refuse", "skip"]
"""What becomes of a reference of several pictures one of which cannot be used: an error, or it is left out."""

Peer = Literal["deepface", "compreface", "facepp", "localai", "oip"]
"""Whose requests and answers are served besides the service's own, where that is asked for."""

LivenessPolicy = Literal["off", "report", "require"]
QualityPolicy = Literal["report", "gate", "decide"]


def stricter(one: LivenessPolicy, other: LivenessPolicy) -> LivenessPolicy:
    """Return the stricter of two policies."""
    return max(one, other, key=get_args(LivenessPolicy).index)


@dataclass(frozen=True)
class Gates:
    """What a picture must pass to be embedded. Each is a setting of the same name, whose default stands here.

    The embedding cache's key and ``limits`` of ``/info`` follow from these fields, so a new gate is added here alone
    besides its setting and the place that asks it.

    Attributes:
        min_face_pixels: least length of the shorter side of the chosen face's box.
        max_image_bytes: most bytes of a file that are looked at.
        max_image_pixels: most pixels (width times height) that are decoded.
        max_full_image_pixels: the same for pictures that are held whole while they are decoded: all but a JPEG of one
            scan that is not CMYK. Pixels of a PNG of 16-bit colours, of an AVIF in one piece and of a
            HEIC of more than 8 bits count twice.
        max_image_side: longest width or height, in pixels.
        damaged_images: what becomes of a JPEG with damaged data, of which libjpeg warns.
    """

    min_face_pixels: int = 20
    max_image_bytes: int = 16 * 1024 * 1024
    max_image_pixels: int = 50_000_000
    max_full_image_pixels: int = 25_000_000
    max_image_side: int = 16_384
    damaged_images: DamagedImages = "refuse"
