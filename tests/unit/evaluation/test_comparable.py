"""What is compared of a labelled set."""

import numpy as np
import pytest

from models.labelled.comparable import comparable
from models.labelled.exclusions import SetExclusions
from models.tool_errors import LabelsInvalid


def exclusions(size, *, dropped=(), faces=(), identities=()):
    marks = np.zeros(size, dtype=bool)
    marks[list(dropped)] = True
    return SetExclusions(marks, np.array(faces, np.int64).reshape(-1, 2), np.array(identities, np.int64).reshape(-1, 2))


def test_undetected_face_leaves_the_set_and_its_mated_pairs_are_counted_as_lost(people):
    found = comparable(people(count=3, faces_each=3, lost=[0, 4, 5]), None, given=False)

    assert found.rows.tolist() == [1, 2, 3, 6, 7, 8]
    assert found.identities.tolist() == [0, 0, 1, 2, 2, 2]
    assert found.failed.tolist() == [2, 3, 0]
    assert sorted(zip(*map(np.ndarray.tolist, found.mated()), strict=True)) == [(0, 1), (3, 4), (3, 5), (4, 5)]


def test_excluded_image_is_as_if_it_had_never_been(people):
    found = comparable(people(count=2, faces_each=3, lost=[0]), exclusions(6, dropped=[0, 5]), given=False)

    assert found.rows.tolist() == [1, 2, 3, 4]
    assert found.failed.tolist() == [0, 0]


def test_person_whose_images_are_all_excluded_is_not_counted(people):
    found = comparable(people(count=3, faces_each=2), exclusions(6, dropped=[2, 3]), given=False)

    assert found.people.tolist() == [0, 2]
    assert found.identities.tolist() == [0, 0, 1, 1]


def test_excluded_pair_is_neither_mated_nor_lost(people):
    labelled = people(count=2, faces_each=3, lost=[0])

    found = comparable(labelled, exclusions(6, faces=[(1, 0), (4, 3)]), given=False)

    assert found.failed.tolist() == [1, 0]
    assert (2, 3) not in set(zip(*found.mated(), strict=True))
    assert len(found.mated()[0]) == 3


def test_given_pairs_are_split_into_those_compared_and_those_lost(people, given_pairs):
    pairs = given_pairs([(0, 1, True), (0, 2, False), (2, 3, True), (1, 4, False)], fold=[0, 0, 1, 1])
    labelled = people(count=3, faces_each=2, lost=[3, 4], pairs=pairs)

    found = comparable(labelled, None, given=True)

    assert found.given.first.tolist() == [0, 0]
    assert found.given.second.tolist() == [1, 2]
    assert found.given.fold.tolist() == [0, 0]
    assert found.lost.mated.tolist() == [True, False]
    assert found.failed.tolist() == [0, 1, 0]


def test_given_pair_that_is_excluded_by_its_people_is_left_out(people, given_pairs):
    pairs = given_pairs([(0, 1, True), (0, 2, False), (0, 4, False)])

    found = comparable(people(count=3, faces_each=2, pairs=pairs), exclusions(6, identities=[(1, 0)]), given=True)

    assert found.given.second.tolist() == [1, 4]


def test_all_pairs_of_faces_whose_people_are_not_named_are_refused(people):
    with pytest.raises(LabelsInvalid, match="probe_subject"):
        comparable(people(identities_stated=False), None, given=False)


@pytest.mark.parametrize(("count", "faces_each", "kind"), [(4, 1, "mated"), (1, 4, "non-mated")])
def test_set_without_one_kind_of_pair_is_refused(people, count, faces_each, kind):
    with pytest.raises(LabelsInvalid, match=f"no {kind} pair"):
        comparable(people(count=count, faces_each=faces_each), None, given=False)
