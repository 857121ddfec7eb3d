"""The three forms in which a face is given."""

from dataclasses import dataclass

from service.scoring.calibration import InputForm


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph: bytes of an image of a supported format."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Crop:
    """An aligned crop: bytes of a 112x112 image."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Embedding:
    """An embedding made by the same backbone, of any norm but zero."""

    values: tuple[float, ...]


FaceInput = Photo | Crop | Embedding


def form_of(face: FaceInput) -> InputForm:
    """Return the form of a face as calibrations name it."""
    if isinstance(face, Photo):
        return "photo"
    return "crop" if isinstance(face, Crop) else "embedding"
