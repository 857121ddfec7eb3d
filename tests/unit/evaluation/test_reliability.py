"""Stated against observed false-match rates."""

from math import exp, log

import numpy as np
import pytest

from models.evaluation.reliability import Reliability, reliability
from models.evaluation.scored import score_set
from models.evaluation.systems import Variant
from models.labelled.pairs.resampling import person_weights
from models.labelled.pairs.sweep import BlockScorer
from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration, OperatingPoint
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms


def point(threshold, fmr, low, high):
    return OperatingPoint(
        name=f"fmr_{fmr:g}",
        fmr=fmr,
        threshold=threshold,
        quality="measured",
        fmr_low=low,
        fmr_high=high,
        fnmr=0.1,
        fnmr_low=0.05,
        fnmr_high=0.2,
        false_matches=10,
        non_mated_pairs=1000,
        mated_pairs=100,
        people=20,
        identity_pairs=190,
    )


def calibrations(method, points, scores, log10_fmr, *, parameters=None):
    curve = FmrCurve(
        scores=np.array(scores),
        log10_fmr=np.array(log10_fmr),
        log10_low=np.array(log10_fmr) - 0.1,
        log10_high=np.array(log10_fmr) + 0.1,
        shown_down_to=1e-3,
    )
    calibration = MethodCalibration(method, parameters or Parameters(), "photo", curve, points)
    return Calibrations("made-up people", (calibration,), "0" * 16)


@pytest.fixture
def cosine(people, scored_by_cosine):
    labelled = people(count=30, faces_each=4, spread=1.0, lost=[5])
    return labelled, scored_by_cosine(labelled)[1], person_weights(30, 200, seed=1)


def test_observed_rate_of_an_operating_point_is_counted(cosine, loop):
    labelled, scored, weights = cosine
    points = (point(0.4, 0.1, 0.05, 0.15), point(0.9, 0.01, 0.009, 0.011))

    found = reliability(calibrations("cosine", points, [-1.0, 1.0], [0.0, -6.0]), scored, "photo", weights)

    strangers = [s for _, _, s, same in loop(labelled) if not same and s is not None]
    mated = [s for _, _, s, same in loop(labelled) if same]
    for checked in found.points:
        reached = sum(s >= checked.threshold for s in strangers)
        assert checked.false_matches == reached
        assert checked.observed_fmr.value == pytest.approx(reached / len(strangers))
        rejected = sum(s is None or s < checked.threshold for s in mated)
        assert checked.observed_fnmr.value == pytest.approx(rejected / len(mated))
    assert found.population == "made-up people"


def test_observed_rate_is_told_as_a_ratio_to_the_stated_one_and_in_a_verdict(cosine):
    _, scored, weights = cosine
    share = float(np.mean(scored.comparisons.top_scores >= 0.4))
    points = (
        point(0.4, share, 0.8 * share, 1.2 * share),
        # However wide the calibration's own interval is, twelve times the stated rate is no agreement.
        point(0.4, share / 12, share / 1000, 1.0),
        point(0.4, 0.9, 0.85, 0.95),
        point(0.9999, 1e-5, 1e-6, 1e-4),
    )

    found = reliability(calibrations("cosine", points, [-1.0, 1.0], [0.0, -6.0]), scored, "photo", weights)

    assert [checked.verdict for checked in found.points] == ["as_stated", "higher", "lower", "undecided"]
    assert [checked.ratio.value for checked in found.points[:3]] == pytest.approx([1, 12, share / 0.9])
    for checked in found.points:
        assert checked.ratio.low == pytest.approx(checked.observed_fmr.low / checked.stated_fmr.value)
        assert checked.ratio.high == pytest.approx(checked.observed_fmr.high / checked.stated_fmr.value)


def test_set_without_a_false_non_match_has_the_rule_of_threes_upper_end(people, scored_by_cosine):
    labelled = people(count=12, faces_each=3, spread=0.05)
    scored = scored_by_cosine(labelled)[1]

    found = reliability(
        calibrations("cosine", (point(-0.9, 0.5, 0.4, 0.6),), [-1.0, 1.0], [0.0, -6.0]),
        scored,
        "photo",
        person_weights(12, 200, seed=1),
    )

    assert found.points[0].observed_fnmr.value == 0.0
    assert found.points[0].observed_fnmr.high == pytest.approx(3 / 12)


def test_two_people_of_whom_a_resampling_may_draw_one_alone_give_an_interval(people, scored_by_cosine):
    scored = scored_by_cosine(people(count=2, faces_each=3, spread=1.0))[1]

    found = reliability(
        calibrations("cosine", (point(0.0, 0.1, 0.05, 0.2),), [-1.0, 1.0], [0.0, -6.0]),
        scored,
        "photo",
        person_weights(2, 200, seed=1),
    )

    observed = found.points[0].observed_fmr
    assert 0 <= observed.low <= observed.high <= 1


def test_point_that_no_stranger_reaches_has_the_rule_of_threes_upper_end(cosine):
    _, scored, weights = cosine

    found = reliability(
        calibrations("cosine", (point(0.9999, 1e-3, 1e-4, 1e-2),), [-1.0, 1.0], [0.0, -6.0]), scored, "photo", weights
    )

    observed = found.points[0].observed_fmr
    assert (observed.value, observed.low) == (0.0, 0.0)
    # 30 people, each pair of them counted once.
    assert observed.high == pytest.approx(3 / 435)


def test_curve_is_compared_where_the_set_shows_false_matches(cosine):
    _, scored, weights = cosine

    found = reliability(calibrations("cosine", (), [-1.0, 1.0], [0.0, -6.0]), scored, "photo", weights)

    assert isinstance(found, Reliability)
    assert max(found.stated) == pytest.approx(0.1)
    assert min(found.stated) >= 3 / scored.comparisons.non_mated
    for stated, observed in zip(found.stated, found.observed, strict=True):
        # The curve falls from 1 at -1 to 1e-6 at 1, in equal steps of the logarithm.
        score = -1.0 - log(stated) / log(10) / 3
        assert observed.value == pytest.approx(float(np.mean(scored.comparisons.top_scores >= score)), abs=2e-3)


def test_threshold_of_a_method_on_a_log_scale_is_taken_to_that_scale(people, scored_by_cosine):
    labelled = people(count=10, faces_each=3, spread=1.0)
    found, _ = scored_by_cosine(labelled)
    parameters = Parameters(strength=1.0)
    scorer = BlockScorer(
        labelled.embeddings, METHODS["ida-r"], FaceTerms(log_density=np.full(len(labelled), -3.0)), parameters
    )
    scored = score_set(found, Variant("ida-r", METHODS["ida-r"], parameters), scorer)
    middle = float(np.median(scored.comparisons.top_scores))

    checked = reliability(
        calibrations("ida-r", (point(exp(middle), 0.5, 0.4, 0.6),), [-9.0, 9.0], [0.0, -6.0], parameters=parameters),
        scored,
        "photo",
        person_weights(10, 100, seed=0),
    )

    assert checked.points[0].observed_fmr.value == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("known", "form", "reason"),
    [
        (None, "photo", "not calibrated"),
        (calibrations("csls", (), [-1.0, 1.0], [0.0, -6.0]), "photo", "cosine"),
        (calibrations("cosine", (), [-1.0, 1.0], [0.0, -6.0]), "crop", "two photos"),
    ],
)
def test_bundle_that_states_nothing_of_the_method_gives_the_reason(cosine, known, form, reason):
    _, scored, weights = cosine

    assert reason in reliability(known, scored, form, weights)
