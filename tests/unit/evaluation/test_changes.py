"""Pairs decided otherwise than by the cosine, against a loop."""

import numpy as np
import pytest

from models.evaluation.changes import PairChanges
from models.evaluation.scored import score_set
from models.evaluation.systems import Variant
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.threshold_rates import threshold_at
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms

FMR = 0.05


@pytest.fixture
def both(people, scored_by_cosine):
    """Faces, and what the cosine and a method with made-up densities say of them."""
    labelled = people(count=10, faces_each=4, spread=1.1, lost=[3])
    found, cosine = scored_by_cosine(labelled)
    parameters = Parameters(strength=0.7, tau=4.0)
    terms = FaceTerms(log_density=np.random.default_rng(1).normal(-3, 1, len(found.rows)))
    scorer = BlockScorer(labelled.embeddings[found.rows], METHODS["ida-r"], terms, parameters)
    method = score_set(found, Variant("ida-r", METHODS["ida-r"], parameters), scorer)
    return labelled, found, cosine, method


def test_changed_decisions_agree_with_deciding_every_pair_twice(both):
    labelled, found, cosine, method = both

    changed = PairChanges(labelled, found, cosine, method).at(FMR, most=3)

    kinds = dict.fromkeys(changed.examples, 0)
    limits = [threshold_at(scored.comparisons, FMR) for scored in (cosine, method)]
    for i in range(len(found.rows)):
        for j in range(i + 1, len(found.rows)):
            before, after = (
                float(scored.scorer.pairs(np.array([i]), np.array([j]))[0]) >= limit
                for scored, limit in zip((cosine, method), limits, strict=True)
            )
            same = found.identities[i] == found.identities[j]
            if before != after:
                right = after == same
                kinds[f"{'mated' if same else 'non_mated'}_{'corrected' if right else 'broken'}"] += 1
    assert {kind: getattr(changed, kind) for kind in kinds} == kinds
    assert sum(kinds.values()) > 0
    assert changed.non_mated_corrected == changed.non_mated_broken


def test_examples_are_named_and_at_most_as_many_as_asked(both):
    labelled, found, cosine, method = both

    changed = PairChanges(labelled, found, cosine, method).at(FMR, most=2)

    for kind, pairs in changed.examples.items():
        assert len(pairs) == min(2, getattr(changed, kind))
        for pair in pairs:
            i, j = labelled.images.index(pair.first), labelled.images.index(pair.second)
            assert pair.cosine == pytest.approx(float(labelled.embeddings[i] @ labelled.embeddings[j]), abs=1e-6)
            assert pair.identities == (
                labelled.identity_names[labelled.identities[i]],
                labelled.identity_names[labelled.identities[j]],
            )
            assert (pair.identities[0] == pair.identities[1]) == (not kind.startswith("non_mated"))
            assert (pair.score_fmr <= FMR) == kind.endswith(("mated_corrected",) if "non" not in kind else ("broken",))


def test_highest_non_mated_pairs_come_in_order_of_the_methods_score(both):
    labelled, found, cosine, method = both

    listed = PairChanges(labelled, found, cosine, method).highest_non_mated(5)

    assert len(listed) == 5
    assert [pair.score for pair in listed] == sorted((pair.score for pair in listed), reverse=True)
    assert all(pair.identities[0] != pair.identities[1] for pair in listed)
    assert listed[0].score == pytest.approx(np.exp(method.comparisons.top_scores[0]), rel=1e-5)
    assert listed[0].score_fmr == pytest.approx(1 / method.comparisons.non_mated)


def test_method_that_is_the_cosine_changes_nothing(both):
    labelled, found, cosine, _ = both

    changed = PairChanges(labelled, found, cosine, cosine).at(FMR, most=3)

    assert not any(changed.examples.values())
    assert changed.mated_corrected == changed.mated_broken == changed.non_mated_corrected == 0
