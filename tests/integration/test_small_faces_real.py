"""Small faces in photographs of 12 megapixels: found once, where they are; and none where there is none."""

import numpy as np
import pytest
from drawn_pictures import background, drawn_people, encoded, of_celeba, of_lfw, read_rgb, resized

from service.errors import NoFace

pytestmark = [pytest.mark.faces, pytest.mark.weights, pytest.mark.slow]

SIZES = ((4000, 3000), (3000, 4000))
SIDES = (32, 64, 105)
PLACES = {
    "left top corner": (0.0, 0.0),
    "right top corner": (1.0, 0.0),
    "left bottom corner": (0.0, 1.0),
    "right bottom corner": (1.0, 1.0),
    "middle": (0.5, 0.5),
    "anywhere": (0.31, 0.67),
}


@pytest.fixture(scope="module")
def grounds():
    """A picture without a face for each size."""
    return {size: background(*size, seed=7) for size in SIZES}


@pytest.fixture(scope="module")
def portraits(sface_pipeline, faces_dir):
    """Photographs, each of one person, with the boxes of their faces."""
    found = []
    for (path,) in drawn_people(of_lfw(faces_dir), 6, 8) + drawn_people(of_celeba(faces_dir), 6, 8):
        image = read_rgb(path)
        aligned = sface_pipeline.extract(encoded(image), "prominent")
        if aligned.faces_found == 1:
            found.append((image, aligned.face.box))
    return found


def laid(ground, portrait, side, place):
    """Lay a photograph whose face is so wide at a place in a picture, and return where the middle of the face is."""
    image, box = portrait
    scale = side / min(box.width, box.height)
    small = resized(image, scale)
    free = np.array(ground.shape[1::-1]) - small.shape[1::-1]
    left, top = (free * place).astype(int)
    ground[top : top + small.shape[0], left : left + small.shape[1]] = small
    return np.array(box.centre) * scale + (left, top)


@pytest.mark.parametrize(
    ("size", "suffix", "every"),
    # A PNG of 12 megapixels takes a second to write and to read: two places are enough.
    [(SIZES[0], ".jpg", 1), (SIZES[1], ".jpg", 3), (SIZES[0], ".png", 3)],
    ids=["landscape", "portrait", "PNG"],
)
@pytest.mark.parametrize("side", SIDES)
def test_small_face_is_found_once_and_where_it_is(sface_pipeline, portraits, grounds, size, side, suffix, every):
    for row, place in enumerate(list(PLACES)[::every]):
        ground = grounds[size].copy()
        middle = laid(ground, portraits[row % len(portraits)], side, PLACES[place])

        aligned = sface_pipeline.extract(encoded(ground, suffix), "prominent")

        assert np.linalg.norm(aligned.face.box.centre - middle) < 0.25 * side, place
        assert aligned.faces_found == 1, place
        assert 0.7 * side < aligned.face.box.width < 1.4 * side, place
        assert np.linalg.norm(aligned.face.landmarks.mean(axis=0) - middle) < 0.35 * side, place


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_picture_without_a_face_says_how_large_one_must_be(sface_pipeline, grounds, suffix):
    with pytest.raises(NoFace, match="at least 32 pixels"):
        sface_pipeline.extract(encoded(grounds[SIZES[0]], suffix), "prominent")


@pytest.mark.parametrize("sides", [(40, 40), (64, 105), (300, 300)])
def test_two_faces_are_found_twice_and_not_three_times(sface_pipeline, portraits, grounds, sides):
    ground = grounds[SIZES[0]].copy()
    middles = [
        laid(ground, portrait, side, place)
        for portrait, side, place in zip(portraits[-2:], sides, ((0.2, 0.3), (0.8, 0.75)), strict=True)
    ]

    aligned = sface_pipeline.extract(encoded(ground, ".jpg"), "largest")

    assert aligned.faces_found == 2
    off = [float(np.linalg.norm(aligned.face.box.centre - middle)) for middle in middles]
    assert min(off) < 0.25 * max(sides)
    assert sides[0] == sides[1] or int(np.argmin(off)) == int(np.argmax(sides))
