"""The report decides on a pair as the service does, where thresholds of strata and of all pairs differ."""

import numpy as np
import pytest
from vectors import to_unit

from models.evaluation.reliability import reliability
from models.evaluation.scored import score_set
from models.evaluation.systems import Variant, cosine_scorer
from models.labelled.comparable import Comparable
from models.labelled.labelled_faces import PairList
from models.labelled.pairs.resampling import person_weights
from models.labelled.pairs.stated_scorer import AsServed
from models.labelled.pairs.sweep import ExcludedPairs
from models.labelled.rates.decided import decided_points
from models.labelled.rates.seen_kinds import seen_kinds
from service.scoring.calibration import Calibrations, MethodCalibration, OperatingPoint
from service.scoring.decision import judge
from service.scoring.fmr_curve import FmrCurve
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.strata import Strata, Stratum, pairs_of_bands

POINTS = (1e-1, 1e-2)
PEOPLE, EACH = 40, 3


def curve_to(score):
    """A curve that has the rate 1e-4, its last, at a score."""
    rates = np.array([0.0, -4.0])
    return FmrCurve(np.array([-1.0, score]), rates, rates - 0.1, np.minimum(rates + 0.1, 0), 1e-3)


def point_of(fmr, threshold):
    return OperatingPoint(f"fmr_{fmr:.0e}", fmr, threshold, "measured", fmr, fmr, 0.0, 0.0, 0.0, 1, 1, 1, 1, 1)


@pytest.fixture
def calibration():
    """Poor pairs score higher: their threshold is, and that of good ones is far below that of all pairs."""
    curves = {(0, 0): curve_to(1.4), (0, 1): curve_to(0.9), (1, 1): curve_to(0.2)}
    strata = Strata((10.0,), {b: Stratum(b, curves[b], 100, 10) for b in pairs_of_bands(2)})
    whole = curve_to(0.7)
    points = tuple(point_of(fmr, whole.score_of(fmr)) for fmr in POINTS)
    return MethodCalibration("cosine", Parameters(), "photo", whole, points, strata)


@pytest.fixture
def faces():
    generator = np.random.default_rng(3)
    identities = np.repeat(np.arange(PEOPLE), EACH)
    centres = generator.standard_normal((PEOPLE, 6))
    given = to_unit(centres[identities] + 0.8 * generator.standard_normal((len(identities), 6))).astype(np.float32)
    norms = generator.uniform(5, 15, len(identities)).astype(np.float32)
    norms[::17] = 0.0  # not known
    nobody = np.empty(0, np.int64)
    return Comparable(
        name="made-up",
        embeddings=given,
        norms=norms,
        images=len(given),
        rows=np.arange(len(given)),
        identities=identities,
        people=np.arange(PEOPLE),
        failed=np.zeros(PEOPLE, np.int64),
        excluded=ExcludedPairs.none(),
        given=None,
        lost=PairList(nobody, nobody, nobody.astype(bool)),
    )


def by_the_service(calibration, faces, outside):
    """What the service decides on every pair, one after the other: counts by point, whether mated, and decision."""
    doubt = type("Doubted", (), {"says": "beyond", "code": "low_quality"})()
    scorer = cosine_scorer(faces.embeddings)
    found, stated = {}, []
    for i in range(len(faces.rows)):
        for j in range(i + 1, len(faces.rows)):
            score = float(scorer.pairs(np.array([i]), np.array([j]))[0])
            norms = tuple(float(faces.norms[row]) or None for row in (i, j))
            mated = faces.identities[i] == faces.identities[j]
            for point in calibration.points:
                doubts = (doubt,) if outside[i] or outside[j] else ()
                said = judge(score, calibration, point.name, doubts, norms)
                key = point.name, bool(mated), said.decision
                found[key] = found.get(key, 0) + 1
            stated.append((i, j, calibration.fmr_at_score(score, norms).fmr))
    return found, stated


