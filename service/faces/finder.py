"""Finds the face of a picture: at one look, or in quarter turns and tiles where that look is not sure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from service.arrays import ImageArray
from service.choices import FacePolicy
from service.errors import NoFace, PackInvalid
from service.faces.align import ARCFACE_TEMPLATE, CROP_BOX
from service.faces.closer_look import beside, detect_closer, is_small, scale_beside
from service.faces.detectors.detector import Detector
from service.faces.detectors.second_look import SecondLook
from service.faces.evidence import Evidence, weigh
from service.faces.landmarks import Landmarker, Located, lean_of
from service.faces.reduction import scaled, to_align
from service.faces.rolled_look import detect_rolled
from service.faces.select import no_face, select_face
from service.faces.stage_timer import StageTimer, untimed
from service.faces.tiles import detect_in_tiles, each_once, scales_of_tiles
from service.faces.turns import QUARTER, QUARTER_TURNS, points_turned_back, turned, turned_back
from service.faces.types import CROP_SIZE, DetectedFace
from service.pack import PREPARATION, FaceStandards

# Of the detector's boxes, those with the best scores are asked what they are.
_MOST_FACES = 16


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture as it was decoded, upright by its EXIF orientation.

    Attributes:
        image: (rows, columns, 3) uint8, RGB.
        reduction: how many times smaller than the picture it is, along each side.
    """

    image: ImageArray
    reduction: int = 1


Closer = Callable[[float], View]
"""Gives a picture at no less than a share of its size, in the smallest form that can be decoded."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The face that a look chose.

    Attributes:
        face: in pixels of the image that was looked at, as the detector gives it.
        located: what the landmark network sees in it, in the same pixels.
        evidence: what speaks for it.
        faces: all faces of that look, the chosen one among them, best score first.
        quarters: by how many quarters anticlockwise the image was turned.
        view: what was looked at, before it was turned.
    """

    face: DetectedFace
    located: Located
    evidence: Evidence
    faces: Sequence[DetectedFace]
    quarters: int
    view: View


