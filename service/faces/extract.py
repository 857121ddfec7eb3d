"""From the bytes of a photograph to the aligned crop of one face: the room's one entrance."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Protocol

import numpy as np

from service.arrays import Floats32, ImageArray
from service.choices import FacePolicy, Gates
from service.errors import FaceTooSmall, InputError, PackInvalid
from service.faces.align import align
from service.faces.detectors.detector import Detector
from service.faces.landmarks import Landmarker
from service.faces.pictures.decode import open_image
from service.faces.reduction import scaled, to_align, to_find_faces
from service.faces.select import select_face
from service.faces.types import CROP_SIZE, AlignedFace, Box, DetectedFace


class StageTimer(Protocol):
    """Times a stage: the context it returns is entered when the stage starts and left when it ends or fails."""

    def __call__(self, name: str, /) -> AbstractContextManager[None]:
        """Return the context for the stage of this name: ``decode``, ``detect`` or ``align``."""
        ...


def untimed(_: str, /) -> AbstractContextManager[None]:
    """Time nothing."""
    return nullcontext()


class FaceExtractor:
    """Decodes, detects, chooses a face, locates its landmarks and aligns it.

    Holds no state between calls: safe to call from several threads.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker | None,
        gates: Gates,
        *,
        detector_size: tuple[int, int] = (640, 640),
    ) -> None:
        """Put an extractor together.

        Args:
            detector: finds the faces.
            landmarker: locates the landmarks of the chosen face; None where the detector gives them.
            gates: what a photograph must pass.
            detector_size: width and height of what the detector is fed; large photographs are decoded reduced, to no
                less than this.
        """
        self._detector = detector
        self._landmarker = landmarker
        self._gates = gates
        self._detector_size = detector_size

    def extract(self, data: bytes, policy: FacePolicy, clock: StageTimer = untimed) -> AlignedFace:
        """Return the aligned face of a photograph.

        Args:
            data: an image file of a supported format.
            policy: which of several faces is taken.
            clock: times the stages ``decode``, ``detect`` and ``align`` (which includes the landmarks).

        Raises:
            ImageTooLarge, UnsupportedImageType, ImageUndecodable: if the file cannot be read.
            NoFace: if no face is found.
            SeveralFaces: if several are, and the policy is ``reject``.
            FaceTooSmall: if the chosen face is.
            InferenceFailed, PackInvalid: if a network fails, or gives what its adapter does not decode.
        """
        with clock("decode"):
            file = open_image(data, self._gates)
            found_at = to_find_faces(file, self._detector_size)
            image = file.pixels(found_at)
        with clock("detect"):
            faces = self._detector.detect(image)
        chosen = select_face(faces, policy, (image.shape[1], image.shape[0]))
        self._check_size(scaled(chosen, found_at))
        taken_at = to_align(chosen, found_at)
        if taken_at != found_at:
            with clock("decode"):
                image = file.pixels(taken_at)
        chosen = scaled(chosen, found_at / taken_at)
        with clock("align"):
            landmarks = self.locate(image, chosen)
            crop = align(image, landmarks)
        return AlignedFace(
            crop=crop,
            face=scaled(replace(chosen, landmarks=landmarks), taken_at),
            faces_found=len(faces),
            image_size=(file.width, file.height),
            exif_rotated=file.exif_rotated,
        )

    def is_large(self, data: bytes) -> bool:
        """Return whether decoding a photograph may take the better part of a second; one that cannot be read is not."""
        try:
            return open_image(data, self._gates).is_large
        except InputError:
            return False

    def decode(self, data: bytes) -> ImageArray:
        """Return the upright pixels of a photograph; raises for its file as ``extract`` does."""
        return open_image(data, self._gates).pixels()

    def find(self, image: ImageArray, policy: FacePolicy) -> DetectedFace:
        """Return the face of a photograph's pixels that the policy chooses; raises for faces as ``extract`` does."""
        height, width = image.shape[:2]
        chosen = select_face(self._detector.detect(image), policy, (width, height))
        self._check_size(chosen)
        return chosen

    def locate(self, image: ImageArray, face: DetectedFace) -> Floats32:
        """Return the landmarks (5, 2) of a face: the landmark network's in its box, or else the detector's own.

        Raises:
            InferenceFailed, PackInvalid: as for ``extract``.
        """
        if self._landmarker is not None:
            return self._landmarker.locate(image, face.box).landmarks
        if face.landmarks is None:
            raise PackInvalid("The detector gives no landmarks, and the pack has no [landmarks] section.")
        return face.landmarks

    def warm_up(self) -> None:
        """Run every network once, on a picture without a face.

        Raises:
            InferenceFailed: if one fails.
            PackInvalid: if one gives what its adapter does not decode.
        """
        blank = np.full((CROP_SIZE, CROP_SIZE, 3), 127, dtype=np.uint8)
        self._detector.detect(blank)
        if self._landmarker is not None:
            self._landmarker.locate(blank, Box(0, 0, CROP_SIZE, CROP_SIZE))

    def _check_size(self, face: DetectedFace) -> None:
        shorter, least = min(face.box.width, face.box.height), self._gates.min_face_pixels
        if shorter < least:
            raise FaceTooSmall(
                f"The face is {shorter:.0f} pixels across, the smallest that is compared is {least}. "
                "Send a larger or closer picture."
            )
