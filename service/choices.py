"""The words of settings that rooms below them act on, and the limits that hold where nobody sets others."""

from typing import Literal

Device = Literal["cpu", "cuda"]
DamagedImages = Literal["refuse", "accept"]
FacePolicy = Literal["largest", "most_central", "reject"]
GpuEngine = Literal["cuda", "cuda-graphs", "tensorrt"]

DEFAULT_MAX_IMAGE_SIDE = 16_384
DEFAULT_MAX_FULL_IMAGE_PIXELS = 25_000_000
