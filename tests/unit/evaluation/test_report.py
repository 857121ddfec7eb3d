"""The report: its JSON, its tables and its HTML say what was measured."""

import io
import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from pydantic import TypeAdapter
from rich.console import Console
from vectors import to_unit

from models.evaluation.asked_ablation import parse
from models.evaluation.evaluate_set import evaluate_set
from models.evaluation.measure import MeasureOptions
from models.evaluation.method_rates import FnmrAtFmr
from models.evaluation.report.html import to_html
from models.evaluation.report.report_document import Report, SetResult, to_json
from models.evaluation.report.terminal import show
from models.evaluation.report.words import interval_text, judged, verdict
from models.labelled.exclusions import SetExclusions
from models.labelled.rates.interval import Interval
from models.labelled.rates.measured import fmr_name
from models.pages.number_words import percent, rate_text
from service.scoring.calibration import Calibrations, FmrCurve, MethodCalibration, OperatingPoint
from service.scoring.methods import METHODS
from service.scoring.parameters import Parameters
from service.scoring.population import MeasureLimit, PopulationLimits

pytestmark = pytest.mark.slow

BACKBONE = "0" * 16


@pytest.fixture
def report(people):
    """Return a maker of the report of one set."""

    def make(systems, *, exclusions=None, labelled=None, **options):
        labelled = labelled or people(count=24, faces_each=4, spread=1.0, lost=[3], groups=[0, 1] * 12)
        pack = evaluate_set(
            labelled,
            systems,
            MeasureOptions(**{"replicates": 100, "listed": 3, **options}),
            pack=("tiny", BACKBONE),
            exclusions=exclusions,
        )
        result = SetResult(labelled.name, "photos", len(labelled), "all pairs", labelled.group_names, 1, (pack,))
        return Report("2025-01-02T03:04:05+00:00", "ida-verify 0", 100, 0, "", (result,))

    return make


def page(report, **shown):
    return to_html(report, **shown).decode()


def text_of(html):
    """The visible text of a page, its blanks made single."""
    parts = []

    class Reader(HTMLParser):
        hidden = 0

        def handle_starttag(self, tag, attrs):
            self.hidden += tag in ("style", "script")

        def handle_endtag(self, tag):
            self.hidden -= tag in ("style", "script")

        def handle_data(self, data):
            if not self.hidden:
                parts.append(data)

    Reader().feed(html)
    return re.sub(r"\s+", " ", " ".join(parts))


def test_every_method_stands_beside_the_cosine(report, system):
    found = report([system(strength=0.5)])

    methods = found.sets[0].packs[0].methods
    assert [method.label for method in methods] == [
        "cosine",
        "ida-r, a = 0.5",
        "ida-r, a = 1",
        "csls",
        "s-norm",
        "as-norm",
    ]
    assert methods[0].changes is None
    assert all(method.changes is not None for method in methods[1:])
    assert methods[2].parameters["strength"] == 1.0
    assert all(rate.gain is None for rate in methods[0].rates)


def test_json_has_all_and_reads_back_as_it_was(report, system):
    found = report([system()], ablations=(parse("k=1,5"),))

    content = to_json(found)

    assert TypeAdapter(Report).validate_json(content) == found
    plain = json.loads(content)["sets"][0]["packs"][0]
    assert plain["failures"] == {"no_face": 1}
    assert plain["lost_mated_pairs"] == 3
    assert plain["methods"][0]["rates"][0]["fmr"] == 0.1
    assert [point["value"] for point in plain["ablations"][0]["points"]] == [1.0, 5.0]


def test_page_shows_the_figures_and_needs_nothing_besides_itself(report, system):
    found = report([system()], ablations=(parse("tau=1,4"),))

    html = page(found)

    text = text_of(html)
    for method in found.sets[0].packs[0].methods:
        assert method.label in text
        assert percent(method.rates[0].fnmr.value) in text
    assert "96 photos of 24 people (1 without a face: no_face 1; 3 mated pairs lost" in text
    assert "too few pairs" in text
    assert "the bundle is not calibrated" in text
    assert not re.search(r"<(script|link|img|iframe)\b", html)
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", html)
    assert "url(http" not in html


@pytest.mark.usefixtures("drawn_once")
def test_plots_are_well_formed_and_keep_their_text(report, system):
    html = page(report([system()], ablations=(parse("anchors=10"), parse("strength=0,1"))), all_curves=True)

    plots = re.findall(r"<svg.*?</svg>", html, re.DOTALL)

    assert len(plots) == 4 + 1 + 2
    for plot in plots:
        ElementTree.fromstring(plot)
    assert any("FNMR" in plot and "as-norm" in plot for plot in plots)


