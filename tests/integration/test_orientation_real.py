"""Photographs that come turned, rolled or mirrored: the same person is seen, and where he is in the picture as sent."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
from drawn_pictures import drawn_people, encoded, of_celeba, of_lfw, read_rgb, rolled, turned_points
from PIL import Image

from service.arrays import Floats32
from service.faces.types import AlignedFace

pytestmark = [pytest.mark.faces, pytest.mark.weights, pytest.mark.slow]

EACH = 8
# By an EXIF orientation, the quarter turns anticlockwise by which a viewer turns the picture.
EXIF_QUARTERS = {1: 0, 3: 2, 6: 3, 8: 1}


@dataclass(frozen=True)
class Upright:
    """A photograph, the face that is seen in it as it stands, and that face's unit embedding."""

    image: np.ndarray
    face: AlignedFace
    embedding: Floats32

    @property
    def size(self):
        return self.image.shape[1], self.image.shape[0]

    def cosine(self, pipeline, aligned):
        return float(pipeline.embed(aligned.crop[None])[0] @ self.embedding)


@pytest.fixture(scope="module")
def people(sface_pipeline, faces_dir):
    """Photographs of as many people of LFW and of CelebA."""
    drawn = drawn_people(of_lfw(faces_dir), EACH, 5) + drawn_people(of_celeba(faces_dir), EACH, 5)
    found = []
    for (path,) in drawn:
        image = read_rgb(path)
        face = sface_pipeline.extract(encoded(image), "prominent")
        found.append(Upright(image, face, sface_pipeline.embed(face.crop[None])[0]))
    return found


def corners(box):
    return np.array([[box.left, box.top], [box.right, box.bottom]])


def assert_lies(aligned, landmarks, box_centre, width):
    """The landmarks and the box's middle are where they should be, to a share of the face's width."""
    off = np.linalg.norm(aligned.face.landmarks - landmarks, axis=1) / width
    assert off.max() < 0.15
    assert np.linalg.norm(aligned.face.box.centre - np.asarray(box_centre)) / width < 0.2
    assert 0.6 * width < aligned.face.box.width < 1.6 * width


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turned_copy_is_turned_back_and_is_the_same_person(sface_pipeline, people, quarters):
    for upright in people:
        aligned = sface_pipeline.extract(encoded(np.rot90(upright.image, quarters)), "prominent")

        # What came a quarter anticlockwise is turned a quarter clockwise.
        assert aligned.rotated_by == 90 * quarters
        assert upright.cosine(sface_pipeline, aligned) >= 0.95


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_face_is_told_in_pixels_of_the_picture_as_sent(sface_pipeline, people, quarters):
    for upright in people:
        sent = np.rot90(upright.image, quarters)
        aligned = sface_pipeline.extract(encoded(sent), "prominent")

        assert aligned.image_size == (sent.shape[1], sent.shape[0])
        landmarks = turned_points(upright.face.face.landmarks, quarters, upright.size)
        middle = turned_points(corners(upright.face.face.box) - 0.5, quarters, upright.size).mean(axis=0) + 0.5
        assert_lies(aligned, landmarks, middle, upright.face.face.box.width)


def test_upright_photograph_is_not_turned(people):
    assert [upright.face.rotated_by for upright in people] == [0] * len(people)


def rolled_landmarks(upright, matrix):
    return upright.face.face.landmarks @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("degrees", [-135, -45, -30, -15, 15, 30, 45, 60])
def test_rolled_face_is_the_same_person_where_it_lies(sface_pipeline, people, degrees):
    for upright in people:
        sent, matrix = rolled(upright.image, degrees)
        aligned = sface_pipeline.extract(encoded(sent), "prominent")

        assert upright.cosine(sface_pipeline, aligned) >= 0.9
        off = np.linalg.norm(aligned.face.landmarks - rolled_landmarks(upright, matrix), axis=1)
        assert off.max() / upright.face.face.box.width < 0.25


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_exif_orientation_and_turn_are_both_undone(sface_pipeline, people, orientation, quarters):
    for upright in people[:: EACH // 3]:
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.rot90(upright.image, quarters)).save(buffer, "JPEG", quality=95, exif=exif)
        aligned = sface_pipeline.extract(buffer.getvalue(), "prominent")

        as_shown = (quarters + EXIF_QUARTERS[orientation]) % 4
        assert aligned.exif_rotated
        assert aligned.rotated_by == 90 * as_shown
        assert upright.cosine(sface_pipeline, aligned) >= 0.9
        landmarks = turned_points(upright.face.face.landmarks, as_shown, upright.size)
        middle = turned_points(corners(upright.face.face.box) - 0.5, as_shown, upright.size).mean(axis=0) + 0.5
        assert_lies(aligned, landmarks, middle, upright.face.face.box.width)


def test_mirrored_picture_upside_down_is_the_mirrored_person(sface_pipeline, people):
    right = 0
    for upright in people:
        mirrored = sface_pipeline.extract(encoded(upright.image[:, ::-1]), "prominent")
        expected = sface_pipeline.embed(mirrored.crop[None])[0]

        aligned = sface_pipeline.extract(encoded(upright.image[::-1]), "prominent")

        cosine = float(sface_pipeline.embed(aligned.crop[None])[0] @ expected)
        right += aligned.rotated_by == 180 and cosine >= 0.95
    # Upside down, one face in a hundred looks so upright that no other look is taken.
    assert right >= 0.9 * len(people)
