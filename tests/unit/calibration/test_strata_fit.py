"""Strata against loops over every pair."""

import itertools
import math

import numpy as np
import pytest

from models.calibration.between_sets import between_sets
from models.calibration.curve import fit_curve
from models.calibration.strata_fit import choose_cuts, fit_strata
from models.calibration.with_copies import with_copies
from models.labelled.comparable import Comparable
from models.labelled.labelled_faces import PairList
from models.labelled.pairs.jackknife import Moved, moved_counts
from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs
from models.labelled.rates.stratify import stratify
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters
from service.scoring.population import LimitsInForce
from service.scoring.strata import pairs_of_bands


@pytest.fixture
def make_part(make_people):
    """Return a maker of a set's faces; those of low norm are drawn towards one direction, as poor pictures are."""

    def make(people, faces_each, seed=0, pull=1.2, excluded=None, name="made up"):
        embeddings, identities = make_people(people, faces_each, seed=seed)
        generator = np.random.default_rng([seed, 1])
        norms = generator.uniform(6, 14, len(identities)).astype(np.float32)
        common = np.zeros(embeddings.shape[1])
        common[0] = 1.0
        drawn = embeddings + np.where(norms < 9, pull, 0.0)[:, None] * common
        drawn = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        return Comparable(
            name=name,
            embeddings=drawn,
            norms=norms,
            images=len(norms),
            rows=np.arange(len(norms)),
            identities=identities,
            people=np.arange(people),
            failed=np.zeros(people, np.int64),
            excluded=excluded or ExcludedPairs.none(),
            given=None,
            lost=PairList(*(np.empty(0, np.int64),) * 2, np.empty(0, dtype=bool)),
        )

    return make


def scorer_of(part):
    return BlockScorer(part.embeddings, find_method("cosine"), None, Parameters())


def loop(part, cuts):
    """Scores of every pair by both bands, by loops: mated and non-mated."""
    found = {bands: ([], []) for bands in pairs_of_bands(len(cuts) + 1)}
    left_out = {frozenset(map(int, pair)) for pair in part.excluded.faces}
    strangers = {frozenset(map(int, pair)) for pair in part.excluded.identities}
    for i in range(len(part.rows)):
        for j in range(i + 1, len(part.rows)):
            people = frozenset((int(part.identities[i]), int(part.identities[j])))
            if frozenset((i, j)) in left_out or people in strangers or min(part.norms[i], part.norms[j]) == 0:
                continue
            bands = tuple(sorted(sum(part.norms[face] >= cut for cut in cuts) for face in (i, j)))
            score = float(np.dot(part.embeddings[i], part.embeddings[j]))
            found[bands][0 if len(people) == 1 else 1].append(score)
    return found


def test_pairs_of_each_stratum_are_those_of_a_loop(make_part):
    part = make_part(12, 4, seed=3, excluded=ExcludedPairs(np.array([[0, 9], [1, 2]]), np.array([[3, 4]])))
    part.norms[[5, 17]] = 0
    cuts = (8.0, 11.0)

    found = stratify(part, scorer_of(part), cuts)

    for bands, (mated, others) in loop(part, cuts).items():
        of_stratum = found[bands]
        assert of_stratum.top_scores == pytest.approx(sorted(others, reverse=True), abs=1e-6)
        assert of_stratum.mated_scores == pytest.approx(sorted(mated, reverse=True), abs=1e-6)
        assert of_stratum.non_mated == len(others)
        met = [tuple(sorted(pair)) for pair in of_stratum.top_people.tolist()]
        assert of_stratum.totals.identity_pairs == len(set(met))
        assert of_stratum.totals.of_people().tolist() == [sum(who in pair for pair in met) for who in range(12)]
        drawn = np.random.default_rng(1).integers(0, 3, (4, 12)).astype(np.float32)
        assert of_stratum.totals.weigh(drawn) == pytest.approx(
            [sum(draw[one] * draw[other] for one, other in met) for draw in drawn]
        )


@pytest.mark.slow
def test_rate_of_a_stratum_is_the_counted_share_of_its_pairs(make_part):
    part = make_part(60, 8, seed=1)
    cuts = choose_cuts([part])

    strata = fit_strata([part], [scorer_of(part)], cuts)

    # Two bands: with more, a stratum would have fewer than 10,000 pairs.
    assert list(strata.strata) == [(0, 0), (0, 1), (1, 1)]
    for bands, (_, others) in loop(part, cuts).items():
        stratum = strata.strata[bands]
        assert stratum.pairs == len(others)
        for score in np.quantile(others, [0.5, 0.9, 0.97]):
            share = sum(other >= score for other in others) / len(others)
            assert stratum.curve.at(float(score)).fmr == pytest.approx(share, rel=0.08)
        assert stratum.curve.shown_down_to == pytest.approx(3 / len(others))
        rates = [stratum.curve.at(float(score)).fmr for score in np.linspace(-1, 3, 400)]
        assert all(one >= other > 0 for one, other in itertools.pairwise(rates))
    thresholds = [strata.strata[bands].curve.score_of(1e-3) for bands in ((0, 0), (1, 1))]
    assert thresholds[0] > thresholds[1] + 0.1


