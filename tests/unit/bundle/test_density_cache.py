"""The density cache: what comes again is not searched for again, and is the same."""

import numpy as np
import pytest

from service.errors import SearchFailed
from service.scoring.terms import NEAREST, SUPPORT, FaceTerms
from service.snapshot.density_cache import DensityCache


class Found:
    """Gives terms that tell the embedding they are of, and notes what it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, embeddings):
        self.asked.append(embeddings[:, 0].tolist())
        return FaceTerms(log_density=embeddings[:, 0].astype(np.float64), support_mean=embeddings[:, 1] * 2.0)


@pytest.fixture
def found():
    return Found()


def faces(*numbers):
    return np.array([[number, number / 10, 0.0] for number in numbers], np.float32)


def test_faces_that_were_found_are_not_searched_again(found):
    cache = DensityCache(10)

    cache.terms(faces(1, 2), SUPPORT, found)
    terms = cache.terms(faces(2, 3, 1), SUPPORT, found)

    assert found.asked == [[1, 2], [3]]
    assert terms["log_density"].tolist() == [2, 3, 1]
    assert terms["support_mean"].tolist() == found(faces(2, 3, 1))["support_mean"].tolist()
    assert "nearest_mean" not in terms


def test_a_face_twice_in_one_call_is_searched_once(found):
    terms = DensityCache(10).terms(faces(5, 5, 6), SUPPORT, found)

    assert found.asked == [[5, 6]]
    assert terms["log_density"].tolist() == [5, 5, 6]


def test_terms_of_other_needs_are_kept_apart(found):
    cache = DensityCache(10)

    cache.terms(faces(1), SUPPORT, found)
    cache.terms(faces(1), NEAREST, found)

    assert found.asked == [[1], [1]]


def test_the_face_used_longest_ago_makes_room(found):
    cache = DensityCache(2)

    for number in (1, 2, 1, 3, 1, 2):
        cache.terms(faces(number), SUPPORT, found)

    assert found.asked == [[1], [2], [3], [2]]


def test_a_call_of_more_faces_than_are_kept_gets_them_all(found):
    terms = DensityCache(1).terms(faces(1, 2, 3), SUPPORT, found)

    assert terms["log_density"].tolist() == [1, 2, 3]


def test_an_embedding_that_differs_in_its_last_bit_is_another_face(found):
    cache, face = DensityCache(10), faces(1)

    cache.terms(face, SUPPORT, found)
    cache.terms(np.nextafter(face, np.float32(2)), SUPPORT, found)

    assert len(found.asked) == 2


def test_a_search_that_fails_leaves_nothing_behind(found):
    cache = DensityCache(10)

    def fails(_):
        raise SearchFailed("no")

    with pytest.raises(SearchFailed):
        cache.terms(faces(1), SUPPORT, fails)
    cache.terms(faces(1), SUPPORT, found)

    assert found.asked == [[1]]


def test_hits_and_misses_are_counted_by_face(found):
    counted = []
    cache = DensityCache(10, lambda hits, misses: counted.append((hits, misses)))

    cache.terms(faces(1, 2), SUPPORT, found)
    cache.terms(faces(2, 3), SUPPORT, found)

    assert counted == [(0, 2), (1, 1)]
