import pytest

from service.errors import NoFace, SeveralFaces
from service.faces.select import select_face as selected_row
from service.faces.types import Box, DetectedFace

CORNER_LARGE = DetectedFace(Box(0, 0, 60, 60), 0.8)
CENTRAL_SMALL = DetectedFace(Box(90, 40, 110, 60), 0.9)
SIZE = (200, 100)


def select_face(faces, policy, size):
    return faces[selected_row(faces, policy, size)]


@pytest.mark.parametrize(("policy", "chosen"), [("largest", CORNER_LARGE), ("most_central", CENTRAL_SMALL)])
def test_select_of_several_faces_follows_the_policy(policy, chosen):
    assert select_face([CENTRAL_SMALL, CORNER_LARGE], policy, SIZE) is chosen


def test_select_under_reject_names_how_many_faces_there_are():
    with pytest.raises(SeveralFaces, match="2 faces"):
        select_face([CENTRAL_SMALL, CORNER_LARGE], "reject", SIZE)


@pytest.mark.parametrize("policy", ["largest", "most_central", "reject"])
def test_select_of_one_face_gives_it(policy):
    assert select_face([CORNER_LARGE], policy, SIZE) is CORNER_LARGE


@pytest.mark.parametrize("policy", ["largest", "most_central", "reject"])
def test_select_of_none_is_no_face(policy):
    with pytest.raises(NoFace):
        select_face([], policy, SIZE)


@pytest.mark.parametrize("policy", ["largest", "most_central"])
def test_select_of_equal_faces_gives_the_better_scored(policy):
    left, right = DetectedFace(Box(40, 40, 60, 60), 0.9), DetectedFace(Box(140, 40, 160, 60), 0.8)

    assert select_face([left, right], policy, SIZE) is left
