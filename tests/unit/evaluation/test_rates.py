"""FNMR at FMR with intervals and the gain over the cosine."""

import numpy as np
import pytest

from models.evaluation.method_rates import fnmr_replicates, method_rates
from models.evaluation.scored import score_set
from models.evaluation.systems import Variant, cosine_scorer
from models.labelled.comparable import comparable
from models.labelled.pairs.resampling import person_weights
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.interval import Interval
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms

FMRS = (1e-1, 1e-2, 1e-3)


@pytest.fixture
def measured():
    def measure(scored, cosine=None, replicates=200):
        weights = person_weights(scored.comparisons.people, replicates, seed=3)
        drawn = fnmr_replicates(scored.comparisons, FMRS, weights, workers=2)
        found = method_rates(scored.comparisons, scored.variant.method.scale, FMRS, drawn, cosine)
        return found.rates, found

    return measure


def test_rates_agree_with_counting_every_pair(people, scored_by_cosine, measured, loop):
    labelled = people(count=20, faces_each=3, spread=1.0, lost=[4])
    _, scored = scored_by_cosine(labelled)

    found, _ = measured(scored)

    non_mated = sorted((s for _, _, s, same in loop(labelled) if not same and s is not None), reverse=True)
    mated = [s for _, _, s, same in loop(labelled) if same]
    for rate in found[:2]:
        threshold = non_mated[int(rate.fmr * len(non_mated))]
        rejected = sum(s is None or s <= threshold + 1e-7 for s in mated)
        assert rate.fnmr.value == pytest.approx(rejected / len(mated))
        assert rate.threshold == pytest.approx(threshold, abs=1e-6)
        assert rate.fnmr.low <= rate.fnmr.value <= rate.fnmr.high


def test_rate_that_the_pairs_cannot_show_has_no_number(people, scored_by_cosine, measured):
    _, scored = scored_by_cosine(people(count=20, faces_each=3))

    found, _ = measured(scored)

    assert [rate.quality for rate in found] == ["measured", "wide", "extrapolated"]
    assert found[2].fnmr is None
    assert found[2].threshold is None


def test_no_error_among_few_people_is_not_taken_for_none(people, scored_by_cosine, measured):
    _, scored = scored_by_cosine(people(count=20, faces_each=3, spread=0.01))

    found, _ = measured(scored)

    assert found[0].fnmr == Interval(0.0, 0.0, pytest.approx(3 / 20))


def test_every_replicate_is_the_plain_rate_of_its_weighted_pairs(people, scored_by_cosine, measured, loop):
    labelled = people(count=12, faces_each=3, spread=1.0, lost=[2])
    _, scored = scored_by_cosine(labelled)
    weights = person_weights(12, 200, seed=3)

    _, drawn = measured(scored)

    for row in (0, 7):
        draw = weights[row]
        pairs = [
            (s, draw[labelled.identities[i]] * (1 if same else draw[labelled.identities[j]]), same)
            for i, j, s, same in loop(labelled)
        ]
        total = sum(w for s, w, same in pairs if not same and s is not None)
        threshold, seen = np.inf, 0.0
        for s, w, same in sorted((p for p in pairs if p[0] is not None), key=lambda p: -p[0]):
            if not same:
                seen += w
                threshold = s
                if seen > 0.1 * total:
                    break
        mated = [(s, w) for s, w, same in pairs if same]
        rejected = sum(w for s, w in mated if s is None or s <= threshold + 1e-7)
        assert drawn.replicates.at(0.1)[row] == pytest.approx(rejected / sum(w for _, w in mated))


def test_method_that_orders_pairs_as_the_cosine_does_gains_exactly_nothing(people, scored_by_cosine, measured):
    labelled = people(count=15, faces_each=3, spread=1.0)
    found, cosine = scored_by_cosine(labelled)
    terms = FaceTerms(log_density=np.full(len(labelled), -2.0))
    parameters = Parameters(strength=0.0)
    scorer = BlockScorer(labelled.embeddings, METHODS["ida-r"], terms, parameters)
    same = score_set(found, Variant("ida-r", METHODS["ida-r"], parameters), scorer)

    of_cosine, drawn = measured(cosine)
    of_method, _ = measured(same, drawn)

    assert of_method[0].gain == Interval(0.0, 0.0, 0.0)
    assert of_method[0].threshold == pytest.approx(np.exp(of_cosine[0].threshold), rel=1e-5)
    assert of_cosine[0].gain is None


@pytest.mark.slow
def test_method_that_knows_who_is_who_gains_all_that_the_cosine_loses(people, scored_by_cosine, measured):
    labelled = people(count=20, faces_each=3, spread=2.0)
    found, cosine = scored_by_cosine(labelled)
    perfect = np.eye(20, dtype=np.float32)[labelled.identities]
    oracle = score_set(found, Variant("cosine", METHODS["cosine"], Parameters()), cosine_scorer(perfect))

    of_cosine, drawn = measured(cosine)
    of_oracle, _ = measured(oracle, drawn)

    assert of_oracle[0].fnmr.value == 0.0
    assert of_oracle[0].gain.value == pytest.approx(of_cosine[0].fnmr.value)
    assert of_oracle[0].gain.low > 0


def test_replicates_of_rates_beyond_the_kept_scores_are_not_given(people):
    labelled = people(count=60, faces_each=4, spread=1.0)
    found = comparable(labelled, None, given=False)
    scores = found.compare(cosine_scorer(labelled.embeddings), keep=1500)

    drawn = fnmr_replicates(scores, FMRS, person_weights(60, 100, seed=0), workers=1)

    assert drawn.fmrs == (1e-2, 1e-3)
    assert drawn.at(1e-1) is None
