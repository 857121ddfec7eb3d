"""Rates by group at one threshold for all, against loops."""

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.groups import group_rates
from models.labelled.exclusions import SetExclusions
from models.labelled.pairs.resampling import person_weights
from models.labelled.rates.threshold_rates import threshold_at

GROUPS = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
FMR = 0.05


@pytest.fixture
def weights():
    return person_weights(len(GROUPS), 200, seed=1)


def counted(labelled, loop, group, threshold, excluded=frozenset()):
    inside = labelled.groups == group
    pairs = [(s, same) for i, j, s, same in loop(labelled) if inside[i] and inside[j] and (i, j) not in excluded]
    mated = [s for s, same in pairs if same]
    strangers = [s for s, same in pairs if not same and s is not None]
    return (
        len(mated),
        len(strangers),
        np.mean([s > threshold + 1e-7 for s in strangers]),
        np.mean([s is None or s <= threshold + 1e-7 for s in mated]),
    )


def test_rates_within_each_group_agree_with_counting(people, scored_by_cosine, loop, weights):
    labelled = people(count=10, faces_each=4, spread=1.0, lost=[2, 30], groups=GROUPS)
    found, scored = scored_by_cosine(labelled)

    rates = group_rates(labelled, found, scored, FMR, weights)

    threshold = threshold_at(scored.comparisons, FMR)
    assert rates.fmr == FMR
    assert [row.group for row in rates.rows] == ["group 0", "group 1"]
    assert [row.people for row in rates.rows] == [4, 6]
    assert [row.identity_pairs for row in rates.rows] == [6, 15]
    assert [row.faces for row in rates.rows] == [15, 23]
    for group, row in enumerate(rates.rows):
        mated, strangers, fmr, fnmr = counted(labelled, loop, group, threshold)
        assert (row.mated_pairs, row.non_mated_pairs) == (mated, strangers)
        assert row.fmr.value == pytest.approx(fmr)
        assert row.fnmr.value == pytest.approx(fnmr)
        assert row.fnmr.low <= row.fnmr.value <= row.fnmr.high


def test_excluded_pairs_do_not_count_in_a_group(people, scored_by_cosine, loop, weights):
    labelled = people(count=10, faces_each=4, spread=1.0, groups=GROUPS)
    excluded = {(0, 5), (16, 20), (0, 1), (3, 17)}
    exclusions = SetExclusions(
        np.zeros(len(labelled), dtype=bool), np.array(sorted(excluded)), np.empty((0, 2), np.int64)
    )
    found, scored = scored_by_cosine(labelled, exclusions)

    rates = group_rates(labelled, found, scored, FMR, weights)

    threshold = threshold_at(scored.comparisons, FMR)
    for group, row in enumerate(rates.rows):
        mated, strangers, fmr, fnmr = counted(labelled, loop, group, threshold, excluded)
        assert (row.mated_pairs, row.non_mated_pairs) == (mated, strangers)
        assert row.fmr.value == pytest.approx(fmr)
        assert row.fnmr.value == pytest.approx(fnmr)


def test_given_pairs_are_counted_in_the_group_that_holds_both_faces(people, given_pairs, scored_by_cosine):
    rows = [(0, 1, True), (0, 2, False), (4, 5, True), (0, 6, False), (4, 6, False)]
    labelled = people(count=4, faces_each=2, groups=[0, 0, 1, 1], pairs=given_pairs(rows))
    found, scored = scored_by_cosine(labelled, given=True)

    rates = group_rates(labelled, found, scored, 0.4, person_weights(4, 100, seed=0))

    assert [(row.mated_pairs, row.non_mated_pairs) for row in rates.rows] == [(1, 1), (1, 1)]


def test_group_without_a_false_match_has_the_rule_of_threes_upper_end(people, scored_by_cosine):
    labelled = people(count=10, faces_each=4, spread=0.01, groups=GROUPS)
    found, scored = scored_by_cosine(labelled)

    rates = group_rates(labelled, found, scored, 0.0, person_weights(10, 100, seed=0))

    assert rates.rows[0].fmr.value == 0.0
    # 4 people make 6 pairs of people, whose 96 pairs of pictures are not 96 trials.
    assert rates.rows[0].non_mated_pairs == 96
    assert rates.rows[0].fmr.high == pytest.approx(3 / 6)


