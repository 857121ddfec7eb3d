"""The picture of a compared pair: what stands where, by the colours that are drawn with."""

import numpy as np
import pytest
from PIL import Image

from models.commands import pair_picture
from models.commands.pair_picture import ShownPicture, check_picture_path, write_pair_picture
from models.tool_errors import ReportNotWritten
from service.faces.types import AlignedFace, Box, DetectedFace

GREEN, ORANGE, YELLOW, RED = (0, 158, 115), (230, 159, 0), (240, 228, 66), (255, 0, 0)


def face_at(box: Box, size: tuple[int, int], *, rotated_by=0, others=(), points=None) -> AlignedFace:
    landmarks = np.asarray([box.centre] * 5 if points is None else points, np.float32)
    return AlignedFace(
        crop=np.full((112, 112, 3), RED, np.uint8),
        face=DetectedFace(box, 0.9, landmarks),
        faces_found=1 + len(others),
        image_size=size,
        exif_rotated=False,
        quality=None,  # which the picture does not read
        rotated_by=rotated_by,
        others=others,
    )


def drawn(tmp_path, *pictures, decision="match", sentences=("It is so.",)):
    path = tmp_path / "out.png"
    write_pair_picture(path, pictures, decision, "match: the two are one", sentences)
    return np.asarray(Image.open(path).convert("RGB"))


def where(image, colour) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero((image == colour).all(2))
    assert len(rows), f"nothing is drawn in {colour}"
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def shown(width, height, face, notes=()):
    return ShownPicture("probe: a.jpg", np.full((height, width, 3), 200, np.uint8), face, notes)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(60, 60), (700, 500), (3000, 4000)])
def test_a_box_is_where_the_face_is_in_small_and_large_photographs(tmp_path, width, height):
    box = Box(width * 0.25, height * 0.25, width * 0.5, height * 0.5)
    cell = pair_picture._photograph(shown(width, height, face_at(box, (width, height))), 500)
    assert max(cell.size) >= 300
    left, top, right, bottom = where(np.asarray(cell), GREEN)
    expected = np.array([0.25 * cell.width, 0.25 * cell.height, 0.5 * cell.width, 0.5 * cell.height])
    assert np.allclose((left, top, right, bottom), expected, atol=4)
    assert np.allclose(where(np.asarray(cell), YELLOW)[:2], (0.375 * cell.width, 0.375 * cell.height), atol=8)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_face_is_shown_upright_with_its_box(tmp_path, degrees):
    pixels = np.full((300, 400, 3), 200, np.uint8)
    pixels[50:100, 20:80] = RED  # the face
    face = face_at(Box(20, 50, 80, 100), (400, 300), rotated_by=degrees)
    cell = np.asarray(pair_picture._photograph(ShownPicture("a", pixels, face), 400))
    turned = np.asarray(Image.fromarray(pixels).rotate(-degrees, expand=True))
    scale = cell.shape[0] / turned.shape[0]
    assert cell.shape[1] / turned.shape[1] == pytest.approx(scale, rel=0.01)
    assert np.allclose(where(cell, GREEN), np.array(where(turned, RED)) * scale, atol=4)


def test_the_chosen_of_several_faces_is_told_from_the_others(tmp_path):
    others = (Box(300, 50, 380, 150),)
    cell = np.asarray(
        pair_picture._photograph(shown(400, 300, face_at(Box(20, 50, 80, 100), (400, 300), others=others)), 400)
    )
    assert where(cell, ORANGE)[0] > where(cell, GREEN)[2]
    alone = np.asarray(pair_picture._photograph(shown(400, 300, face_at(Box(20, 50, 80, 100), (400, 300))), 400))
    assert (cell == GREEN).all(2).sum() > (alone == GREEN).all(2).sum() + 200  # the word's ground


@pytest.mark.slow
def test_a_sheet_has_crops_verdict_and_place_for_every_picture(tmp_path):
    picture = shown(400, 300, face_at(Box(20, 50, 80, 100), (400, 300)), ("1 face found", "a" * 400))
    pair = drawn(tmp_path, picture, picture)
    assert tuple(pair[2, 2]) == (0, 115, 79)
    assert (pair == RED).all(2).sum() > 2 * 150 * 150
    assert tuple(drawn(tmp_path, picture, picture, decision="non_match")[2, 2]) == (160, 60, 0)
    lost = ShownPicture("reference 2: b.jpg", None, None, ("left out: it cannot be read",))
    several = drawn(tmp_path, picture, picture, lost, picture, sentences=["many words " * 60])
    assert several.shape[1] == pair.shape[1]
    assert several.shape[0] > pair.shape[0]


def test_files_that_must_not_be_written_are_refused(tmp_path):
    there = tmp_path / "there.png"
    there.write_bytes(b"kept")
    for path, wrong in (
        (there, "--force"),
        (tmp_path / "photo.jpg", ".png"),
        (tmp_path / "absent" / "a.png", "not there"),
    ):
        with pytest.raises(ReportNotWritten, match=wrong):
            check_picture_path(path, force=False)
    check_picture_path(there, force=True)
    check_picture_path(tmp_path / "new.png", force=False)
    assert there.read_bytes() == b"kept"
