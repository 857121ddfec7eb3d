"""Pictures and crops without a face give no_face; public-domain portraits are found, also where the edge cuts them."""

import io

import cv2
import numpy as np
import pytest
from drawn_pictures import encoded
from face_free import NAMES, picture, pieces
from PIL import Image

from service.errors import InputError, NoFace
from service.faces.types import CROP_SIZE

pytestmark = [pytest.mark.weights, pytest.mark.slow]

OF_EACH = 4
POLICY = "prominent"


def photo_is_embedded(pipeline, image):
    """Whether a picture gets an embedding: a face is seen, and its embedding is as long as a face's."""
    try:
        aligned = pipeline.extract(encoded(image), POLICY)
    except NoFace:
        return False
    return bool(np.linalg.norm(pipeline.represent(aligned.crop[None])[0]) >= pipeline.least_norm)


def crop_is_embedded(pipeline, image):
    """Whether an aligned crop gets an embedding."""
    try:
        crop = pipeline.read_crop(encoded(image))
    except NoFace:
        return False
    return bool(np.linalg.norm(pipeline.represent(crop[None])[0]) >= pipeline.least_norm)


def as_crop(image):
    return cv2.resize(image, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("name", NAMES)
def test_picture_without_a_face_is_not_embedded(sface_pipeline, name):
    assert not photo_is_embedded(sface_pipeline, picture(name))


@pytest.mark.long
def test_pieces_of_such_pictures_are_not_embedded(sface_pipeline):
    embedded = [name for name, piece in pieces(OF_EACH, seed=4) if photo_is_embedded(sface_pipeline, piece)]
    assert embedded == []


def test_crops_without_a_face_are_not_embedded(sface_pipeline):
    crops = [(name, as_crop(piece)) for name, piece in pieces(OF_EACH, seed=5)]
    crops += [("flat", np.full((CROP_SIZE, CROP_SIZE, 3), value, np.uint8)) for value in (0, 127, 255)]
    embedded = [name for name, crop in crops if crop_is_embedded(sface_pipeline, crop)]
    assert embedded == []


def test_refused_crop_says_what_to_send(sface_pipeline):
    with pytest.raises(NoFace, match="The crop shows no face"):
        sface_pipeline.read_crop(encoded(as_crop(picture("coffee.png"))))


@pytest.fixture(scope="module", params=["astronaut", "hopper"])
def portrait(request, astronaut_png, hopper_jpeg):
    """A public-domain portrait, RGB."""
    data = {"astronaut": astronaut_png, "hopper": hopper_jpeg}[request.param]
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_portrait_is_embedded_as_a_photo_and_as_a_crop(sface_pipeline, portrait):
    assert photo_is_embedded(sface_pipeline, portrait)
    aligned = sface_pipeline.extract(encoded(portrait), POLICY)
    assert aligned.cut_off == 0
    assert crop_is_embedded(sface_pipeline, aligned.crop)


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_face_that_the_edge_cuts_is_the_same_person_and_the_cut_is_told(sface_pipeline, portrait, side, share):
    whole = sface_pipeline.extract(encoded(portrait), POLICY)
    box, (width, height) = whole.face.box, whole.image_size
    x, y = round(share * box.width), round(share * box.height)
    left, top, right, bottom = (round(value) for value in (box.left, box.top, box.right, box.bottom))
    rows, columns = {
        "left": (slice(0, height), slice(left + x, width)),
        "right": (slice(0, height), slice(0, right - x)),
        "top": (slice(top + y, height), slice(0, width)),
        "bottom": (slice(0, bottom - y), slice(0, width)),
    }[side]

    try:
        cut = sface_pipeline.extract(encoded(portrait[rows, columns]), POLICY)
    except InputError as error:
        pytest.fail(f"the rest of the face gives {error.code}")

    assert cut.rotated_by == 0
    assert cut.cut_off == pytest.approx(share, abs=0.12)
    shown = cut.face.box.within(*cut.image_size)
    assert 0 <= shown.left < shown.right <= cut.image_size[0]
    assert 0 <= shown.top < shown.bottom <= cut.image_size[1]
    one, other = sface_pipeline.embed(np.stack([whole.crop, cut.crop]))
    assert float(one @ other) >= 0.6
