"""The page of a calibration says in words what was gained on people set aside, and what was not."""

import re
from dataclasses import replace

import numpy as np
import pytest
from vectors import to_unit

from models.calibration.calibration_run import CalibrationOptions, calibrate
from models.calibration.gained import FormerPoint, Gained, gains
from models.calibration.gained_words import gained_sentences, not_gained_sentences
from models.labelled.exclusions import Exclusions
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.rates.interval import Interval
from models.labelled.rates.observed import ObservedRates
from models.labelled.rates.threshold_rates import threshold_at
from service.bundle.anchors_part import Anchors
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


@pytest.fixture(scope="module")
def found():
    """Made-up people, calibrated with the parameters that the bundle has."""
    random = np.random.default_rng(3)
    identities = np.repeat(np.arange(90), 5)
    faces = to_unit(random.standard_normal((90, 24))[identities] + 0.7 * random.standard_normal((450, 24)))
    labelled = LabelledFaces(
        name="visitors",
        embeddings=faces,
        norms=np.zeros(450, np.float32),
        detected=np.ones(450, dtype=bool),
        identities=identities,
        identity_names=tuple(map(str, range(90))),
        images=tuple(f"{row}.jpg" for row in range(450)),
        input_form="photo",
        identities_stated=True,
        rejected=("",) * 450,
    )
    anchors = Anchors.from_stored(to_unit(random.standard_normal((100, 24))), "backbone")
    sources = TermSources(TermFinder(anchors, FaissSearch(anchors)))
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
    former = FormerPoint("ida-r", point.name, point.fmr, replace(seen, fmr=0.3, fmr_low=0.2, fmr_high=0.4))
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


def _seeing(found, seen: ObservedRates):
    measured = [replace(one, observed=[seen, *one.observed[1:]]) for one in found.measured]
    return replace(found, measured=measured)
