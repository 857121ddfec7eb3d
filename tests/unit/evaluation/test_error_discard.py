"""FNMR as poor faces are left out, against a loop."""

from dataclasses import replace

import numpy as np
import pytest
from vectors import to_unit

from models.evaluation.error_discard import SHARES, error_discard
from models.labelled.exclusions import SetExclusions
from models.labelled.pairs.resampling import person_weights
from models.labelled.rates.threshold_rates import threshold_at

FMR = 0.05


@pytest.fixture
def graded(people):
    """Return a maker of people whose faces are the noisier the shorter their embeddings are."""

    def make(count=12, faces_each=5, *, told=True, **changes):
        random = np.random.default_rng(4)
        identities = np.repeat(np.arange(count), faces_each)
        norms = random.uniform(1.5, 4, len(identities))
        noise = random.standard_normal((len(identities), 12)) * (6 / norms**2)[:, None]
        embeddings = to_unit(random.standard_normal((count, 12))[identities] + noise)
        shown = norms if told else random.permutation(norms)
        facts = {"embeddings": embeddings, "norms": shown.astype(np.float32)}
        return people(count=count, faces_each=faces_each, **{**facts, **changes})

    return make


def test_every_point_agrees_with_counting(graded, scored_by_cosine, loop):
    labelled = graded()
    found, scored = scored_by_cosine(labelled)

    discard = error_discard(found, scored, FMR, person_weights(12, 200, seed=1))

    threshold = threshold_at(scored.comparisons, FMR)
    mated = [(i, j, score) for i, j, score, same in loop(labelled) if same]
    assert discard.fmr == FMR
    assert [point.discarded for point in discard.points] == list(SHARES)
    for point in discard.points:
        poorest = set(np.argsort(labelled.norms)[: int(point.discarded * len(labelled))].tolist())
        left = [score for i, j, score in mated if i not in poorest and j not in poorest]
        rate = np.mean([score < threshold for score in left])
        assert point.pairs_left == pytest.approx(len(left) / len(mated))
        assert point.fnmr.value == pytest.approx(rate)
        assert point.fnmr.low <= point.fnmr.value <= point.fnmr.high
    first, fifth = discard.points[0].fnmr.value, discard.points[SHARES.index(0.2)].fnmr.value
    assert discard.gone.value == pytest.approx(1 - fifth / first)
    assert discard.gone.low <= discard.gone.value <= discard.gone.high


def test_norm_that_tells_nothing_takes_nothing_away(graded, scored_by_cosine):
    weights = person_weights(40, 100, seed=1)
    telling, random = (
        error_discard(*scored_by_cosine(graded(count=40, told=told)), FMR, weights) for told in (True, False)
    )

    assert telling.gone.value > 0.4
    assert telling.gone.low > 0.2
    assert random.gone.low < 0 < random.gone.high


def test_lost_and_excluded_pairs_count_nowhere(graded, people, scored_by_cosine):
    weights = person_weights(12, 100, seed=1)
    whole = graded()
    found, _ = scored_by_cosine(whole)
    exclusions = SetExclusions(np.zeros(len(whole), bool), np.array([[0, 1], [0, 2]]), np.empty((0, 2), np.int64))

    excluded = error_discard(*scored_by_cosine(whole, exclusions), FMR, weights)
    lost = replace(
        whole,
        embeddings=np.where(np.arange(len(whole))[:, None] == 3, np.float32(0), whole.embeddings),
        detected=np.arange(len(whole)) != 3,
        norms=np.where(np.arange(len(whole)) == 3, np.float32(0), whole.norms),
    )
    without, scored = scored_by_cosine(lost)

    pairs = len(found.mated()[0])
    assert excluded.points[0].fnmr.value * (pairs - 2) == pytest.approx(
        round(excluded.points[0].fnmr.value * (pairs - 2))
    )
    assert without.failed.sum() == 4
    rejected = np.count_nonzero(scored.mated < threshold_at(scored.comparisons, FMR))
    assert error_discard(without, scored, FMR, weights).points[0].fnmr.value == pytest.approx(rejected / (pairs - 4))


def test_unknown_norms_give_none(graded, people, scored_by_cosine):
    weights = person_weights(12, 100, seed=1)
    norms = graded().norms.copy()
    norms[7] = 0

    assert error_discard(*scored_by_cosine(graded(norms=norms)), FMR, weights) is None
    assert error_discard(*scored_by_cosine(people(count=12)), FMR, weights) is None


def test_set_without_an_error_has_nothing_to_lose(graded, scored_by_cosine):
    labelled = graded()
    rows = np.repeat(np.eye(12, dtype=np.float32), 5, axis=0)

    discard = error_discard(*scored_by_cosine(replace(labelled, embeddings=rows)), FMR, person_weights(12, 100, seed=1))

    assert discard.gone is None
    assert all(point.fnmr.value == 0 and point.fnmr.high > 0 for point in discard.points)


def test_shares_that_leave_no_pair_are_not_told(graded, scored_by_cosine):
    labelled = graded(count=4, faces_each=2, norms=np.array([1, 9, 2, 8, 3, 7, 4, 6], np.float32))

    discard = error_discard(*scored_by_cosine(labelled), 0.2, person_weights(4, 100, seed=1))

    # Each pair has one of the poorer half of the faces.
    assert [point.discarded for point in discard.points] == list(SHARES[:-1])
