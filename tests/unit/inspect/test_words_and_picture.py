"""Findings in words and as a picture."""

import re

import numpy as np
import pytest
from PIL import Image

from models.anchors.inspection.advice import findings_lines
from models.anchors.inspection.inspection_page import inspection_page
from models.anchors.inspection.picture import draw
from models.tool_errors import ReportNotWritten

pytestmark = pytest.mark.slow


def test_words_tell_the_figures_of_the_set(look, unit_rows):
    text = "\n".join(findings_lines(look(unit_rows(50))))

    assert "50 anchors of bundle abc, k = 3, tau = 4" in text
    assert "of 24 directions" in text
    assert "0.0% of the anchors have another at 0.9 or more" in text
    assert "--probes" in text


def test_words_against_faces_name_who_collides(look, unit_rows):
    rows = unit_rows(50)

    text = "\n".join(findings_lines(look(rows, rows[:1], guard=0.9)))

    assert "against 1 real faces (2 more pictures gave none)" in text
    assert "identity collisions: 1 faces have an anchor at 0.9 or more" in text
    assert "face 0: anchor 0 at 1.000" in text
    assert "--guard" in text


def test_words_advise_what_the_figures_call_for(look, unit_rows):
    crowded = "\n".join(findings_lines(look(unit_rows(100, common=5.0), unit_rows(100, seed=2))))
    copied = "\n".join(findings_lines(look(np.repeat(unit_rows(30), 2, axis=0))))
    fine = "\n".join(findings_lines(look(unit_rows(100), unit_rows(100, seed=2))))

    assert "--shared mean" in crowded
    assert "--duplicates" in copied
    assert "--shared" not in fine
    assert "--duplicates" not in fine


@pytest.mark.parametrize("faces", [None, 30])
def test_picture_is_written_with_and_without_faces(look, unit_rows, tmp_path, faces):
    found = look(unit_rows(50), None if faces is None else unit_rows(faces, seed=2))

    draw(found, tmp_path / "set.png")

    with Image.open(tmp_path / "set.png") as image:
        assert image.width >= 1000
        assert len(image.convert("RGB").getcolors(1 << 20)) > 50


def test_picture_that_cannot_be_written_says_so(look, unit_rows, tmp_path):
    with pytest.raises(ReportNotWritten, match="picture"):
        draw(look(unit_rows(20)), tmp_path / "nowhere" / "set.png")


@pytest.mark.parametrize("faces", [None, 30])
def test_page_has_the_words_the_figures_and_the_picture(look, unit_rows, faces):
    rows = unit_rows(50)
    found = look(rows, None if faces is None else np.concatenate([rows[:1], unit_rows(faces, seed=2)]))

    page = inspection_page(found).decode()

    assert page.count("<svg") == 1
    assert f"{np.percentile(found.neighbours.nearest, 95):.3f}" in page
    assert "50 anchors" in page
    assert ("Identity collisions" in page) == (faces is not None)
    assert ("face 0" in page) == (faces is not None)
    for line in findings_lines(found):
        if line.startswith("-> "):
            assert line[4:].replace("`", "") in page
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", page)
