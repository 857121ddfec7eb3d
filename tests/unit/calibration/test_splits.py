"""Parts and folds of people."""

import numpy as np
import pytest

from models.calibration.splits import check_people, least_people, part_people, people_folds
from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import CalibrationImpossible


def labelled(identities, names=None, name="set"):
    identities = np.asarray(identities, np.int64)
    count = len(identities)
    people = int(identities.max()) + 1
    return LabelledFaces(
        name=name,
        embeddings=np.zeros((count, 8), np.float32),
        norms=np.zeros(count, np.float32),
        detected=np.ones(count, bool),
        identities=identities,
        identity_names=tuple(names or (f"person {number:03}" for number in range(people))),
        images=tuple(f"{row}.jpg" for row in range(count)),
        input_form="photo",
        identities_stated=True,
        rejected=("",) * count,
    )


FACES = labelled(np.random.default_rng(0).integers(0, 60, 300))


def test_no_person_is_in_two_parts_and_no_picture_is_lost():
    parts = part_people(FACES, (0.4, 0.3, 0.3), seed=3)

    people = [set(FACES.identities[rows].tolist()) for rows in parts]
    assert sum(map(len, people)) == len(set().union(*people)) == 60
    assert sorted(np.concatenate(parts).tolist()) == list(range(300))


def test_parts_have_the_shares_asked_for():
    parts = part_people(FACES, (4, 3, 3), seed=3)

    shares = [len(set(FACES.identities[rows].tolist())) / 60 for rows in parts]
    assert shares == pytest.approx([0.4, 0.3, 0.3], abs=0.04)


def test_people_of_one_picture_are_dealt_out_apart():
    faces = labelled([*range(90), *range(90, 100), *range(90, 100)])

    for rows in part_people(faces, (1, 1), seed=0):
        assert len({int(person) for person in faces.identities[rows] if person >= 90}) == 5


def test_parts_follow_from_the_seed_and_the_names_alone():
    names = [f"person {number:03}" for number in range(60)]
    shuffled = np.random.default_rng(1).permutation(60)
    renumbered = labelled(np.argsort(shuffled)[FACES.identities], [names[number] for number in shuffled])

    def names_of(faces, seed):
        return [
            {faces.identity_names[person] for person in faces.identities[rows]}
            for rows in part_people(faces, (1, 1), seed)
        ]

    assert names_of(FACES, 5) == names_of(renumbered, 5)
    assert names_of(FACES, 5) != names_of(FACES, 6)
    assert names_of(FACES, 5) != names_of(labelled(FACES.identities, name="another"), 5)


def test_folds_part_the_people_alike():
    folds = people_folds(FACES, 5, seed=0)

    assert [len(set(FACES.identities[rows].tolist())) for rows in folds] == [12] * 5


def test_too_few_people_for_the_parts_are_refused():
    with pytest.raises(CalibrationImpossible, match="set has 4 people"):
        part_people(labelled([0, 1, 2, 3]), (1, 1, 1), seed=0)


@pytest.mark.parametrize(("chooses", "folds"), [(True, 2), (True, 5), (False, 2)])
def test_set_that_is_too_small_is_told_how_many_people_and_pictures_it_takes(chooses, folds):
    shares = (0.4, 0.3, 0.3)
    least = least_people(shares, folds if chooses else 1)

    with pytest.raises(CalibrationImpossible, match=f"has 3 people, and {least} are the least.*pictures in all"):
        check_people(labelled(np.repeat(np.arange(3), 4)), shares, folds, chooses=chooses)

    enough = labelled(np.repeat(np.arange(least), 4))
    check_people(enough, shares, folds, chooses=chooses)
    tune = part_people(enough, shares, seed=0)[0]
    if chooses:
        assert all(len(rows) for rows in people_folds(enough.subset(tune), folds, seed=0))


@pytest.mark.parametrize("folds", [2, 5])
def test_one_person_fewer_than_the_least_cannot_be_parted(folds):
    fewer = labelled(np.repeat(np.arange(least_people((0.4, 0.3, 0.3), folds) - 1), 4))

    def part():
        tune = part_people(fewer, (0.4, 0.3, 0.3), seed=0)[0]
        people_folds(fewer.subset(tune), folds, seed=0)

    with pytest.raises(CalibrationImpossible):
        part()
