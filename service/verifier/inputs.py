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

MOST_PICTURES = 16
"""Of one person that are compared as one."""


@dataclass(frozen=True, slots=True)
class Template:
    """Several pictures of one person, which are compared as one.

    Attributes:
        faces: the pictures, 1 to ``MOST_PICTURES``.
        skips: whether one that cannot be used is left out while another can be; else it fails the whole.
    """

    faces: tuple[FaceInput, ...]
    skips: bool = False


Reference = FaceInput | Template


def pictures_of(reference: Reference) -> tuple[FaceInput, ...]:
    """Return the pictures of a reference."""
    return reference.faces if isinstance(reference, Template) else (reference,)


def form_of(face: FaceInput) -> InputForm:
    """Return the form of a face as calibrations name it."""
    if isinstance(face, Photo):
        return "photo"
    return "crop" if isinstance(face, Crop) else "embedding"
