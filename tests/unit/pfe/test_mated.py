"""Mated pairs for the uncertainty head: who is in them, how they are drawn, and the one variance that fits them."""

import numpy as np
import pytest

from models.heads.pfe.mated import constant_variance, mated_faces
from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import TrainingImpossible


def labelled(identities, undetected=()):
    identities = np.asarray(identities)
    rows = np.random.default_rng(0).standard_normal((len(identities), 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    detected = np.ones(len(identities), bool)
    detected[list(undetected)] = False
    return LabelledFaces(
        name="set",
        embeddings=rows,
        norms=np.zeros(len(rows), np.float32),
        detected=detected,
        identities=identities,
        identity_names=tuple(map(str, range(identities.max() + 1))),
        images=tuple(map(str, range(len(rows)))),
        input_form="photo",
        identities_stated=True,
        rejected=tuple("" if found else "no_face" for found in detected),
    )


def test_mated_faces_leave_out_people_with_one_face_and_faces_not_found():
    faces = mated_faces([labelled([*np.repeat(np.arange(12), 3), 12, 13, 13], undetected=(0, 38))])

    # Person 0 has two faces left, 12 had one, and of 13 one was not found.
    assert faces.counts.tolist() == [2, *[3] * 11]
    assert len(faces.embeddings) == 35


def test_drawn_pairs_are_two_different_faces_of_one_person():
    faces = mated_faces([labelled(np.repeat(np.arange(12), 4))])
    person = np.repeat(np.arange(12), 4)

    first, second = faces.draw(500, np.random.default_rng(1))

    assert np.all(first != second)
    assert np.array_equal(person[first], person[second])
    assert set(person[first].tolist()) == set(range(12))


def test_people_of_two_sets_are_others():
    sets = [labelled(np.repeat(np.arange(6), 2)), labelled(np.repeat(np.arange(6), 3))]

    assert len(mated_faces(sets)) == 12


def test_split_shares_no_person():
    faces = mated_faces([labelled(np.repeat(np.arange(20), 3))])

    kept, aside = faces.split(0.2, seed=0)

    assert (len(kept), len(aside)) == (16, 4)
    rows = {row.tobytes() for row in kept.embeddings} & {row.tobytes() for row in aside.embeddings}
    assert not rows


def test_too_few_people_with_two_faces_are_refused():
    with pytest.raises(TrainingImpossible, match="3 people have two or more faces, and 10"):
        mated_faces([labelled(np.repeat(np.arange(3), 2))])


def test_constant_variance_by_hand():
    # Squares of the differences: 1, 0, 4, 1.
    found = constant_variance(np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 1.0]]))

    assert found == pytest.approx(6 / 4 / 2)
