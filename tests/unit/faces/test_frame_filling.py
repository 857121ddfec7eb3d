import numpy as np
import pytest

from service.faces.detectors.second_look import SecondLook
from service.faces.types import Box, DetectedFace


class ScriptedDetector:
    """Answers one look after the other, and keeps the images it was shown."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.images = []

    def detect(self, image):
        self.images.append(image)
        return self.answers.pop(0)


def face(left, top, right, bottom, score=0.9, landmarks=None):
    return DetectedFace(Box(left, top, right, bottom), score, landmarks)


IMAGE = np.full((100, 200, 3), 7, np.uint8)
SMALL = face(10, 10, 30, 30)
FILLING = face(20, 0, 150, 100)


def test_second_look_at_small_faces_looks_once():
    detector = ScriptedDetector([SMALL])

    assert SecondLook(detector).detect(IMAGE) == [SMALL]
    assert len(detector.images) == 1


def test_second_look_at_nothing_finds_the_face_in_the_bordered_image():
    landmarks = np.array([[150, 80], [170, 80], [160, 100], [152, 110], [168, 110]], np.float32)
    detector = ScriptedDetector([], [face(110, 60, 290, 140, landmarks=landmarks)])

    faces = SecondLook(detector).detect(IMAGE)

    # The border is 100 pixels left and right, 50 above and below.
    assert [found.box for found in faces] == [Box(10, 10, 190, 90)]
    assert faces[0].landmarks == pytest.approx(landmarks - (100, 50))
    bordered = detector.images[1]
    assert bordered.shape == (200, 400, 3)
    assert (bordered[50:150, 100:300] == 7).all()
    assert (bordered[:50] == 128).all()


def test_second_look_at_a_large_image_is_at_a_smaller_one():
    detector = ScriptedDetector([], [face(320 + 64, 160 + 32, 320 + 320, 160 + 160)])

    faces = SecondLook(detector).detect(np.zeros((1600, 3200, 3), np.uint8))

    assert detector.images[1].shape == (640, 1280, 3)
    assert faces[0].box == Box(5 * 64, 5 * 32, 5 * 320, 5 * 160)


def test_second_look_at_a_filling_box_replaces_it():
    detector = ScriptedDetector([FILLING], [face(105, 55, 255, 155)])

    assert [found.box for found in SecondLook(detector).detect(IMAGE)] == [Box(5, 5, 155, 105)]


def test_second_look_that_does_not_show_a_filling_box_drops_it():
    assert SecondLook(ScriptedDetector([FILLING], [])).detect(IMAGE) == []


def test_second_look_keeps_small_faces_beside_a_filling_one():
    beside = face(160, 10, 190, 40, score=0.95)
    detector = ScriptedDetector([beside, FILLING], [face(105, 55, 250, 155, score=0.9)])

    faces = SecondLook(detector).detect(IMAGE)

    assert [found.score for found in faces] == [0.95, 0.9]


def test_second_look_counts_a_part_of_a_filling_face_once():
    part = face(40, 20, 70, 60)
    detector = ScriptedDetector([part, FILLING], [face(105, 55, 250, 155)])

    assert len(SecondLook(detector).detect(IMAGE)) == 1


def test_second_look_without_any_face_finds_none():
    assert SecondLook(ScriptedDetector([], [])).detect(IMAGE) == []


def test_second_look_at_two_parts_of_a_filling_face_finds_the_face():
    eyes = [face(10, 10, 90, 60), face(110, 10, 190, 60)]
    detector = ScriptedDetector(eyes, [face(105, 55, 295, 150)])

    assert [found.box for found in SecondLook(detector).detect(IMAGE)] == [Box(5, 5, 195, 100)]
