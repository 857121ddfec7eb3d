"""Ablations against measuring each value on its own."""

import numpy as np
import pytest

from models.evaluation.ablations import ablate
from models.evaluation.asked_ablation import AskedAblation, parse
from models.evaluation.systems import System
from models.labelled.pairs.sweep import BlockScorer
from models.labelled.rates.threshold_rates import fnmr_at
from models.progress import unstaged
from models.tool_errors import AblationInvalid
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.terms import FaceTerms

pytestmark = pytest.mark.slow


@pytest.fixture
def run(people, scored_by_cosine):
    labelled = people(count=40, faces_each=3, spread=1.0)
    found, cosine = scored_by_cosine(labelled)

    def measure(asked: str | AskedAblation, system: System):
        return ablate(
            parse(asked) if isinstance(asked, str) else asked,
            system,
            found,
            cosine.comparisons,
            seed=0,
            device="cpu",
            stage=unstaged,
        )

    def alone(system, parameters, fmrs):
        similarities = -np.sort(-(labelled.embeddings @ system.bundle.anchors.embeddings.T).astype(np.float64), axis=1)
        log_density = -np.log(np.exp(parameters.tau * similarities[:, : parameters.k]).sum(axis=1))
        scorer = BlockScorer(labelled.embeddings, METHODS["ida-r"], FaceTerms(log_density=log_density), parameters)
        return tuple(fnmr_at(found.compare(scorer), fmrs).tolist())

    return measure, alone


@pytest.mark.parametrize(
    ("asked", "changed"),
    [
        ("k=1,7", {1.0: {"k": 1}, 5.0: {}, 7.0: {"k": 7}}),
        ("tau=0.5,8", {0.5: {"tau": 0.5}, 2.0: {}, 8.0: {"tau": 8.0}}),
        ("strength=0,2", {0.0: {"strength": 0.0}, 1.0: {}, 2.0: {"strength": 2.0}}),
    ],
)
def test_each_value_is_measured_as_if_alone_and_the_bundles_own_among_them(run, system, asked, changed):
    measure, alone = run
    bundle = system()

    found = measure(asked, bundle)

    assert [point.value for point in found.points] == list(changed)
    for point in found.points:
        parameters = Parameters(**{"k": 5, "tau": 2.0, **changed[point.value]})
        assert point.fnmr == pytest.approx(alone(bundle, parameters, found.fmrs), abs=0.01)
        assert point.lowest == point.fnmr == point.highest


def test_whole_anchor_set_stands_for_itself_and_smaller_ones_for_several_draws(run, system):
    measure, alone = run
    bundle = system()

    found = measure("anchors=3,20,500", bundle)

    assert [point.value for point in found.points] == [20.0, 60.0]
    assert found.in_force == 60.0
    assert found.points[1].fnmr == pytest.approx(alone(bundle, Parameters(k=5, tau=2.0), found.fmrs), abs=0.01)
    assert all(
        low <= mean <= high
        for low, mean, high in zip(found.points[0].lowest, found.points[0].fnmr, found.points[0].highest, strict=True)
    )
    assert "3, 500" in found.note


def test_ablation_is_the_same_for_the_same_seed(run, system):
    measure, _ = run
    bundle = system()

    assert measure("anchors=10,30", bundle) == measure("anchors=10,30", bundle)


def test_bundle_whose_strength_is_0_is_ablated_at_the_papers(run, system):
    measure, alone = run
    bundle = system(strength=0.0)

    found = measure("k=3", bundle)

    assert found.points[0].fnmr == pytest.approx(alone(bundle, Parameters(k=3, tau=2.0), found.fmrs), abs=0.01)
    assert "strength" in found.note


def test_ablation_of_strength_0_is_the_cosine(run, system):
    measure, _ = run

    found = measure("strength=0", system())

    assert found.points[0].fnmr == pytest.approx(found.cosine)


@pytest.mark.parametrize("text", ["beta", "k=0", "k=1.5", "tau=0", "tau=-1", "strength=-1", "k=one", "anchors=nan"])
def test_ablation_of_nothing_possible_is_refused(text):
    with pytest.raises(AblationInvalid, match="k=1,5,10"):
        parse(text)


def test_values_are_sorted_and_counted_once():
    assert parse("k=10,1,10") == AskedAblation("k", (1.0, 10.0))
