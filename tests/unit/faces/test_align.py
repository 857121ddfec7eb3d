import cv2
import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from service.errors import NoFace
from service.faces.align import ARCFACE_TEMPLATE, CROP_BOX, align, share_cut_off, similarity_transform
from service.faces.types import Box


@pytest.mark.parametrize("seed", range(5))
def test_similarity_transform_agrees_with_scikit_image(seed):
    generator = np.random.default_rng(seed)
    landmarks = generator.uniform(0, 300, (5, 2)).astype(np.float32)

    matrix = similarity_transform(landmarks, ARCFACE_TEMPLATE)

    expected = SimilarityTransform.from_estimate(landmarks.astype(float), ARCFACE_TEMPLATE.astype(float))
    assert matrix == pytest.approx(expected.params[:2], rel=1e-5, abs=1e-5)


def test_similarity_transform_of_a_turned_template_turns_it_back():
    quarter = np.array([[0, -1], [1, 0]])
    landmarks = (3 * ARCFACE_TEMPLATE @ quarter.T + (50, 20)).astype(np.float32)

    matrix = similarity_transform(landmarks, ARCFACE_TEMPLATE)

    placed = landmarks @ matrix[:, :2].T + matrix[:, 2]
    assert placed == pytest.approx(ARCFACE_TEMPLATE, abs=1e-3)


def test_similarity_transform_of_a_mirrored_face_does_not_mirror():
    mirrored = ARCFACE_TEMPLATE * (-1, 1)

    matrix = similarity_transform(mirrored.astype(np.float32), ARCFACE_TEMPLATE)

    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("landmarks", [np.full((5, 2), 7.0), np.full((5, 2), np.nan), np.full((5, 2), np.inf)])
def test_similarity_transform_without_a_direction_is_no_face(landmarks):
    with np.errstate(invalid="ignore"), pytest.raises(NoFace):
        similarity_transform(landmarks.astype(np.float32), ARCFACE_TEMPLATE)


def test_align_of_landmarks_at_the_template_gives_the_image_itself():
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)

    assert np.abs(align(image, ARCFACE_TEMPLATE).astype(int) - image).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("size", [0.5, 1.0, 1.9, 4.0, 9.5])
def test_align_puts_each_landmark_on_the_template(size):
    angle = np.deg2rad(25)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (ARCFACE_TEMPLATE @ turn.T + (60 * size, 20 * size)).astype(np.float32)
    for index in range(5):
        image = np.zeros((int(150 * size), int(150 * size), 3), np.uint8)
        across, down = np.meshgrid(np.arange(image.shape[1]), np.arange(image.shape[0]))
        squares = (across - landmarks[index, 0]) ** 2 + (down - landmarks[index, 1]) ** 2
        image[...] = (255 * np.exp(-squares / (2 * (4 * size) ** 2)))[..., None].astype(np.uint8)

        crop = align(image, landmarks)

        moments = cv2.moments(crop[..., 0])
        centre = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
        assert centre == pytest.approx(ARCFACE_TEMPLATE[index], abs=0.3)


def test_align_of_a_large_face_averages_instead_of_sampling():
    # A chequerboard finer than the crop's pixels has to come out as its mean.
    board = (np.indices((1120, 1120)).sum(axis=0) % 2 * 255).astype(np.uint8)

    crop = align(np.repeat(board[..., None], 3, axis=2), 10 * ARCFACE_TEMPLATE + np.float32(4.5))

    assert crop.min() >= 120
    assert crop.max() <= 135


def test_align_outside_the_image_is_black():
    image = np.full((112, 112, 3), 200, np.uint8)

    crop = align(image, ARCFACE_TEMPLATE - np.float32((56, 0)))

    assert (crop[:, :55] == 0).all()
    assert (crop[:, 57:] == 200).all()


@pytest.mark.parametrize(
    ("shift", "expected"),
    [((0, 0), 0.0), ((-16 - 20, 0), 0.25), ((0, -8 - 52), 0.5), ((-36, -60), 0.625), ((-300, 0), 1.0)],
)
def test_share_cut_off_is_the_part_of_the_faces_place_beyond_the_edge(shift, expected):
    landmarks = ARCFACE_TEMPLATE + np.array(shift, np.float32)
    kept = Box(0, 0, 10, 10)  # a detector's box never leaves this picture

    assert share_cut_off(landmarks, kept, (112, 112)) == pytest.approx(expected, abs=1e-3)


def test_nothing_is_cut_off_of_a_face_within_its_picture():
    generator, box = np.random.default_rng(0), Box(100, 100, 200, 200)
    for turn, scale in zip(generator.uniform(0, 2 * np.pi, 50), generator.uniform(0.5, 5, 50), strict=True):
        sine, cosine = np.sin(turn), np.cos(turn)
        turned = (ARCFACE_TEMPLATE - 56) @ np.array([[cosine, -sine], [sine, cosine]])
        landmarks = (scale * turned + (700.3, 650.7)).astype(np.float32)

        assert share_cut_off(landmarks, box, (1400, 1300)) == 0


def test_share_cut_off_is_the_boxs_where_that_is_more():
    box = Box(CROP_BOX.left, CROP_BOX.top, CROP_BOX.right, CROP_BOX.top + 4 * (112 - CROP_BOX.top))

    assert share_cut_off(ARCFACE_TEMPLATE, box, (112, 112)) == pytest.approx(0.75)