def test_few_pairs_or_unknown_norms_make_one_stratum(make_part):
    few, unknown = make_part(20, 4), make_part(60, 8)
    unknown.norms[:] = 0

    assert choose_cuts([few]) == choose_cuts([unknown]) == ()
    assert fit_strata([few], [scorer_of(few)], ()) is None


def test_more_faces_make_more_bands(make_part):
    assert len(choose_cuts([make_part(90, 6, seed=2)])) == 1
    assert len(choose_cuts([make_part(300, 5, seed=2)])) == 3


def test_variance_of_a_rate_is_that_of_leaving_people_out(make_people, compare):
    embeddings, identities = make_people(40, 5, seed=4)
    found = compare(embeddings, identities)
    score = float(np.quantile(found.top_scores, 0.95))
    reached = found.non_mated_at_least(np.array([score]))

    moved = moved_counts(found, np.array([score]), reached)

    logs = []
    for left_out in range(40):
        kept = ~np.any(found.top_people == left_out, axis=1)
        logs.append(math.log(np.count_nonzero(found.top_scores[kept] >= score) / np.count_nonzero(kept)))
    jackknife = 39 / 40 * np.sum((np.array(logs) - np.mean(logs)) ** 2)
    assert moved.squares[0] == pytest.approx(jackknife, rel=0.15)
    below, above = moved.widths()
    assert 1.96 * math.sqrt(moved.squares[0]) < below[0] <= above[0]


def test_few_people_behind_a_rate_make_its_interval_wider():
    many = Moved.of(np.full((100, 1), 0.02))
    one = Moved.of(np.concatenate([np.full((1, 1), 0.2), np.zeros((99, 1))]))

    assert many.squares == pytest.approx(one.squares)
    assert one.widths()[1][0] > 2 * many.widths()[1][0]


def test_sets_that_differ_have_a_spread_and_alike_ones_next_to_none(make_part):
    def compared(part):
        return part.compare_with(scorer_of(part))

    alike = [compared(make_part(60, 8, seed=seed, pull=0.0)) for seed in (1, 2)]
    other = compared(make_part(60, 8, seed=3, pull=0.8))

    assert between_sets([(fit_curve(alike[:1]).curve, alike[:1])]) is None
    assert between_sets([(fit_curve(alike).curve, alike)]) < 0.2
    different = [alike[0], other]
    assert between_sets([(fit_curve(different).curve, different)]) > 0.25


class _Copies:
    def __init__(self, part, rows, norms):
        self.embeddings, self.rows = part.embeddings[rows], np.array(rows)
        self.norms = np.array(norms, np.float32)


def test_copies_are_of_their_pictures_people_and_never_meet_their_own_picture(make_part):
    part = make_part(6, 3, seed=5, excluded=ExcludedPairs(np.array([[0, 4]]), np.empty((0, 2), np.int64)))
    # The part's faces are rows 100 to 117 of the whole set, of which copies of others are there too.
    copies = _Copies(part, [0, 4, 4, 1], [7.0, 7.5, 8.0, 3.0])
    copies.rows = np.array([100, 104, 104, 7])
    limits = LimitsInForce({"norm": 5.0}, {})

    found = with_copies(part, np.arange(100, 118), copies, limits)

    assert found.norms[18:].tolist() == [7.0, 7.5, 8.0]
    assert found.identities[18:].tolist() == [0, 1, 1]
    pairs = {frozenset(map(int, pair)) for pair in found.excluded.faces}
    assert {frozenset(pair) for pair in [(0, 4), (0, 19), (0, 20), (18, 4), (18, 19), (18, 20)]} <= pairs
    assert {frozenset(pair) for pair in [(0, 18), (4, 19), (4, 20), (19, 20)]} <= pairs
    assert len(pairs) == 10


def test_copies_beyond_the_limits_are_left_out(make_part):
    part = make_part(6, 3, seed=5)

    found = with_copies(part, np.arange(18), _Copies(part, [0, 1], [4.0, 6.0]), LimitsInForce({"norm": 5.0}, {}))

    assert found.norms[18:].tolist() == [6.0]
