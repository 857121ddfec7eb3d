"""Pairs of one picture and several of a person, and what is measured of them."""

import itertools

import numpy as np
import pytest
from vectors import to_unit

from models.calibration.measured_points import Measuring
from models.calibration.template_points import SIZES, measure_templates, template_parts, with_templates
from models.labelled.comparable import Comparable
from models.labelled.labelled_faces import PairList
from models.labelled.pairs.sweep import ExcludedPairs
from models.progress import unstaged
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.snapshot.term_sources import TermSources


def part_of(faces_each, seed=0, excluded=None, dimension=12, spread=0.6):
    """The faces of people, so many of each."""
    generator = np.random.default_rng(seed)
    identities = np.repeat(np.arange(len(faces_each)), faces_each)
    centres = generator.standard_normal((len(faces_each), dimension))
    rows = to_unit(centres[identities] + spread * generator.standard_normal((len(identities), dimension)))
    none = np.empty(0, np.int64)
    return Comparable(
        name="made up",
        embeddings=rows,
        norms=generator.uniform(8, 15, len(rows)).astype(np.float32),
        images=len(rows),
        rows=np.arange(len(rows)),
        identities=identities,
        people=np.arange(len(faces_each)),
        failed=np.zeros(len(faces_each), np.int64),
        excluded=excluded or ExcludedPairs.none(),
        given=None,
        lost=PairList(none, none, np.empty(0, dtype=bool)),
    )


def members_of(part, made, typical, size):
    """Which pictures each template was made of: those whose weighted mean it is, found by trying all."""
    shares = np.minimum(part.norms / typical, 1.5) ** 2
    found = {}
    for template in range(len(part.rows), len(made.rows)):
        own = np.flatnonzero(part.identities == made.identities[template])
        for rows in itertools.combinations(own.tolist(), size):
            mean = sum(shares[row] * part.embeddings[row].astype(float) for row in rows)
            if np.allclose(mean / np.linalg.norm(mean), made.embeddings[template], atol=1e-5):
                found[template] = set(rows)
    return found


@pytest.mark.parametrize("size", [2, 4])
def test_pairs_are_each_picture_with_each_template_that_it_is_not_in(size):
    part = part_of([6, 5, 1, 9, 3])
    made = with_templates(part, size, 12.0, np.random.default_rng(1))
    members = members_of(part, made, 12.0, size)
    assert len(members) == len(made.rows) - len(part.rows)
    expected = set()
    for template, rows in members.items():
        for face in range(len(part.rows)):
            if face not in rows:
                expected.add((face, template, part.identities[face] == made.identities[template]))
    given = list(zip(made.given.first.tolist(), made.given.second.tolist(), made.given.mated.tolist(), strict=True))
    assert len(given) == len(set(given))
    assert set(given) == expected


def test_excluded_pictures_and_people_meet_no_template_with_the_other():
    excluded = ExcludedPairs(np.array([[0, 6]]), np.array([[0, 2]]))
    part = part_of([6, 6, 6], excluded=excluded)
    made = with_templates(part, 2, 12.0, np.random.default_rng(1))
    members = members_of(part, made, 12.0, 2)
    for face, template in zip(made.given.first.tolist(), made.given.second.tolist(), strict=True):
        assert {part.identities[face], made.identities[template]} != {0, 2}
        assert not (face == 0 and 6 in members[template])
        assert not (face == 6 and 0 in members[template])


def test_nobody_with_so_many_pictures_gives_nothing():
    assert with_templates(part_of([3, 3, 3]), 4, 12.0, np.random.default_rng(1)) is None


def test_everybody_with_no_picture_beside_the_template_gives_nothing():
    assert with_templates(part_of([4, 4, 4]), 4, 12.0, np.random.default_rng(1)) is None


def test_templates_count_as_typical_whatever_their_pictures_are():
    made = with_templates(part_of([6, 6, 6]), 2, 12.0, np.random.default_rng(1))
    assert not np.any(made.norms[18:])


def test_sizes_that_too_few_people_have_are_not_measured():
    parts = {"calibrate": [part_of([5] * 40)], "report": [part_of([5] * 40, seed=1)]}
    assert [found.pictures for found in template_parts(parts, 12.0, 0)] == [2, 4]
    few = {"calibrate": [part_of([20] * 5)], "report": [part_of([20] * 5, seed=1)]}
    assert template_parts(few, 12.0, 0) == []


@pytest.mark.slow
def test_thresholds_have_the_rates_that_they_state_on_other_people():
    parts = {"calibrate": [part_of([9] * 60)], "report": [part_of([9] * 60, seed=1)]}
    work = Measuring(Parameters(), "photo", TermSources(), 100, 0, unstaged)
    found = measure_templates(METHODS["cosine"], work, template_parts(parts, 12.0, 0))
    assert [measured.calibration.pictures for measured in found] == list(SIZES[:3])
    for measured in found:
        seen = measured.observed[0]
        assert 1 / 3 < seen.fmr / 1e-2 < 3
        assert measured.people == 60
        rates = [measured.calibration.calibration.fmr_at_score(point.threshold).fmr for point in
                 measured.calibration.calibration.points]  # fmt: skip
        assert rates == pytest.approx([point.fmr for point in measured.calibration.calibration.points], rel=1e-9)
