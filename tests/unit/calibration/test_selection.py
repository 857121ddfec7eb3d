"""Choosing parameters: what is better is taken, what hurts is not, and people are never compared across folds."""

import numpy as np
import pytest

from models.calibration.selection import Fold, Grid, select
from models.labelled.comparable import comparable
from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import CalibrationImpossible
from service.scoring.parameters import Parameters

pytestmark = pytest.mark.slow

GRID = Grid(strengths=(0.3, 1.0), ks=(1, 2), taus=(1.0, 5.0))
DIMENSION = 48


def labelled_faces(rows, identities, name, norms):
    return LabelledFaces(
        name=name,
        embeddings=rows.astype(np.float32),
        norms=norms.astype(np.float32),
        detected=np.ones(len(rows), bool),
        identities=identities,
        identity_names=tuple(f"person {number:03}" for number in range(identities.max() + 1)),
        images=tuple(f"{row}.jpg" for row in range(len(rows))),
        input_form="photo",
        identities_stated=True,
        rejected=("",) * len(rows),
    )


def fold_of(seed, support_of, people=45, faces_each=4, name="set", norms_of=None):
    """A fold in which a third of the people look alike; ``support_of`` tells the similarity to their anchors."""
    generator = np.random.default_rng(seed)
    crowd = generator.standard_normal(DIMENSION)
    crowded = np.arange(people) % 3 == 0
    centres = generator.standard_normal((people, DIMENSION)) + np.where(crowded[:, None], 1.3 * crowd, 0.0)
    identities = np.repeat(np.arange(people), faces_each)
    rows = centres[identities] + 0.75 * generator.standard_normal((len(identities), DIMENSION))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    in_crowd = crowded[identities]
    support = np.stack([support_of(in_crowd, generator)] * 2, axis=1)
    norms = np.zeros(len(rows)) if norms_of is None else norms_of(in_crowd)
    return Fold(comparable(labelled_faces(rows, identities, name, norms), None, given=False), support)


def knows_the_crowd(in_crowd, generator):
    return np.where(in_crowd, 0.7, 0.1) + 0.02 * generator.standard_normal(len(in_crowd))


def knows_it_upside_down(in_crowd, generator):
    return np.where(in_crowd, 0.1, 0.7) + 0.02 * generator.standard_normal(len(in_crowd))


def knows_nothing(in_crowd, generator):
    return 0.4 + 0.3 * generator.random(len(in_crowd))


def choose(support_of, **more):
    folds = [fold_of(seed, support_of) for seed in (1, 2)]
    return select(folds, Parameters(cohort=77), GRID, replicates=100, seed=0, **more)


def test_select_takes_an_ida_r_that_helps():
    selection = choose(knows_the_crowd)

    assert selection.method == "ida-r"
    assert selection.parameters.strength > 0
    assert selection.parameters.cohort == 77
    chosen = next(found for found in selection.candidates if found.harmless)
    assert chosen.parameters == selection.parameters
    assert chosen.objective < 0
    assert all(found.gain_low >= -found.margin for found in chosen.differences)
    assert max(found.gain for found in chosen.differences) > 0


@pytest.mark.parametrize("support_of", [knows_it_upside_down, knows_nothing])
def test_select_refuses_an_ida_r_that_hurts(support_of):
    selection = choose(support_of)

    assert selection.method == "cosine"
    assert selection.parameters.strength == 0.0


def test_select_takes_a_norm_power_where_norms_tell_what_the_anchors_do_not():
    folds = [fold_of(seed, knows_nothing, norms_of=lambda in_crowd: np.where(in_crowd, 3.0, 1.5)) for seed in (1, 2)]

    selection = select(folds, Parameters(), GRID, replicates=100, seed=0)

    assert selection.method == "ida-r"
    assert selection.parameters.norm_power > 0


def test_select_tries_no_norm_power_where_no_norm_is_known():
    assert {found.parameters.norm_power for found in choose(knows_the_crowd).candidates} == {0.0}


def test_select_refuses_what_helps_one_set_and_hurts_another():
    folds = [fold_of(seed, knows_the_crowd, name="helped") for seed in (1, 2)]
    folds += [fold_of(seed, knows_it_upside_down, name="hurt") for seed in (3, 4)]

    selection = select(folds, Parameters(), GRID, replicates=100, seed=0)

    assert selection.method == "cosine"
    assert set(selection.fmrs) == {"helped", "hurt"}


def test_select_compares_at_the_rates_that_the_smallest_fold_measures():
    folds = [fold_of(1, knows_the_crowd), fold_of(2, knows_the_crowd, people=25)]

    # 100 faces of 25 people: 4,800 non-mated pairs, of which 30 expected at 1e-2 but not at 3e-3.
    assert select(folds, Parameters(), GRID, replicates=100, seed=0).fmrs == {"set": (1e-2,)}


def test_select_averages_the_folds_rates_and_pools_no_scores():
    folds = [fold_of(seed, knows_the_crowd) for seed in (1, 2)]
    selection = select(folds, Parameters(), GRID, replicates=100, seed=0)
    looked_at = next(found for found in selection.candidates if found.differences)

    for found in looked_at.differences:
        by_hand = []
        for fold in folds:
            scores, same = [], []
            for i in range(len(fold.faces.embeddings)):
                for j in range(i + 1, len(fold.faces.embeddings)):
                    scores.append(float(np.dot(fold.faces.embeddings[i], fold.faces.embeddings[j])))
                    same.append(fold.faces.identities[i] == fold.faces.identities[j])
            scores, same = np.array(scores), np.array(same)
            non_mated = np.sort(scores[~same])[::-1]
            threshold = non_mated[int(found.fmr * len(non_mated))]
            by_hand.append((np.count_nonzero(scores[same] <= threshold) + 0.5) / (np.count_nonzero(same) + 1))
        assert found.cosine_fnmr == pytest.approx(np.mean(by_hand), rel=0.02)


def test_select_with_folds_too_small_is_refused():
    with pytest.raises(CalibrationImpossible, match="3,000 pairs"):
        select([fold_of(1, knows_the_crowd, people=10)], Parameters(), GRID, replicates=100, seed=0)


def test_select_is_the_same_for_the_same_seed():
    assert choose(knows_the_crowd) == choose(knows_the_crowd)


def test_select_tells_its_progress_to_the_end():
    told = []

    choose(knows_the_crowd, tick=told.append)

    assert told == sorted(told)
    assert told[-1] == 1.0
