"""From the bytes of a photograph to the aligned crop of one face: the room's one entrance."""

from dataclasses import replace

from service.arrays import Floats32, ImageArray
from service.choices import FacePolicy, Gates
from service.errors import FaceTooSmall, InputError, NoFace
from service.faces.align import align, share_cut_off
from service.faces.finder import FaceFinder, View
from service.faces.liveness import LivenessCheck
from service.faces.pictures.decode import open_image
from service.faces.pictures.image_file import ImageFile
from service.faces.quality.components import measure_quality
from service.faces.quality.covered_eyes import eye_light
from service.faces.quality.motion import evenness_of_detail
from service.faces.quality.seen_face import SeenFace
from service.faces.reduction import reduction_for, scaled, to_align, to_find_faces
from service.faces.select import no_face
from service.faces.stage_timer import StageTimer, untimed
from service.faces.turns import clockwise_degrees, turned, turned_back
from service.faces.types import AlignedFace, DetectedFace


class FaceExtractor:
    """Decodes, detects, chooses a face, locates its landmarks and aligns it.

    Holds no state between calls: safe to call from several threads.
    """

    def __init__(
        self,
        finder: FaceFinder,
        gates: Gates,
        *,
        detector_size: tuple[int, int] = (640, 640),
        liveness: LivenessCheck | None = None,
    ) -> None:
        """Put an extractor together.

        Args:
            finder: finds the faces.
            gates: what a photograph must pass.
            detector_size: width and height of what the detector is fed; large photographs are decoded reduced, to no
                less than this.
            liveness: says whether the chosen face is a live one, where that is asked; None where the part is missing.
        """
        self._finder = finder
        self._gates = gates
        self._detector_size = detector_size
        self._liveness = liveness

    def extract(
        self, data: bytes, policy: FacePolicy, clock: StageTimer = untimed, *, with_liveness: bool = False
    ) -> AlignedFace:
        """Return the aligned face of a photograph.

        Args:
            data: an image file of a supported format.
            policy: which of several faces is taken.
            clock: times the stages ``decode``, ``detect``, ``align`` (landmarks and quality included) and ``liveness``.
            with_liveness: whether it is asked if the face is a live one; nothing is, where the part is missing.

        Raises:
            ImageTooLarge, UnsupportedImageType, ImageUndecodable: if the file cannot be read.
            NoFace: if no face is found.
            SeveralFaces: if several are, and the policy is ``reject``.
            FaceTooSmall: if the chosen face is.
            InferenceFailed, PackInvalid: if a network fails, or gives what its adapter does not decode.
        """
        with clock("decode"):
            file = open_image(data, self._gates)
            views = _Views(file, to_find_faces(file, self._detector_size))
        seen = self._finder.find(views.last, policy, lambda scale: views.closer(scale, clock), clock)
        found_at = seen.view.reduction
        self._check_size(scaled(seen.face, found_at))
        taken_at = to_align(seen.face, found_at)
        view = seen.view if taken_at == found_at else views.at(taken_at, clock)
        with clock("align"):
            image = turned(view.image, seen.quarters)
            face = scaled(seen.face, found_at / taken_at)
            located = seen.located if taken_at == found_at else self._finder.locate(image, face)
            crop = align(image, located.landmarks)
            areas = [each.box.area for each in seen.faces]
            quality = measure_quality(
                SeenFace(image, located.landmarks, crop, areas, reduction=taken_at, points=located.points)
            )
            evenness, eyes = evenness_of_detail(crop), eye_light(crop)
        face = replace(face, landmarks=located.landmarks)
        cut_off = share_cut_off(located.landmarks, face.box, (image.shape[1], image.shape[0]))
        size = file.width, file.height
        liveness = None
        if with_liveness and self._liveness is not None:
            with clock("liveness"):
                liveness = self._liveness.assess(image, face.box)
        return AlignedFace(
            crop=crop,
            face=turned_back(scaled(face, taken_at), seen.quarters, size),
            faces_found=len(seen.faces),
            image_size=size,
            exif_rotated=file.exif_rotated,
            quality=quality,
            rotated_by=clockwise_degrees(seen.quarters),
            landmark_score=seen.evidence.landmarks,
            evenness=evenness,
            eye_light=eyes,
            liveness=liveness,
            cut_off=cut_off,
            others=tuple(
                turned_back(scaled(other, found_at), seen.quarters, size).box
                for other in seen.faces
                if other.box != seen.face.box
            ),
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
        """Return the face of a photograph's pixels that the policy chooses, at one look and as the detector gives it.

        Raises:
            NoFace, SeveralFaces, FaceTooSmall, InferenceFailed, PackInvalid: as for ``extract``.
        """
        seen = self._finder.look(View(image), policy)
        if seen is None:
            raise no_face()
        self._check_size(seen.face)
        return seen.face

    def locate(self, image: ImageArray, face: DetectedFace) -> Floats32:
        """Return the landmarks (5, 2) of a face: the landmark network's in its box, or else the detector's own.

        Raises:
            InferenceFailed, PackInvalid: as for ``extract``.
        """
        return self._finder.locate(image, face).landmarks

    def check_crop(self, crop: ImageArray) -> None:
        """Refuse an aligned crop that shows no face.

        Raises:
            NoFace: if the landmark network sees none where a crop has it; without such a network nothing is refused.
            InferenceFailed, PackInvalid: as for ``extract``.
        """
        if not self._finder.is_crop_of_a_face(crop):
            raise NoFace(
                "The crop shows no face where an aligned crop has it. Send a photograph, or a crop aligned to the "
                "usual five points."
            )

    def warm_up(self) -> None:
        """Run every network once, on a picture without a face.

        Raises:
            InferenceFailed: if one fails.
            PackInvalid: if one gives what its adapter does not decode.
        """
        self._finder.warm_up()
        if self._liveness is not None:
            self._liveness.warm_up()

    def _check_size(self, face: DetectedFace) -> None:
        shorter, least = min(face.box.width, face.box.height), self._gates.min_face_pixels
        if shorter < least:
            raise FaceTooSmall(
                f"The face is {shorter:.0f} pixels across, the smallest that is compared is {least}. "
                "Send a larger or closer picture."
            )


class _Views:
    """The decoded forms of one file; the last one is kept."""

    def __init__(self, file: ImageFile, reduction: int) -> None:
        """Decode the first form; raises as ``ImageFile.pixels``."""
        self._file = file
        self.last = View(file.pixels(reduction), reduction)

    def closer(self, scale: float, clock: StageTimer) -> View:
        """Return the smallest form of no less than a share of the picture's size."""
        return self.at(reduction_for(scale, self.last.reduction), clock)

    def at(self, reduction: int, clock: StageTimer) -> View:
        """Return one form."""
        if reduction != self.last.reduction:
            with clock("decode"):
                self.last = View(self._file.pixels(reduction), reduction)
        return self.last