def sure_of(bundle, threshold=0.0):
    """A bundle that states a rate of 1e-3 for a cosine, by default one that every other pair reaches."""
    point = OperatingPoint("fmr_1e-3", 1e-3, threshold, "measured", 1e-4, 0.9, 0.1, 0.0, 0.2, 10, 1000, 100, 20, 190)
    curve = FmrCurve(np.array([-1.0, 1.0]), np.array([0.0, -6.0]), np.array([-0.1, -6.1]), np.array([0.0, -5.9]), 1e-3)
    calibration = MethodCalibration("cosine", Parameters(), "photo", curve, (point,))
    calibrated = replace(bundle.bundle, calibrations=Calibrations("made-up people", (calibration,), BACKBONE))
    return replace(bundle, bundle=calibrated)


def shown_in_terminal(report):
    console = Console(file=io.StringIO(), width=200)
    show(report, console)
    return " ".join(console.file.getvalue().split())


@pytest.mark.usefixtures("drawn_once")
@pytest.mark.parametrize("people_in", [[1, 2], [2, 2], [1, 1, 1, 2], [3, 3, 3], [2] * 8])
def test_smallest_sets_are_reported_in_full(report, system, people, people_in):
    identities = np.repeat(np.arange(len(people_in)), people_in)
    rows = np.random.default_rng(1).standard_normal((len(identities), 12))
    labelled = people(
        count=len(people_in),
        identities=identities,
        embeddings=to_unit(rows),
        norms=np.zeros(len(identities), np.float32),
        detected=np.ones(len(identities), bool),
        images=tuple(map(str, identities)),
        rejected=("",) * len(identities),
    )

    found = report([sure_of(system())], labelled=labelled, ablations=(parse("k=1,5"),))

    assert "Stated against observed" in text_of(page(found)) or "stated FMR" in text_of(page(found))
    assert "nan" not in to_json(found).decode().lower()
    assert "fmr_1e-3" in shown_in_terminal(found)


@pytest.mark.usefixtures("undrawn")
def test_rate_that_is_many_times_the_stated_one_cannot_be_read_as_agreement(report, system):
    found = report([sure_of(system())])

    point = found.sets[0].packs[0].stated[0].reliability.points[0]
    assert point.ratio.value > 100
    ratio = f"{point.ratio.value:,.0f} [{point.ratio.low:,.0f}, {point.ratio.high:,.0f}]"
    for said in (shown_in_terminal(found), text_of(page(found))):
        assert ratio in said
        assert "higher than stated" in said
        assert "agrees" not in said
    told = json.loads(to_json(found))["sets"][0]["packs"][0]["stated"][0]["reliability"]["points"][0]
    assert (told["verdict"], told["ratio"]["value"]) == ("higher", point.ratio.value)


@pytest.mark.usefixtures("undrawn")
def test_reversed_labels_are_told_in_a_sentence(report, system, people):
    labelled = people(count=24, faces_each=4, spread=0.4)
    # Whoever was one person is now four, each of one face, and strangers are one.
    reversed_labels = replace(labelled, identities=np.tile(np.arange(24), 4))

    found = report([system()], labelled=reversed_labels)

    sure = report([system("other")], labelled=labelled)
    assert found.sets[0].packs[0].methods[0].equal_error_rate > 0.5
    for said in (shown_in_terminal(found), text_of(page(found)), to_json(found).decode()):
        assert "as if the labels were reversed" in said
    for said in (shown_in_terminal(sure), text_of(page(sure)), to_json(sure).decode()):
        assert "reversed" not in said


@pytest.mark.usefixtures("drawn_once")
def test_names_from_label_files_cannot_become_markup(report, system, people):
    hostile = "<script>alert(1)</script>"
    labelled = people(
        count=24,
        faces_each=4,
        spread=1.5,
        images=tuple(f"{hostile}{n}" for n in range(96)),
        name=hostile,
        groups=[0] * 24,
        group_names=(hostile,),
    )

    html = page(report([system()], labelled=labelled))

    assert hostile not in html
    assert "&lt;script&gt;" in html


def test_page_of_equal_results_is_equal(report, system):
    found = report([system()])

    assert to_html(found) == to_html(found)


def test_terminal_shows_rates_gains_and_groups(report, system):
    found = report([system()])
    console = Console(file=io.StringIO(), width=100)

    show(found, console)

    shown = console.file.getvalue()
    cosine = found.sets[0].packs[0].methods[0]
    assert percent(1 - cosine.rates[0].fnmr.value) in shown
    assert "group 0" in shown
    assert "Rank-1" in shown
    assert "The smallest measured FMR is 1e-2" in shown