class FaceFinder:
    """Finds faces by a pack's detector and landmark network. Safe to call from several threads if they are."""

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker | None,
        standards: FaceStandards,
        detector_size: tuple[int, int],
    ) -> None:
        """Put a finder together.

        Args:
            detector: finds boxes; one that looks again at what it misses does so at whole pictures alone.
            landmarker: locates the landmarks in a box; None where the detector gives them.
            standards: what a face must show.
            detector_size: width and height of what the detector is fed.
        """
        self._detector = detector
        self._bare = detector.detector if isinstance(detector, SecondLook) else detector
        self._landmarker = landmarker
        self._standards = standards
        self._size = detector_size

    def find(self, view: View, policy: FacePolicy, closer: Closer, clock: StageTimer = untimed) -> Sighting:
        """Return the chosen face of a picture.

        A first look that surely sees an upright face is the only one. Else a small face that it saw is looked at
        closer, then the picture in three more quarter turns, in tiles if it is large, halfway between the quarters, and
        in smaller and smaller tiles, until a look is sure; the look with the strongest evidence is kept.

        Args:
            view: the picture, perhaps reduced.
            policy: which of several faces is chosen.
            closer: gives the picture less reduced.
            clock: times the looks as the stage ``detect``.

        Raises:
            NoFace: if no look sees one.
            SeveralFaces: if a look sees several and the policy is ``reject``.
            InferenceFailed, PackInvalid: if a network fails, or gives what its adapter does not decode.
        """
        with clock("detect"):
            best = self.look(view, policy)
        best = self._look_closer(best, policy, closer, clock)
        for look_again in self._further_looks(view, policy, closer, clock):
            if self._is_sure(best):
                break
            best = self._strongest(best, look_again())
        if best is None:
            raise no_face()
        return best

    def look(self, view: View, policy: FacePolicy, quarters: int = 0) -> Sighting | None:
        """Return the chosen face of one look at a picture, turned by some quarters; None where there is none.

        Raises:
            SeveralFaces, InferenceFailed, PackInvalid: as for ``find``.
        """
        seen = turned(view.image, quarters)
        return self._choose(view, seen, self._detector.detect(seen), policy, quarters)

    def locate(self, image: ImageArray, face: DetectedFace) -> Located:
        """Return the landmarks of a face: what the landmark network sees in its box, or else the detector's own.

        Raises:
            InferenceFailed, PackInvalid: as for ``find``.
        """
        if self._landmarker is not None:
            return self._landmarker.locate(image, face)
        if face.landmarks is None:
            raise PackInvalid("The detector gives no landmarks, and the pack has no [landmarks] section.")
        return Located(face.landmarks)

    def is_crop_of_a_face(self, crop: ImageArray) -> bool:
        """Return whether the landmark network sees a face where an aligned crop has it; True where there is no network.

        Raises:
            InferenceFailed, PackInvalid: as for ``find``.
        """
        if self._landmarker is None:
            return True
        located = self._landmarker.locate(crop, DetectedFace(CROP_BOX, 1.0))
        try:
            evidence = weigh(located.landmarks, 1.0, landmark_score=located.score, detected=ARCFACE_TEMPLATE)
        except NoFace:
            return False
        return evidence.is_face(self._standards) and (evidence.disagreement or 0) <= PREPARATION.crop_disagreement

    def warm_up(self) -> None:
        """Run every network once, on a picture without a face; raises as ``find`` does for a network that fails."""
        blank = np.full((CROP_SIZE, CROP_SIZE, 3), 127, dtype=np.uint8)
        self._detector.detect(blank)
        if self._landmarker is not None:
            self._landmarker.locate(blank, DetectedFace(CROP_BOX, 1.0))

    def _look_closer(
        self, seen: Sighting | None, policy: FacePolicy, closer: Closer, clock: StageTimer
    ) -> Sighting | None:
        """Return a sighting of a small face as a closer look shows it, where that is sure; else as it is."""
        if seen is None or self._is_sure(seen):
            return seen
        if not is_small(seen.face.box, max(seen.view.image.shape[:2]), max(self._size)):
            return seen
        # As large as it will be aligned, so that nothing is decoded once more for that.
        view = closer(1 / to_align(seen.face, seen.view.reduction))
        ratio = seen.view.reduction / view.reduction
        with clock("detect"):
            box = scaled(seen.face, ratio).box
            face = detect_closer(self._bare, view.image, box, self._size)
            if face is None or not self._is_sure(self._choose(view, view.image, [face], policy, 0)):
                return seen
            # Whether it is the only one: where it is so small, fewer pixels than a detector needs show others.
            scale = scale_beside(max(box.width, box.height) * view.reduction) * view.reduction
            others = detect_in_tiles(self._bare, view.image, scale, self._size)
            known = [scaled(other, ratio) for other in seen.faces if other is not seen.face]
            found = self._choose(view, view.image, beside(face, each_once([*others, *known])), policy, 0)
        return found if self._is_sure(found) else seen

    def _further_looks(
        self, view: View, policy: FacePolicy, closer: Closer, clock: StageTimer
    ) -> list[Callable[[], Sighting | None]]:
        def in_turns(look: Callable[[int], Sighting | None], turns: Sequence[int]) -> Sighting | None:
            with clock("detect"):
                return self._strongest(*map(look, turns))

        def rolled(quarters: int) -> Sighting | None:
            seen = turned(view.image, quarters)
            found = self._choose(view, seen, detect_rolled(self._detector, seen), policy, quarters)
            return found and _righted(found)

        def in_tiles(scale: float) -> Sighting | None:
            # At once as large as the last scale needs: to decode again costs more than to shrink.
            near = closer(scales[-1])
            with clock("detect"):
                faces = detect_in_tiles(self._bare, near.image, scale * near.reduction, self._size)
                found = self._choose(near, near.image, faces, policy, 0)
            return self._look_closer(found, policy, closer, clock)

        scales = scales_of_tiles(max(view.image.shape[:2]) * view.reduction, max(self._size))
        tiles = [partial(in_tiles, scale) for scale in scales]
        quarters = partial(in_turns, partial(self.look, view, policy), QUARTER_TURNS)
        # Faces that are small are more common than those that lean halfway between two quarters.
        return [quarters, *tiles[:1], partial(in_turns, rolled, (0, *QUARTER_TURNS)), *tiles[1:]]

    def _choose(
        self, view: View, image: ImageArray, found: Sequence[DetectedFace], policy: FacePolicy, quarters: int
    ) -> Sighting | None:
        faces: list[DetectedFace] = []
        known: list[tuple[Located, Evidence]] = []
        for face in found[:_MOST_FACES]:
            located = self.locate(image, face)
            detected = None if self._landmarker is None else face.landmarks
            try:
                evidence = weigh(located.landmarks, face.score, landmark_score=located.score, detected=detected)
            except NoFace:
                continue
            if evidence.is_face(self._standards):
                faces.append(face)
                known.append((located, evidence))
        if not faces:
            return None
        row = select_face(faces, policy, (image.shape[1], image.shape[0]))
        return Sighting(faces[row], *known[row], faces, quarters, view)

    def _is_sure(self, sighting: Sighting | None) -> bool:
        return sighting is not None and sighting.evidence.is_sure(self._standards)

    def _strongest(self, *sightings: Sighting | None) -> Sighting | None:
        return max(
            (sighting for sighting in sightings if sighting is not None),
            key=lambda sighting: (sighting.evidence.is_sure(self._standards), sighting.evidence.strength),
            default=None,
        )


def _righted(sighting: Sighting) -> Sighting:
    """Return a sighting by the turn in which its face leans least; one seen rolled may lean by more than an eighth."""
    more = round(lean_of(sighting.located.landmarks) / QUARTER)
    if more == 0:
        return sighting
    quarters = (sighting.quarters + more) % 4
    height, width = sighting.view.image.shape[:2]
    size = (height, width) if quarters % 2 else (width, height)
    located = sighting.located
    landmarks = points_turned_back(located.landmarks, -more, size)
    points = None if located.points is None else points_turned_back(located.points, -more, size)
    return replace(
        sighting,
        face=turned_back(sighting.face, -more, size),
        located=replace(located, landmarks=landmarks, points=points),
        faces=[turned_back(face, -more, size) for face in sighting.faces],
        quarters=quarters,
    )
