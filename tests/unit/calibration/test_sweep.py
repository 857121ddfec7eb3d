"""All pairs by blocks against all pairs by a loop."""

import numpy as np
import pytest

from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs, mated_pairs, sweep
from service.scoring.methods import METHODS, find_method
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms

pytestmark = pytest.mark.slow

PARAMETERS = Parameters(k=3, tau=5.0, strength=0.5)


@pytest.fixture
def faces():
    generator = np.random.default_rng(4)
    rows = generator.standard_normal((40, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    terms = FaceTerms(
        log_density=-generator.random(40),
        support_mean=generator.random(40),
        cohort_mean=generator.random(40),
        cohort_spread=generator.random(40) + 0.5,
        nearest_mean=generator.random(40),
        nearest_spread=generator.random(40) + 0.5,
        mean=rows,
        log_variance=generator.uniform(-4, -2, rows.shape),
        sigma0_squared=np.full(40, 0.01),
        llr_slope=generator.random(40),
        llr_middle=generator.random(40) / 10,
        llr_look=generator.random(40),
        llr_offset=generator.random(40),
    )
    return rows, terms, generator.integers(0, 9, 40)


def by_loop(rows, terms, identities, method, excluded=frozenset()):
    mated, non_mated = {}, {}
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            if (i, j) in excluded:
                continue
            similarity = np.array([sum(a * b for a, b in zip(rows[i], rows[j], strict=True))])
            one, other = terms.map(lambda t, i=i: t[[i]]), terms.map(lambda t, j=j: t[[j]])
            score = float(method.combine(similarity, one, other, PARAMETERS)[0])
            (mated if identities[i] == identities[j] else non_mated)[i, j] = score
    return mated, non_mated


@pytest.mark.parametrize("name", METHODS)
def test_sweep_agrees_with_a_loop(faces, name):
    rows, terms, identities = faces
    mated, non_mated = by_loop(rows, terms, identities, find_method(name))

    found = sweep(BlockScorer(rows, find_method(name), terms, PARAMETERS), identities, keep=50, block=7)

    assert found.non_mated_count == len(non_mated)
    assert {
        (min(i, j), max(i, j)): s
        for i, j, s in zip(found.mated.first, found.mated.second, found.mated.scores, strict=True)
    } == pytest.approx(mated, abs=1e-4)
    best = sorted(non_mated.values(), reverse=True)[:50]
    assert found.top.scores == pytest.approx(best, abs=1e-4)
    pairs = zip(found.top.first.tolist(), found.top.second.tolist(), strict=True)
    assert [non_mated[pair] for pair in pairs] == pytest.approx(best, abs=1e-4)


def test_sweep_histograms_count_every_pair(faces):
    rows, terms, identities = faces
    mated, non_mated = by_loop(rows, terms, identities, find_method("cosine"))

    found = sweep(BlockScorer(rows, find_method("cosine"), None, PARAMETERS), identities, bins=64, block=7)

    assert found.edges[0] < min(non_mated.values())
    assert found.edges[-1] > max(non_mated.values())
    expected, _ = np.histogram(list(non_mated.values()), found.edges)
    # A score at an edge may fall on either side of it in float32.
    assert np.abs(np.cumsum(found.non_mated_histogram) - np.cumsum(expected)).max() <= 1
    assert found.non_mated_histogram.sum() == len(non_mated)
    assert found.mated_histogram.sum() == len(mated)


def test_sweep_leaves_out_excluded_faces_and_identities(faces):
    rows, terms, identities = faces
    face_pairs = np.array([[3, 1], [0, 39], [5, 5]])
    excluded = {(1, 3), (0, 39)}
    for i in range(40):
        for j in range(40):
            if {identities[i], identities[j]} == {2, 4}:
                excluded.add((min(i, j), max(i, j)))
    mated, non_mated = by_loop(rows, terms, identities, find_method("cosine"), frozenset(excluded))

    found = sweep(
        BlockScorer(rows, find_method("cosine"), None, PARAMETERS),
        identities,
        exclude=ExcludedPairs(face_pairs, np.array([[4, 2]])),
        block=7,
    )

    assert (len(found.mated), found.non_mated_count) == (len(mated), len(non_mated))
    assert set(zip(found.top.first.tolist(), found.top.second.tolist(), strict=True)) == set(non_mated)


def test_sweep_of_one_face_has_no_pairs():
    found = sweep(BlockScorer(np.eye(4)[:1], find_method("cosine"), None, PARAMETERS), np.zeros(1, np.int64))

    assert (len(found.mated), len(found.top), found.non_mated_count) == (0, 0, 0)


def test_sweep_tells_its_progress_to_the_end(faces):
    rows, _, identities = faces
    told = []

    sweep(BlockScorer(rows, find_method("cosine"), None, PARAMETERS), identities, tick=told.append, block=7)

    assert told == sorted(told)
    assert told[-1] == 1.0


def test_mated_pairs_agree_with_a_loop():
    identities = np.array([5, 1, 5, 5, 2, 1])

    first, second = mated_pairs(identities)

    assert set(zip(first.tolist(), second.tolist(), strict=True)) == {(0, 2), (0, 3), (2, 3), (1, 5)}


def test_subset_scores_the_pairs_of_the_faces_taken(faces):
    rows, terms, _ = faces
    whole = BlockScorer(rows, find_method("ida-r"), terms, PARAMETERS)

    part = whole.subset(np.array([4, 9, 30]))

    assert part.block(slice(0, 3), slice(0, 3)) == pytest.approx(
        whole.block(slice(0, 40), slice(0, 40))[np.ix_([4, 9, 30], [4, 9, 30])], abs=1e-5
    )
