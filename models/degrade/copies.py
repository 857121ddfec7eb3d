"""From a photograph's pixels to aligned crops of its face: the face as it is, or degraded copies of it."""

from dataclasses import dataclass, replace

from models.degrade.photograph import Photograph
from models.degrade.recipe import Recipe, copy_key
from service.arrays import Floats32, ImageArray
from service.faces.align import align
from service.faces.types import Box, DetectedFace
from service.pipeline import FacePipeline


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """Which crops are made of each photograph.

    Attributes:
        recipe: how copies are degraded; None for the face as it is.
        copies: how many there are; 1 where there is no recipe.
        seed: what their randomness follows from, together with the photograph's name and the copy's number.
    """

    recipe: Recipe | None = None
    copies: int = 1
    seed: int = 0


def crops_of(pixels: ImageArray, name: str, pipeline: FacePipeline, plan: CopyPlan) -> list[ImageArray]:
    """Return the aligned crops of the largest face of a photograph, one a copy.

    The detector sees the photograph as it is; what it finds is carried through the recipe, and the landmarks are
    located anew on every copy.

    Args:
        pixels: (height, width, 3) uint8, RGB.
        name: tells the photograph from others of its set.
        pipeline: the service's own.
        plan: which crops.

    Returns:
        Crops (112, 112, 3) uint8, RGB.

    Raises:
        NoFace, FaceTooSmall: if there is no face to be made anything of.
        InferenceFailed: if a network fails.
    """
    face = pipeline.find_face(pixels, "largest")
    if plan.recipe is None:
        return [align(pixels, pipeline.find_landmarks(pixels, face))]
    photograph = Photograph.of(pixels, face.box)
    crops = []
    for copy in range(plan.copies):
        key = copy_key(plan.seed, name, copy)
        degraded = plan.recipe.degrade(photograph, key)
        landmarks = pipeline.find_landmarks(degraded.pixels, _moved(face, degraded.box))
        crops.append(align(degraded.pixels, plan.recipe.drift(landmarks, key)))
    return crops


def _moved(face: DetectedFace, box: Box) -> DetectedFace:
    """Return a face in another box, the detector's own landmarks, where there are any, at the same places of it."""
    if face.landmarks is None:
        return replace(face, box=box)
    return replace(face, box=box, landmarks=_between(face.landmarks, face.box, box))


def _between(landmarks: Floats32, old: Box, new: Box) -> Floats32:
    places = (landmarks - (old.left, old.top)) / (old.width, old.height)
    moved: Floats32 = (places * (new.width, new.height) + (new.left, new.top)).astype(landmarks.dtype)
    return moved
