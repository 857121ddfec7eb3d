"""The curve from score to false-match rate."""

import math

import numpy as np
import pytest

from models.calibration.curve import FLOOR, fit_curve
from models.calibration.operating_points import operating_points
from models.labelled.pairs.jackknife import least_widths
from models.labelled.pairs.resampling import person_weights
from models.labelled.rates.observed import observe
from models.tool_errors import CalibrationImpossible


@pytest.fixture
def fitted(make_people, compare):
    embeddings, identities = make_people(60, 6, seed=1)
    found = compare(embeddings, identities)
    weights = person_weights(60, 200, seed=2)
    return found, weights, fit_curve([found])


@pytest.mark.slow
def test_curve_counts_pairs_where_there_are_many(fitted):
    found, _, result = fitted

    scores = found.top_scores
    for rate in (0.5, 0.2, 0.05, 0.02):
        score = scores[int(rate * len(scores))]
        expected = (sum(1 for other in scores if other >= score) + 1) / (len(scores) + 1)
        # Between two knots the curve is a straight line of the logarithm.
        assert result.curve.at(float(score)).fmr == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
def test_curve_is_continuous_strictly_falling_and_never_zero(fitted):
    _, _, result = fitted
    curve = result.curve

    scores = np.linspace(curve.scores[0], curve.scores[-1], 20_001)
    rates = np.array([curve.at(float(score)).fmr for score in scores])

    assert rates[0] == pytest.approx(1.0)
    assert np.all(np.diff(rates) < 0)
    assert rates[-1] == pytest.approx(FLOOR)
    step = np.abs(np.diff(np.log10(rates)))
    # No jump: halving the distance between scores halves the largest step.
    coarse = np.abs(np.diff(np.log10(rates[::2])))
    assert step.max() < 0.6 * coarse.max() or step.max() < 1e-3
    assert curve.at(-5.0).fmr == pytest.approx(1.0)
    assert curve.at(50.0).fmr == pytest.approx(FLOOR)


@pytest.mark.slow
def test_curve_meets_its_fitted_tail_where_that_starts(fitted):
    found, _, result = fitted

    reached = np.count_nonzero(found.top_scores >= result.tail_start)
    assert result.curve.at(result.tail_start).fmr == pytest.approx((reached + 1) / (found.non_mated + 1))
    before, after = (result.curve.at(result.tail_start + step).fmr for step in (-1e-9, 1e-9))
    assert before == pytest.approx(after, rel=1e-5)


@pytest.mark.slow
def test_curve_states_an_interval_around_every_rate(fitted):
    _, _, result = fitted

    for score in np.linspace(-0.5, 1.2, 100):
        stated = result.curve.at(float(score))
        assert 0 < stated.low <= stated.fmr <= stated.high <= 1


@pytest.mark.slow
def test_score_of_a_rate_is_the_inverse_of_the_curve(fitted):
    _, _, result = fitted

    for fmr in (0.3, 1e-2, 1e-4, 1e-6, 1e-8):
        assert result.curve.at(result.curve.score_of(fmr)).fmr == pytest.approx(fmr)


@pytest.mark.slow
def test_rates_below_three_in_n_are_said_to_be_extrapolated(fitted):
    found, _, result = fitted
    limit = 3 / found.non_mated

    assert not result.curve.at(result.curve.score_of(limit * 1.1)).extrapolated
    assert result.curve.at(result.curve.score_of(limit * 0.9)).extrapolated


@pytest.mark.slow
def test_curve_of_few_kept_scores_agrees_with_that_of_all(make_people, compare, fitted):
    _, _, whole = fitted
    embeddings, identities = make_people(60, 6, seed=1)

    part = fit_curve([compare(embeddings, identities, keep=3000)])

    for score in np.linspace(-0.3, 1.0, 60):
        assert math.log10(part.curve.at(float(score)).fmr) == pytest.approx(
            math.log10(whole.curve.at(float(score)).fmr), abs=0.03
        )