def scored_of(faces):
    return score_set(faces, Variant("cosine", METHODS["cosine"], Parameters()), cosine_scorer(faces.embeddings))


@pytest.mark.slow
def test_decisions_of_the_report_are_those_of_the_service_on_every_pair(calibration, faces):
    outside = np.arange(len(faces.rows)) % 11 == 2
    served = AsServed(calibration)
    scorer = served.scorer(cosine_scorer(faces.embeddings), faces.norms)
    names = [point.name for point in calibration.points]

    points = decided_points(
        names, served.thresholds(), faces, faces.compare_with(scorer), scorer.pairs(*faces.mated()), outside
    )

    expected, _ = by_the_service(calibration, faces, outside)
    for point in points:
        for mated, seen in ((True, point.mated), (False, point.non_mated)):
            for decision in ("match", "non_match", "inconclusive"):
                assert getattr(seen, decision) == expected.get((point.name, mated, decision), 0)
    # The thresholds of all pairs would have decided otherwise.
    plain = faces.compare_with(cosine_scorer(faces.embeddings)).top_scores
    for threshold, point in zip((found.threshold for found in calibration.points), points, strict=True):
        reach = point.non_mated.match + point.non_mated.inconclusive
        assert abs(np.count_nonzero(plain >= threshold) - reach) > 100


@pytest.mark.slow
def test_evidence_of_a_pair_is_what_the_service_states(calibration, faces):
    scorer = AsServed(calibration).scorer(cosine_scorer(faces.embeddings), faces.norms)
    everything = slice(0, len(faces.rows))

    evidence = scorer.block(everything, everything)

    _, stated = by_the_service(calibration, faces, np.zeros(len(faces.rows), dtype=bool))
    for i, j, fmr in stated:
        # At the end of its curve a pair reaches every threshold, whatever its rate.
        assert evidence[i, j] == pytest.approx(-np.log10(fmr), abs=1e-4) or fmr <= 1.0001e-4
        assert scorer.pairs(np.array([i]), np.array([j]))[0] == pytest.approx(evidence[i, j], abs=1e-5)


@pytest.mark.slow
def test_observed_rates_of_the_report_are_those_of_each_pairs_own_stratum(calibration, faces):
    calibrations = Calibrations("made-up people", (calibration,))

    found = reliability(calibrations, scored_of(faces), "photo", person_weights(PEOPLE, 50, seed=1))

    expected, _ = by_the_service(calibration, faces, np.zeros(len(faces.rows), dtype=bool))
    for point in found.points:
        assert point.false_matches == expected[point.name, False, "match"]
    assert [seen.name for seen in found.strata] == ["poor-poor", "poor-best", "best-best"]
    unknown = np.count_nonzero(faces.norms == 0)
    pairs = sum(seen.pairs_aside for seen in found.strata)
    known = len(faces.rows) - unknown
    mated = sum(faces.norms[i] > 0 and faces.norms[j] > 0 for i, j in zip(*faces.mated(), strict=True))
    assert pairs == known * (known - 1) // 2 - mated


@pytest.mark.slow
def test_kinds_of_pairs_are_counted_by_the_services_decision(calibration, faces):
    clean = 70

    kinds = seen_kinds(calibration, [faces], [cosine_scorer(faces.embeddings)], [clean])

    _, stated = by_the_service(calibration, faces, np.zeros(len(faces.rows), dtype=bool))
    for kind, poor in zip(kinds, (0, 1, 2), strict=True):
        among = [
            fmr
            for i, j, fmr in stated
            if (i >= clean) + (j >= clean) == poor and faces.identities[i] != faces.identities[j]
        ]
        assert kind.pairs == len(among)
        for rate in kind.rates:
            assert rate.false_matches == sum(fmr <= rate.fmr for fmr in among)
            assert rate.ratio.value == pytest.approx(rate.false_matches / len(among) / rate.fmr)
    assert seen_kinds(calibration, [faces], [cosine_scorer(faces.embeddings)], [len(faces.rows)]) == ()
