"""When a picture is looked at again, turned or closer, and which look is kept."""

import math
from contextlib import contextmanager

import numpy as np
import pytest
from drawn_pictures import turned_points

from service.errors import NoFace, SeveralFaces
from service.faces.align import ARCFACE_TEMPLATE
from service.faces.evidence import weigh
from service.faces.finder import FaceFinder, View
from service.faces.landmarks import Located
from service.faces.rolled_look import EIGHTH
from service.faces.types import Box, DetectedFace
from service.pack import FaceStandards

STANDARDS = FaceStandards(sure_detection=0.9, sure_landmarks=0.9, least_strength=0.5)
PICTURE = np.random.default_rng(0).integers(0, 255, (300, 200, 3), dtype=np.uint8)
BOX = Box(40, 40, 120, 140)


class MarkedDetector:
    """Sees a face whose score depends on where the picture's brightest corner has come to lie: upright is top left."""

    def __init__(self, scores):
        self.scores = scores
        self.looks = 0

    def detect(self, image):
        self.looks += 1
        corners = [image[0, 0, 0], image[0, -1, 0], image[-1, -1, 0], image[-1, 0, 0]]
        score = self.scores[int(np.argmax(corners))]
        return [] if score is None else [DetectedFace(BOX, score, ARCFACE_TEMPLATE)]


class FixedLandmarker:
    def __init__(self, score=1.0, points=ARCFACE_TEMPLATE):
        self.located = Located(points, score)

    def locate(self, image, face):
        return self.located