def test_group_says_whether_its_people_can_show_anything(people, scored_by_cosine):
    labelled = people(count=33, faces_each=2, spread=1.0, groups=[0] * 26 + [1] * 4 + [2] * 3)
    # Three who look alike: so few people are seen far above the rate over all.
    faces = labelled.embeddings.copy()
    faces[60:] = faces[60]
    labelled = replace(labelled, embeddings=faces)
    found, scored = scored_by_cosine(labelled)

    rows = group_rates(labelled, found, scored, 1e-2, person_weights(33, 100, seed=0)).rows

    # 325, 6 and 3 pairs of people; 3/FMR is 300.
    assert [row.identity_pairs for row in rows] == [325, 6, 3]
    assert rows[2].fmr.low > 1e-2
    assert [row.shows_fmr for row in rows] == [True, False, True]
    assert [row.shows_fnmr for row in rows] == [True, False, False]


def test_set_without_groups_has_none(people, scored_by_cosine):
    labelled = people()

    assert group_rates(labelled, *scored_by_cosine(labelled), FMR, person_weights(6, 100, seed=0)) is None


def test_group_without_a_false_non_match_is_bounded_by_three_in_the_number_of_its_people(people, scored_by_cosine):
    labelled = people(count=20, faces_each=3, spread=0.05, groups=[0] * 12 + [1] * 8)
    found, scored = scored_by_cosine(labelled)

    rows = group_rates(labelled, found, scored, 1e-2, person_weights(20, 100, seed=0)).rows

    assert [row.fnmr.value for row in rows] == [0.0, 0.0]
    assert [row.fnmr.high for row in rows] == pytest.approx([3 / 12, 3 / 8])


def test_fmr_of_each_pair_of_groups_agrees_with_counting(people, scored_by_cosine, loop, weights):
    labelled = people(count=10, faces_each=4, spread=1.0, lost=[2, 30], groups=GROUPS)
    # One person's pictures lie in two groups.
    labelled.groups[[0, 1]] = 1
    # Two people whose every pair of pictures is left out, besides.
    excluded = {(0, 16), (4, 8), (20, 24), (0, 1), *((i, j) for i in range(24, 28) for j in range(36, 40))}
    exclusions = SetExclusions(
        np.zeros(len(labelled), dtype=bool), np.array(sorted(excluded)), np.empty((0, 2), np.int64)
    )
    found, scored = scored_by_cosine(labelled, exclusions)

    rates = group_rates(labelled, found, scored, FMR, weights)

    threshold = threshold_at(scored.comparisons, FMR)
    assert [(cell.first, cell.second) for cell in rates.pairs] == [
        ("group 0", "group 0"), ("group 0", "group 1"), ("group 1", "group 1"),
    ]  # fmt: skip
    for cell in rates.pairs:
        ends = sorted([int(cell.first[-1]), int(cell.second[-1])])
        strangers = [
            score
            for i, j, score, same in loop(labelled)
            if not same
            and score is not None
            and sorted([labelled.groups[i], labelled.groups[j]]) == ends
            and (i, j) not in excluded
        ]
        matches = sum(score > threshold + 1e-7 for score in strangers)
        assert (cell.pairs, cell.false_matches) == (len(strangers), matches)
        assert cell.fmr == pytest.approx(matches / len(strangers))
        met = {
            frozenset((labelled.identities[i], labelled.identities[j]))
            for i, j, score, same in loop(labelled)
            if not same
            and score is not None
            and sorted([labelled.groups[i], labelled.groups[j]]) == ends
            and (i, j) not in excluded
        }
        assert cell.identity_pairs == len(met)
    assert sum(cell.pairs for cell in rates.pairs) == scored.comparisons.non_mated


def test_pairs_of_groups_without_a_false_match_have_a_bound(people, scored_by_cosine, given_pairs, weights):
    pairs = given_pairs([(0, 1, True), (0, 4, False), (0, 20, False), (5, 24, False), (20, 21, True)])
    labelled = people(count=10, faces_each=4, spread=0.1, groups=GROUPS, pairs=pairs)
    found, scored = scored_by_cosine(labelled, given=True)

    rates = group_rates(labelled, found, scored, 1e-6, weights)

    assert [cell.pairs for cell in rates.pairs] == [1, 2, 0]
    assert [cell.identity_pairs for cell in rates.pairs] == [1, 2, 0]
    assert [cell.fmr for cell in rates.pairs] == [0, 0, None]
    assert [cell.fmr_high for cell in rates.pairs] == [1.0, 1.0, None]