def test_terminal_shows_each_groups_interval_and_which_group_is_too_small(report, system, people):
    found = report([system()], labelled=people(count=30, faces_each=4, spread=1.0, groups=[0] * 26 + [1] * 4))
    console = Console(file=io.StringIO(), width=80)

    show(found, console)

    shown = console.file.getvalue()
    groups = found.sets[0].packs[0].methods[0].groups[0]
    for row in groups.rows:
        assert f"{rate_text(row.fmr.low)} to {rate_text(row.fmr.high)}" in shown
        assert f"{percent(row.fnmr.low)} to {percent(row.fnmr.high)}" in shown
    large, small = shown[shown.index("group 0 (26 people)") :].split("group 1 (4 people)")
    assert "too few" not in large
    assert "too few" in small.partition("too few: ")[0]
    assert "cannot show a group below 1e-2" in " ".join(shown.split())


@pytest.mark.usefixtures("undrawn")
def test_several_bundles_stand_in_one_table(report, system):
    found = report([system("one"), system("two", seed=9)])

    methods = found.sets[0].packs[0].methods
    assert [method.bundle for method in methods] == [None, *["one"] * 4, *["two"] * 4]
    assert "csls (two)" in text_of(page(found))


def test_results_with_and_without_exclusions_are_both_given(report, system, people):
    labelled = people(count=24, faces_each=4, spread=1.0)
    # Two "people" who are one: every pair of theirs is a false match of the labels' making.
    same = labelled.embeddings.copy()
    same[4:8] = same[0:4]
    labelled = replace(labelled, embeddings=same)
    exclusions = SetExclusions(np.zeros(96, dtype=bool), np.empty((0, 2), np.int64), np.array([[0, 1]]))

    found = report([system()], labelled=labelled, exclusions=exclusions).sets[0].packs[0]

    assert found.non_mated_pairs == 96 * 95 // 2 - 24 * 6 - 16
    assert found.unexcluded[0].non_mated_pairs == 96 * 95 // 2 - 24 * 6
    assert len(found.unexcluded) == len(found.methods)
    assert found.methods[0].rates[1].fnmr.value < found.unexcluded[0].rates[1].fnmr.value


def test_identification_can_be_left_out(report, system):
    methods = report([system()], ranks=False).sets[0].packs[0].methods

    assert all(method.identification is None for method in methods)


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (Interval(0.1, 0.02, 0.2), "better"),
        (Interval(-0.1, -0.2, -0.01), "worse"),
        (Interval(0.1, 0.0, 0.2), "level"),
        (Interval(0.1), "unknown"),
        (None, "unknown"),
    ],
)
def test_verdict_needs_the_whole_interval_on_one_side(gain, said):
    assert verdict(FnmrAtFmr(1e-3, "measured", 0.5, Interval(0.1), gain)) == said


def test_sentence_names_the_rates_at_which_a_method_is_better(report, system):
    methods = report([system()]).sets[0].packs[0].methods
    better = replace(
        methods[1],
        rates=(
            replace(methods[1].rates[0], fnmr=Interval(0.05), gain=Interval(0.1, 0.05, 0.2)),
            replace(methods[1].rates[1], gain=Interval(0.0, -0.1, 0.1)),
            *methods[1].rates[2:],
        ),
    )
    cosine = replace(methods[0], rates=(replace(methods[0].rates[0], fnmr=Interval(0.15)), *methods[0].rates[1:]))

    said = judged(better, cosine)

    assert said.startswith("better than the cosine at FMR 1e-1 (FNMR 5.00 % instead of 15.00 %)")
    assert "within the noise of the cosine at FMR 1e-2" in said


def test_numbers_are_written_as_people_read_them():
    assert [fmr_name(value) for value in (1e-1, 1e-6, 3e-4)] == ["1e-1", "1e-6", "3e-4"]
    assert [rate_text(value) for value in (0.0, 1.0, 2.13e-5)] == ["0", "1.0", "2.1e-5"]
    assert interval_text(Interval(0.01234, 0.01, 0.02)) == "1.23 [1.00, 2.00]"
    assert interval_text(Interval(0.01), signed=True) == "+1.00"


def limited(bundle, limit):
    """The bundle of ``sure_of``, with a limit on the norm."""
    sure = sure_of(bundle)
    parameters = bundle.bundle.manifest.parameters
    norm = MeasureLimit(limit=limit, share=0.1, quantiles={"0.5": 3.0}, faces=10)
    limits = PopulationLimits(parameters.k, parameters.tau, parameters.guard, {"norm": norm})
    calibrations = replace(sure.bundle.calibrations, limits={"photo": limits})
    return replace(sure, bundle=replace(sure.bundle, calibrations=calibrations))


