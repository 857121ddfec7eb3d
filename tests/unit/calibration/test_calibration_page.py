"""The page of a calibration says in words what was gained on people set aside, and what was not."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from vectors import to_unit

from models.calibration.calibration_page import calibration_page
from models.calibration.calibration_run import CalibrationOptions, calibrate
from models.calibration.gained import FormerPoint, Gained, former_points, gains
from models.calibration.gained_words import gained_sentences, not_gained_sentences
from models.calibration.splits import part_people
from models.labelled.exclusions import Exclusions
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.rates.interval import Interval
from models.labelled.rates.observed import ObservedRates
from models.labelled.rates.threshold_rates import threshold_at
from models.pages.number_words import percent
from service.bundle.anchors_part import Anchors
from service.scoring.calibration import Calibrations
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.snapshot.term_sources import TermSources

pytestmark = pytest.mark.slow


def gained(low, value, high, fmr=1e-2):
    return Gained(
        "visitors",
        "ida-r",
        fmr,
        Interval(0.10, 0.08, 0.12),
        Interval(0.10 - value, 0.05, 0.11),
        Interval(value, low, high),
    )


def visitors(norms):
    """Made-up people, and anchors beside them."""
    random = np.random.default_rng(3)
    identities = np.repeat(np.arange(90), 5)
    faces = to_unit(random.standard_normal((90, 24))[identities] + 0.7 * random.standard_normal((450, 24)))
    labelled = LabelledFaces(
        name="visitors",
        embeddings=faces,
        norms=norms.astype(np.float32),
        detected=np.ones(450, dtype=bool),
        identities=identities,
        identity_names=tuple(map(str, range(90))),
        images=tuple(f"{row}.jpg" for row in range(450)),
        input_form="photo",
        identities_stated=True,
        rejected=("",) * 450,
    )
    anchors = Anchors.from_stored(to_unit(random.standard_normal((100, 24))), "backbone")
    return labelled, TermSources(TermFinder(anchors, FaissSearch(anchors)))


@pytest.fixture(scope="module")
def found():
    """The same people, calibrated with the parameters that the bundle has."""
    labelled, sources = visitors(np.zeros(450))
    options = CalibrationOptions(grid=None, replicates=100, methods=("cosine", "ida-r"))
    return calibrate([labelled], sources, Parameters(strength=0.5), "ida-r", Exclusions.none(), options)


@pytest.mark.parametrize(
    ("one", "better", "said"),
    [
        (
            gained(0.01, 0.03, 0.05),
            True,
            "of one person's pairs ida-r rejects 7.00 % [5.00, 11.00] in place of the cosine's 10.00 % [8.00, 12.00]: "
            "+3.00 [+1.00, +5.00] points fewer",
        ),
        (gained(-0.01, 0.01, 0.03), False, "no difference can be told from chance (+1.00 [-1.00, +3.00] points)"),
        (gained(-0.05, -0.03, -0.01), False, "ida-r is worse, -3.00 [-5.00, -1.00] points"),
    ],
)
def test_gain_is_one_only_where_its_whole_interval_is(found, one, better, said):
    yes, no = " ".join(gained_sentences(found, [one], [])), " ".join(not_gained_sentences(found, [one]))

    assert (said in yes, said in no) == (better, not better)


def test_promise_that_was_broken_and_holds_now_is_told_from_what_to_what(found):
    measured = next(one for one in found.measured if one.calibration.method == "ida-r")
    point, seen = measured.calibration.points[0], measured.observed[0]
    broken = replace(seen, fmr=0.3, fmr_low=0.2, fmr_high=0.4)
    former = FormerPoint("ida-r", point.name, point.fmr, broken, measured.decided[0])
    holds = replace(seen, fmr=point.fmr, fmr_low=0.9 * point.fmr, fmr_high=1.1 * point.fmr)
    fails = replace(seen, fmr=0.2, fmr_low=0.1, fmr_high=0.3)

    told = [" ".join(gained_sentences(_seeing(found, now), [], [former])) for now in (holds, fails)]

    assert (
        f"{point.name}: as the bundle was, 3.0e-1 [2.0e-1, 4.0e-1] of the pairs of two people passed, 30 [20, 40] times"
        in told[0]
    )
    assert "as the bundle was" not in told[1]
    assert f"{point.name} does not hold on the people set aside" in " ".join(
        not_gained_sentences(_seeing(found, fails), [])
    )


def test_rates_too_small_for_these_people_are_named_with_how_many_it_takes(found):
    said = " ".join(not_gained_sentences(found, []))

    points = found.measured[0].calibration.points
    for point in points:
        assert (point.name in said) == (point.quality != "measured")
    assert re.search(r"FMR 1e-\d is measured from [\d,]+ pairs of two people .*: [\d,]+ people there", said)


def test_gain_is_the_difference_of_both_methods_on_the_people_set_aside(found):
    told = gains(found, 100, 0)

    part = found.parts["report"][0]
    rates = {}
    for name in ("cosine", "ida-r"):
        compared = part.compare_by(METHODS[name], found.parameters, found.sources)
        limit = threshold_at(compared, 1e-2)
        rates[name] = (np.sum(compared.mated_scores < limit) + compared.failed.sum()) / compared.mated
    one = next(one for one in told if one.fmr == 1e-2 and one.method == "ida-r")
    assert one.cosine.value == pytest.approx(rates["cosine"])
    assert one.fnmr.value == pytest.approx(rates["ida-r"])
    assert one.gain.value == pytest.approx(rates["cosine"] - rates["ida-r"])
    assert one.gain.low <= one.gain.value <= one.gain.high


def calibrated_by(limit):
    """The people, whose norms are known, calibrated with a share of them beyond the limit of norms."""
    labelled, sources = visitors(np.random.default_rng(4).uniform(5, 15, 450))
    limits = {"norm": limit, "crowding": 0.0}
    options = CalibrationOptions(grid=None, replicates=100, methods=("cosine",), limits=limits)
    return labelled, sources, calibrate([labelled], sources, Parameters(), "cosine", Exclusions.none(), options)


def served_as(found):
    """The bundle that a calibration gave, as far as it is asked here."""
    calibrations = Calibrations(
        "visitors", tuple(one.calibration for one in found.measured), "p" * 16, limits={"photo": found.limits}
    )
    manifest = SimpleNamespace(parameters=found.parameters, default_method=found.method)
    return SimpleNamespace(calibrations=calibrations, manifest=manifest)


def test_bundle_as_it_was_is_judged_by_its_own_limits_and_what_the_new_ones_cost_is_said():
    _, _, before = calibrated_by(0.01)
    labelled, sources, now = calibrated_by(0.2)

    told = former_points(now, served_as(before), sources, "p" * 16, 100, 0)

    limit = before.limits.measures["norm"].limit
    rows = part_people(labelled, CalibrationOptions().shares, 0)[2]
    for place, point in enumerate(before.measured[0].calibration.points):
        counted = {"match": 0, "inconclusive": 0, "non_match": 0}
        for one, i in enumerate(rows):
            for j in rows[one + 1 :]:
                if labelled.identities[i] == labelled.identities[j]:
                    reaches = float(labelled.embeddings[i] @ labelled.embeddings[j]) >= point.threshold
                    poor = labelled.norms[i] < limit or labelled.norms[j] < limit
                    counted["non_match" if not reaches else "inconclusive" if poor else "match"] += 1
        decided = told[place].decided.mated
        assert {name: getattr(decided, name) for name in counted} == counted
        assert told[place].seen.fnmr == pytest.approx(1 - counted["match"] / sum(counted.values()))
    more = now.measured[0].decided[0].mated.inconclusive
    assert more > told[0].decided.mated.inconclusive
    said = " ".join(not_gained_sentences(now, [], told))
    assert (
        f"by the new limits {more:,} and not {told[0].decided.mated.inconclusive:,} of "
        f"{now.measured[0].decided[0].mated.pairs:,} pairs of one person are inconclusive" in said
    )
    page = calibration_page(
        now, CalibrationOptions(), bundle_id="b", population="visitors", created="today", former=told
    ).decode()
    beyond = sum(
        1
        for row in part_people(labelled, CalibrationOptions().shares, 0)[1]
        if labelled.norms[row] < now.limits.measures["norm"].limit
    )
    assert f"<td>20.00</td><td>{beyond}</td><td>{now.limits.measures['norm'].faces}</td>" in page
    former = page[page.index("The bundle as it was, on the same people") :]
    assert f"<td>{percent(told[0].decided.mated.share('inconclusive'))}</td>" in former


def test_limits_that_cost_nothing_more_are_not_told_as_a_loss():
    _, sources, found = calibrated_by(0.1)

    told = former_points(found, served_as(found), sources, "p" * 16, 100, 0)

    assert [one.decided for one in told] == list(found.measured[0].decided)
    assert "inconclusive" not in " ".join(not_gained_sentences(found, [], told))


def test_former_limits_that_leave_no_pairs_leave_out_that_comparison_alone():
    _, sources, found = calibrated_by(0.1)
    former = served_as(found)
    beyond_all = replace(found.limits, measures={"norm": replace(found.limits.measures["norm"], limit=1e9)})
    former.calibrations = replace(former.calibrations, limits={"photo": beyond_all})

    assert former_points(found, former, sources, "p" * 16, 100, 0) == ()


def _seeing(found, seen: ObservedRates):
    measured = [replace(one, observed=[seen, *one.observed[1:]]) for one in found.measured]
    return replace(found, measured=measured)