@pytest.fixture
def picture():
    image = PICTURE.copy()
    image[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    image[0, 0] = 255
    return image


def find(detector, picture, landmarker=None, policy="largest"):
    finder = FaceFinder(detector, landmarker or FixedLandmarker(), STANDARDS, (320, 320))
    return finder.find(View(picture), policy, lambda scale: View(picture))


def test_sure_first_look_is_the_only_one(picture):
    detector = MarkedDetector([0.95, None, None, None])

    assert find(detector, picture).quarters == 0
    assert detector.looks == 1


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_picture_that_lies_is_turned_upright(picture, quarters):
    detector = MarkedDetector([0.95, 0.7, None, 0.6])

    seen = find(detector, np.ascontiguousarray(np.rot90(picture, -quarters)))

    assert seen.quarters == quarters
    assert seen.face.score == 0.95


def test_upright_face_that_is_poor_is_kept_where_no_turn_shows_a_better_one(picture):
    detector = MarkedDetector([0.8, 0.7, 0.75, None])

    assert find(detector, picture).quarters == 0
    # Upright, three quarter turns, and halfway between the four.
    assert detector.looks == 8


def test_sure_look_is_kept_before_a_stronger_one_that_is_not(picture):
    """Where two networks see eyes and mouth apart, high scores say nothing of how the face stands."""
    detector = MarkedDetector([0.99, 0.95, None, None])

    class ApartUpright:
        def locate(self, image, face):
            upright = np.argmax([image[0, 0, 0], image[0, -1, 0]]) == 0
            return Located(ARCFACE_TEMPLATE + np.float32(20 if upright else 0), 1.0)

    assert find(detector, picture, ApartUpright()).quarters == 3


def test_rolled_picture_is_looked_at_last(picture):
    """The detector sees a face in the square alone that holds the picture rolled by an eighth."""

    class InRolledOnly:
        def detect(self, image):
            is_square = image.shape[0] == image.shape[1]
            return [DetectedFace(BOX, 0.95, ARCFACE_TEMPLATE)] if is_square else []

    rolls = []

    class AtRoll(FixedLandmarker):
        def locate(self, image, face):
            rolls.append(face.roll)
            return self.located

    find(InRolledOnly(), picture, AtRoll())

    assert rolls
    assert set(rolls) == {EIGHTH}


@pytest.mark.parametrize("roll_quarters", [0, 1, 2, 3])
def test_face_seen_rolled_is_told_by_the_turn_in_which_it_leans_least(picture, roll_quarters):
    """The detector sees it in the rolled picture alone; its landmarks say that it lies on a side of the picture."""
    height, width = picture.shape[:2]
    upright = ARCFACE_TEMPLATE + np.float32((40, 60))
    as_sent = turned_points(upright, roll_quarters, (width, height)).astype(np.float32)
    sent = np.ascontiguousarray(np.rot90(picture, roll_quarters))

    class InFirstSquare:
        seen = 0

        def detect(self, image):
            if image.shape[0] != image.shape[1] or self.seen:
                return []
            self.seen = 1
            return [DetectedFace(BOX, 0.95)]

    found = find(InFirstSquare(), sent, FixedLandmarker(points=as_sent))

    assert found.quarters == -roll_quarters % 4
    assert found.located.landmarks == pytest.approx(upright, abs=1e-3)
    assert found.face.roll == pytest.approx(math.remainder(EIGHTH + roll_quarters * math.pi / 2, math.tau))


def test_what_the_landmark_network_takes_for_no_face_is_none(picture):
    with pytest.raises(NoFace, match="32 pixels"):
        find(MarkedDetector([0.95] * 4), picture, FixedLandmarker(score=0.1))


def test_face_whose_landmarks_two_networks_see_apart_is_looked_at_again(picture):
    detector = MarkedDetector([0.95, None, None, None])

    find(detector, picture, FixedLandmarker(points=ARCFACE_TEMPLATE + np.float32(20)))

    assert detector.looks > 1


@pytest.mark.parametrize(("score", "shift", "is_face"), [(0.9, 0, True), (0.2, 0, False), (0.9, 30, False)])
def test_crop_shows_a_face_where_the_landmark_network_sees_one_in_place(score, shift, is_face):
    landmarker = FixedLandmarker(score, ARCFACE_TEMPLATE + np.float32(shift))
    finder = FaceFinder(MarkedDetector([None] * 4), landmarker, STANDARDS, (320, 320))

    assert finder.is_crop_of_a_face(np.zeros((112, 112, 3), np.uint8)) == is_face


def test_boxes_that_are_no_faces_do_not_count(picture):
    class TwoBoxes:
        def detect(self, image):
            return [DetectedFace(BOX, 0.95), DetectedFace(Box(0, 0, 190, 290), 0.93)]

    class SecondIsNone:
        def locate(self, image, face):
            return Located(ARCFACE_TEMPLATE, 1.0 if face.box == BOX else 0.05)

    # The larger is none, so that "largest" takes the other and "reject" sees one face alone.
    assert find(TwoBoxes(), picture, SecondIsNone()).face.box == BOX
    assert len(find(TwoBoxes(), picture, SecondIsNone(), "reject").faces) == 1


def test_several_faces_under_reject_are_refused(picture):
    class TwoBoxes:
        def detect(self, image):
            return [DetectedFace(BOX, 0.95), DetectedFace(Box(0, 0, 30, 30), 0.93)]

    with pytest.raises(SeveralFaces):
        find(TwoBoxes(), picture, policy="reject")


def test_evidence_measures_the_disagreement_in_pixels_of_the_crop():
    doubled = 2 * ARCFACE_TEMPLATE

    evidence = weigh(doubled, 0.9, landmark_score=0.8, detected=doubled + np.float32((6, 8)))

    # 10 pixels of a picture in which the face is twice as large as in the crop.
    assert evidence.disagreement == pytest.approx(5.0, rel=1e-3)
    assert evidence.strength == pytest.approx(0.9 * 0.8)
    assert not evidence.is_sure(FaceStandards(sure_landmarks=0.81))


def test_evidence_without_a_second_network_rests_on_the_detector():
    evidence = weigh(ARCFACE_TEMPLATE, 0.9)

    assert (evidence.landmarks, evidence.disagreement) == (None, None)
    assert evidence.strength == 0.9
    assert evidence.is_sure(STANDARDS)
    assert evidence.is_face(STANDARDS)


@pytest.mark.slow
def test_closer_look_is_decoded_outside_the_stage_in_which_faces_are_looked_for(picture):
    running, decoded_in = [], []

    @contextmanager
    def clock(stage):
        running.append(stage)
        yield
        running.pop()

    def closer(scale):
        decoded_in.append(tuple(running))
        return View(np.zeros((2400, 2400, 3), np.uint8))

    finder = FaceFinder(MarkedDetector([None] * 4), FixedLandmarker(), STANDARDS, (320, 320))
    with pytest.raises(NoFace):
        finder.find(View(picture, reduction=8), "largest", closer, clock)

    assert decoded_in
    assert set(decoded_in) == {()}


class SizedDetector:
    """Sees the one dark square of a picture, the surer the larger it is shown; notes the pictures that it was shown."""

    def __init__(self, sure_from=60):
        self.sure_from = sure_from
        self.shown = []

    def detect(self, image):
        self.shown.append(image.shape[:2])
        dark = np.argwhere(image[:, :, 0] == 0)
        if not len(dark):
            return []
        (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0) + 1
        fed = (right - left) * 320 / max(image.shape[:2])
        score = 0.95 if fed >= self.sure_from else 0.8
        return [DetectedFace(Box(float(left), float(top), float(right), float(bottom)), score)]


def with_small_face(side, rows=600, columns=800, left=500, top=100):
    image = np.full((rows, columns, 3), 200, np.uint8)
    image[top : top + side, left : left + side] = 0
    return image


def found_in(detector, image, *, reduction=1, whole=None):
    """Find as in a photograph that was decoded reduced; the closer form is the whole."""
    finder = FaceFinder(detector, FixedLandmarker(), STANDARDS, (320, 320))
    whole = image if whole is None else whole
    return finder.find(View(image, reduction), "largest", lambda scale: View(whole))


def test_small_face_that_is_not_sure_is_looked_at_closer_and_nothing_else_is():
    detector = SizedDetector()

    seen = found_in(detector, with_small_face(40))

    # The whole, a window in which the face is large, and tiles in which one half as large would be seen.
    assert detector.shown == [(600, 800), (160, 160), *[(320, 320)] * 4]
    assert seen.face.score == 0.95
    assert seen.face.box == Box(500, 100, 540, 140)
    assert len(seen.faces) == 1


def test_closer_look_is_at_the_picture_as_it_is_aligned_and_in_its_pixels():
    reduced, whole = with_small_face(16, 300, 400, 250, 50), with_small_face(64, 1200, 1600, 1000, 200)
    detector = SizedDetector()

    seen = found_in(detector, reduced, reduction=4, whole=whole)

    assert detector.shown[:2] == [(300, 400), (256, 256)]
    assert set(detector.shown[2:]) == {(320, 320)}
    assert (seen.view.reduction, seen.view.image.shape[:2]) == (1, (1200, 1600))
    assert seen.face.box == Box(1000, 200, 1064, 264)


def test_large_face_that_is_not_sure_is_not_looked_at_closer():
    detector = SizedDetector(sure_from=1000)

    assert found_in(detector, with_small_face(200, 250, 320, 60, 20)).face.score == 0.8
    # All turns, and no window.
    assert {shape for shape in detector.shown if shape[0] != shape[1]} == {(250, 320), (320, 250)}


def test_small_face_that_a_closer_look_does_not_make_sure_is_looked_for_in_every_other_way():
    detector = SizedDetector(sure_from=1000)

    seen = found_in(detector, with_small_face(40))

    assert seen.face.score == 0.8
    assert len(detector.shown) > 8


def test_smaller_face_beside_one_that_a_closer_look_makes_sure_is_counted():
    """The first look sees the larger alone, and the tiles both."""

    class SeesTwo(SizedDetector):
        def detect(self, image):
            found = super().detect(image)
            grey = np.argwhere((image[:, :, 0] == 200) & (image[:, :, 1] == 77))
            if image.shape[:2] == (320, 320) and len(grey):
                (top, left), (bottom, right) = grey.min(axis=0), grey.max(axis=0) + 1
                found.append(DetectedFace(Box(float(left), float(top), float(right), float(bottom)), 0.92))
            return found

    image = with_small_face(40)
    image[400:425, 100:125, 1] = 77

    seen = found_in(SeesTwo(), image)

    assert seen.face.box == Box(500, 100, 540, 140)
    assert len(seen.faces) == 2
    assert seen.faces[1].box.centre == pytest.approx((112.5, 412.5), abs=1.5)


def test_faces_beside_the_one_that_is_looked_at_closer_are_kept():
    others = [DetectedFace(Box(10, 10, 30, 30), 0.7)]

    class WithOthers(SizedDetector):
        def detect(self, image):
            found = super().detect(image)
            return found + (others if image.shape[:2] == (600, 800) else [])

    seen = found_in(WithOthers(), with_small_face(40))

    assert [face.box for face in seen.faces] == [Box(500, 100, 540, 140), others[0].box]
