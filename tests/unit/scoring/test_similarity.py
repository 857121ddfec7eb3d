"""Cosine similarity and unit rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidEmbedding
from service.scoring.similarity import cosine, normalise, telling_norms


def test_cosine_of_hand_made_pairs_is_their_angle():
    probes = np.array([[1, 0], [0.6, 0.8], [1, 0]], np.float32)
    references = np.array([[0, 1], [0.8, 0.6], [-1, 0]], np.float32)

    assert cosine(probes, references) == pytest.approx([0.0, 0.96, -1.0], abs=1e-6)


def test_cosine_agrees_with_a_loop(rng_rows):
    probes, references = rng_rows(7, 16), rng_rows(7, 16)

    expected = []
    for probe, reference in zip(probes, references, strict=True):
        total = 0.0
        for a, b in zip(probe, reference, strict=True):
            total += float(a) * float(b)
        expected.append(total)

    assert cosine(probes, references) == pytest.approx(expected, abs=1e-12)


def test_cosine_swapped_sides_is_equal_to_the_bit(rng_rows):
    probes, references = rng_rows(50, 512), rng_rows(50, 512)

    assert np.array_equal(cosine(probes, references), cosine(references, probes))


def test_cosine_of_rows_a_little_too_long_stays_in_range():
    rows = np.full((2, 4), 0.5 + 1e-7)

    assert np.array_equal(cosine(rows, rows), [1.0, 1.0])
    assert np.array_equal(cosine(rows, -rows), [-1.0, -1.0])


def test_cosine_of_a_batch_equals_its_pairs_one_by_one(rng_rows):
    probes, references = rng_rows(9, 64), rng_rows(9, 64)

    one_by_one = [cosine(probes[i : i + 1], references[i : i + 1])[0] for i in range(9)]

    assert cosine(probes, references) == pytest.approx(one_by_one, abs=1e-15)


def test_cosine_of_no_pairs_is_empty():
    assert cosine(np.empty((0, 8)), np.empty((0, 8))).shape == (0,)


def test_normalise_keeps_the_direction_and_gives_unit_norm():
    assert normalise([[3.0, 4.0], [0.0, -2.0]]) == pytest.approx(np.array([[0.6, 0.8], [0.0, -1.0]]))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8).filter(any))
def test_normalise_of_any_finite_row_has_unit_norm(row):
    assert np.linalg.norm(normalise([row])) == pytest.approx(1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_normalise_with_a_value_that_is_not_finite_is_refused(value):
    with pytest.raises(InvalidEmbedding, match="finite"):
        normalise([[1.0, value]])


def test_normalise_of_a_zero_row_is_refused():
    with pytest.raises(InvalidEmbedding, match="direction"):
        normalise([[1.0, 0.0], [0.0, 0.0]])


def test_telling_norms_are_0_for_zeros_and_for_rows_of_unit_norm():
    rows = [[3.0, 4.0], [0.0, 0.0], [0.6, 0.8], [0.6004, 0.8]]

    assert telling_norms(rows) == pytest.approx([5.0, 0.0, 0.0, 0.0])