def test_curve_of_two_sets_pools_their_pairs(make_people, compare):
    sets = [compare(*make_people(40, 4, seed=seed), name=str(seed)) for seed in (1, 2)]

    result = fit_curve(sets)

    scores = np.sort(np.concatenate([found.top_scores for found in sets]))
    middle = float(scores[len(scores) // 2])
    assert result.curve.at(middle).fmr == pytest.approx(0.5, rel=0.03)


def test_too_few_pairs_are_refused(make_people, compare):
    with pytest.raises(CalibrationImpossible, match="pairs of different people are too few"):
        fit_curve([compare(*make_people(5, 2))])


@pytest.mark.slow
def test_operating_points_count_their_pairs(fitted):
    found, weights, result = fitted

    points = operating_points(result.curve, "linear", [found], [weights])

    assert [point.name for point in points] == ["fmr_1e-2", "fmr_1e-3", "fmr_1e-4", "fmr_1e-5", "fmr_1e-6"]
    # 360 faces of 60 people: 64,620 pairs, of which 900 are mated.
    assert {(p.non_mated_pairs, p.mated_pairs, p.people, p.identity_pairs) for p in points} == {(63_720, 900, 60, 1770)}
    assert [point.quality for point in points] == ["measured", "measured", "wide", "extrapolated", "extrapolated"]
    for point in points:
        assert point.false_matches == sum(1 for score in found.top_scores if score >= point.threshold)
        rejected = sum(1 for score in found.mated_scores if score < point.threshold)
        assert point.fnmr == pytest.approx(rejected / 900)
        assert point.fmr_low <= point.fmr <= point.fmr_high
        assert point.fnmr_low <= point.fnmr <= point.fnmr_high
    assert [p.threshold for p in points] == sorted(p.threshold for p in points)
    assert points[0].false_matches / 63_720 == pytest.approx(1e-2, rel=0.1)


@pytest.mark.slow
def test_operating_point_without_a_false_match_is_bounded_by_three_in_n(fitted):
    found, weights, _ = fitted

    seen = observe(np.array([1.5]), "linear", [found], [weights])[0]

    assert (seen.false_matches, seen.fmr) == (0, 0.0)
    assert seen.fmr_high == pytest.approx(3 / 1770)
    assert seen.fnmr == 1.0


@pytest.mark.slow
def test_thresholds_of_a_log_scale_are_given_as_scores(fitted):
    found, weights, result = fitted

    linear = operating_points(result.curve, "linear", [found], [weights])
    logged = operating_points(result.curve, "log", [found], [weights])

    assert [p.threshold for p in logged] == pytest.approx([math.exp(p.threshold) for p in linear])


def test_undetected_faces_count_as_false_non_matches(make_people, compare):
    embeddings, identities = make_people(60, 6, seed=1)
    failed = np.zeros(60, np.int64)
    failed[:10] = 9
    found = compare(embeddings, identities, failed=failed)

    seen = observe(np.array([-1.0]), "linear", [found], [person_weights(60, 50, seed=0)])[0]

    assert seen.fnmr == pytest.approx(90 / 990)


def test_operating_point_without_a_false_non_match_is_bounded_by_three_in_the_number_of_people(make_people, compare):
    # Faces of one person are so alike that no threshold of the non-mated pairs rejects one; two people have one face.
    embeddings, identities = make_people(60, 3, spread=0.01)
    kept = np.flatnonzero(~np.isin(np.arange(180), [1, 2, 4, 5]))
    found = compare(embeddings[kept], identities[kept])

    (seen,) = observe(np.array([0.99]), "linear", [found], [person_weights(60, 100, seed=1)])

    assert (seen.fnmr, seen.fnmr_low) == (0.0, 0.0)
    assert seen.fnmr_high == pytest.approx(3 / 58)


@pytest.mark.parametrize("expected", [1, 3, 12, 40])
def test_least_interval_is_that_of_a_poisson_count(expected):
    below, above = least_widths(np.array([float(expected)]))
    low, high = expected * math.exp(-below[0]), expected * math.exp(above[0])

    def at_most(count, mean):
        return sum(math.exp(-mean) * mean**reached / math.factorial(reached) for reached in range(count + 1))

    assert 1 - at_most(expected - 1, low) == pytest.approx(0.025, rel=1e-6)
    assert at_most(expected, high) == pytest.approx(0.025, rel=1e-6)


def test_least_interval_of_hardly_a_pair_reaches_from_almost_nothing_to_the_count_of_none():
    expected = np.array([1e-6, 1e-3])

    below, above = least_widths(expected)

    assert np.all(expected * np.exp(-below) < 1e-9)
    # Of no pair among N a rate may be -ln(0.025)/N.
    assert expected * np.exp(above) == pytest.approx(-math.log(0.025), rel=1e-2)


@pytest.mark.slow
def test_rate_of_few_expected_pairs_of_people_is_as_unsure_as_their_count(fitted):
    _, _, result = fitted

    # 60 people make 1,770 pairs of people: two of them are expected at this rate, whose exact interval is 0.24 to 7.2.
    stated = result.curve.at(result.curve.score_of(2 / 1770))

    assert stated.fmr == pytest.approx(2 / 1770, rel=1e-3)
    assert stated.sampling[0] <= 0.2422 / 1770 * 1.05
    assert stated.sampling[1] >= 7.2247 / 1770 * 0.95