@pytest.mark.usefixtures("undrawn")
def test_decisions_by_a_bundles_limits_are_counted_and_stated_rates_compared_within_them(report, system, people):
    norms = np.random.default_rng(4).uniform(2, 4, 40).astype(np.float32)
    labelled = people(count=10, faces_each=4, lost=[3], norms=norms, spread=1.0)

    found = report([limited(system(), 2.5)], labelled=labelled)

    stated = found.sets[0].packs[0].stated[0]
    counts = {same: dict.fromkeys(("match", "inconclusive", "non_match", "lost"), 0) for same in (True, False)}
    within = 0
    for i in range(40):
        for j in range(i + 1, 40):
            same = bool(labelled.identities[i] == labelled.identities[j])
            if 3 in (i, j):
                counts[same]["lost"] += same
                continue
            reaches = labelled.embeddings[i] @ labelled.embeddings[j] >= 0
            doubted = min(norms[i], norms[j]) < 2.5
            counts[same]["non_match" if not reaches else "inconclusive" if doubted else "match"] += 1
            within += reaches and not doubted and not same
    (point,) = stated.decided
    assert (asdict(point.mated), asdict(point.non_mated)) == (counts[True], counts[False])
    assert stated.reliability.points[0].false_matches == within == counts[False]["match"]
    assert stated.limits == {"norm": 2.5}
    for shown in (shown_in_terminal(found), text_of(page(found))):
        assert "norm at least 2.5" in shown
        assert "inconclusive" in shown


def test_bundle_without_limits_has_no_table_of_decisions(report, system):
    found = report([sure_of(system())])

    assert found.sets[0].packs[0].stated[0].decided == ()
    assert "inconclusive" not in shown_in_terminal(found)


def test_bundle_whose_limits_leave_nothing_to_compare_says_so(report, system, people):
    labelled = people(count=5, norms=np.ones(20, np.float32))

    stated = report([limited(system(), 2.5)], labelled=labelled).sets[0].packs[0].stated[0]

    assert stated.reliability is None
    assert "nothing can be measured" in stated.reason


@pytest.mark.usefixtures("undrawn")
def test_error_against_discard_is_told_where_norms_are_known(report, people, system):
    norms = np.random.default_rng(3).uniform(1.5, 4, 96).astype(np.float32)
    labelled = people(count=24, faces_each=4, spread=1.0, norms=norms)

    found = report([system()], labelled=labelled)

    discard = found.sets[0].packs[0].methods[0].error_discard
    html = page(found)
    for said in (shown_in_terminal(found), text_of(html)):
        assert "left out" in said
        assert percent(discard.points[6].fnmr.value) in said
        assert interval_text(discard.gone) in said
    assert len(re.findall(r"<svg.*?</svg>", html, re.DOTALL)) == 4
    told = json.loads(to_json(found))["sets"][0]["packs"][0]["methods"][0]["error_discard"]
    assert [point["discarded"] for point in told["points"]][6] == 0.2
    assert "left out" not in shown_in_terminal(report([system("others")]))


@pytest.mark.usefixtures("drawn_once")
def test_operating_points_are_marked_where_they_lie_among_all_pairs(report, system):
    found = report([sure_of(system(), threshold=0.4)])

    (stated,) = [stated for stated in found.sets[0].packs[0].stated if stated.reliability]
    (point,), (mark,) = stated.reliability.points, stated.marks
    assert mark.name == point.name
    assert mark.fmr == pytest.approx(point.observed_fmr.value)
    assert mark.fnmr == pytest.approx(point.observed_fnmr.value)
    det = page(found).partition("Detection error trade-off")[2].partition("</svg>")[0]
    assert f">{point.name.removeprefix('fmr_')}<" in det


@pytest.mark.usefixtures("drawn_once")
def test_fmr_by_pairs_of_groups_and_cost_of_the_scores_are_shown(report, system):
    found = report([system()])

    pack = found.sets[0].packs[0]
    shown = page(found)
    text = text_of(shown)
    assert "log10 of the FMR of strangers of each two groups" in text
    for method in pack.methods:
        assert f"{method.likelihood.min_cllr:.4f}" in text
    # Ratios are stated by none of these methods.
    assert "Whether stated log-likelihood ratios hold here" not in text
    cell = pack.methods[0].groups[0].pairs[1]
    assert (cell.first, cell.second) == ("group 0", "group 1")
    assert f"{np.log10(cell.fmr):.1f}".replace("-", "\u2212") in shown or f"{np.log10(cell.fmr):.1f}" in shown
    assert "min Cllr" in shown_in_terminal(found)


@pytest.mark.usefixtures("drawn_once")
def test_stated_ratios_are_drawn_against_observed_ones(report, system, monkeypatch):
    told = replace(METHODS["cosine"], tells_llr=True)
    monkeypatch.setattr("models.evaluation.evaluate_set.METHODS", {**METHODS, "cosine": told})
    found = report([system()])

    cost = found.sets[0].packs[0].methods[0].likelihood
    assert cost.cllr > cost.min_cllr
    text = text_of(page(found))
    assert "Whether stated log-likelihood ratios hold here" in text
    assert f"{cost.cllr:.4f}" in text
