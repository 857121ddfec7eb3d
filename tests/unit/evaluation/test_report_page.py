"""The page of a report: what it lists, draws and explains, and whose faces it holds."""

import io
import re
from base64 import b64decode
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from models.evaluation.evaluate_set import evaluate_set
from models.evaluation.measure import MeasureOptions
from models.evaluation.reliability import CheckedPoint, Reliability
from models.evaluation.report.html import to_html
from models.evaluation.report.report_document import Report, SetResult, StatedRates
from models.evaluation.report.thumbnails import SIDE, thumbnails_of
from models.labelled.labels import Labels
from models.labelled.rates.interval import Interval
from models.labelled.rates.people_needed import people_needed
from models.labelled.rates.rate_ratio import RateRatio
from models.labelled.rates.seen_strata import SeenRate, SeenStratum
from service.choices import Gates


@pytest.fixture
def report(people, system):
    """The report of one set of few people, by every method."""
    labelled = people(count=24, faces_each=4, spread=1.0, lost=[3], groups=[0, 1] * 12)
    pack = evaluate_set(labelled, [system(strength=0.5)], MeasureOptions(replicates=100, listed=3), pack=("tiny", "0"))
    made = SetResult(labelled.name, "photos", len(labelled), "all pairs", labelled.group_names, 0, (pack,))
    return Report("2025-01-02T03:04:05+00:00", "ida-verify 0", 100, 0, "", (made,))


def body_of(page):
    """The page without its contents list."""
    return page.decode().partition("<main>")[2]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_contents_lead_to_every_heading_and_tables_can_be_scrolled_by_keyboard(report):
    html = to_html(report).decode()

    headings = re.findall(r'<h[23] id="([^"]+)">', html)
    assert len(headings) == len(set(headings)) == len(re.findall(r"<h[23]\b", html)) > 8
    contents = html.partition("<nav")[2].partition("</nav>")[0]
    assert re.findall(r'href="#([^"]+)"', contents) == headings
    regions = re.findall(r'<div class="wide"([^>]*)>', html)
    assert len(regions) == html.count("<table>")
    assert all('tabindex="0"' in told and re.search(r'aria-label="[^"]{5,}"', told) for told in regions)


@pytest.mark.usefixtures("drawn_once")
@pytest.mark.slow
def test_few_methods_are_drawn_and_all_where_that_is_asked_for(report):
    few, everything = (body_of(to_html(report, all_curves=asked)) for asked in (False, True))

    det = [html.partition("Detection error trade-off")[2].partition("</svg>")[0] for html in (few, everything)]
    assert ["as-norm" in plot for plot in det] == [False, True]
    assert ["ida-r, a = 0.5" in plot for plot in det] == [True, True]
    # The tables have them all the same.
    assert all(html.count('<td class="name">as-norm</td>') > 3 for html in (few, everything))
    assert "--all-curves" in few
    assert "--all-curves" not in everything


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_rates_of_every_table_have_their_interval_and_those_of_few_false_matches_a_star(report):
    html = body_of(to_html(report))

    rates = report.sets[0].packs[0].methods[0].rates
    assert [rate.quality for rate in rates[:3]] == ["measured", "measured", "wide"]
    for title, shown in (("How many of one person", lambda x: x), ("The same as papers", lambda x: 1 - x)):
        table = html.partition(title)[2].partition("</table>")[0]
        row = table.partition(">cosine<")[2].partition("</tr>")[0]
        fnmr = rates[1].fnmr
        low, high = sorted((shown(fnmr.low), shown(fnmr.high)))
        assert f"[{100 * low:.2f}, {100 * high:.2f}]" in row
        assert f"{100 * shown(rates[2].fnmr.value):.2f}*" in row
        assert f"{100 * shown(fnmr.value):.2f}*" not in row
        key = html.partition(title)[2].partition("</table>")[2].partition("</dl>")[0]
        assert "<dt>*</dt>" in key
        assert "95 % interval" in key


@pytest.mark.slow
def test_no_colour_of_a_plots_text_or_axes_is_lost_on_a_dark_page(report):
    html = to_html(report).decode()

    style = html.partition("<style>")[2].partition("</style>")[0]
    light, dark = (
        set(re.findall(r"(--[\w-]+):", part)) for part in style.split("@media (prefers-color-scheme: dark)")[:2]
    )
    used = set(re.findall(r"var\((--[\w-]+)", html))
    assert used <= light
    assert used - {"--paper"} <= dark | {"--paper"}
    assert not re.search(r"(fill|stroke): #(000000|222222|333333|555555|ffffff)", html)


def test_people_needed_are_the_fewest_by_a_loop():
    for pairs, of_people in ((164_788, 1_770), (300, 300), (29, 10), (40_000_000, 900_000)):
        each = max(1, pairs / of_people)
        for need in people_needed(pairs, of_people):
            assert pairs * need.fmr < 30
            enough = [n * (n - 1) / 2 * each >= 30 / need.fmr for n in (need.people - 1, need.people)]
            alone = [n * (n - 1) / 2 >= 3 / need.fmr - 1e-6 for n in (need.bounded_by - 1, need.bounded_by)]
            assert enough == alone == [False, True]
    fmrs = [need.fmr for need in people_needed(164_788, 1_770)]
    assert fmrs == [1e-4, 1e-5, 1e-6]
    assert all(first > second for first, second in pairwise(fmrs))
    assert people_needed(10**9, 10**7) == ()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_thumbnails_are_small_tell_nothing_else_and_are_there_only_where_asked_for(report, tmp_path):
    root = tmp_path / "people"
    root.mkdir()
    named = Image.Exif()
    named[0x010E] = "where the person lives"
    names = {
        name
        for method in report.sets[0].packs[0].methods
        for pair in method.highest_non_mated
        for name in (pair.first, pair.second)
    }
    broken, *whole = sorted(names)
    for name in whole:
        Image.fromarray(np.full((600, 900, 3), 90, np.uint8)).save(root / name, exif=named)
    (root / broken).write_bytes(b"no picture")
    table = tmp_path / "faces.csv"
    table.write_text("subject,image\n" + "".join(f"{name},people/{name}\n" for name in sorted(names)), "utf-8")
    # As a set has them whose label file lies beside the folder.
    renamed = replace(report, sets=(replace(report.sets[0], packs=(_under(report.sets[0].packs[0], "people/"),)),))

    faces = thumbnails_of(renamed, (Labels(table),), None, Gates())

    assert {f"people/{name}" for name in whole} <= {name for _, name in faces}
    assert f"people/{broken}" not in {name for _, name in faces}
    for uri in faces.values():
        picture = Image.open(io.BytesIO(b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
        assert max(picture.size) == SIDE
        assert not picture.getexif()
    with_faces, without = to_html(renamed, faces).decode(), to_html(renamed).decode()
    assert f"holds {len(faces)} pictures of people" in with_faces
    assert with_faces.count("data:image/jpeg") == len(faces)
    shown = set(re.findall(r'<use href="#(face-\d+)"', with_faces))
    assert shown <= set(re.findall(r'<image id="(face-\d+)"', with_faces))
    assert len(shown) == len(faces)
    assert "data:image" not in without
    assert "<use" not in without.replace("<use xlink:href", "")


def _under(pack, folder):
    def moved(pairs):
        return tuple(replace(pair, first=folder + pair.first, second=folder + pair.second) for pair in pairs)

    return replace(
        pack,
        methods=tuple(
            replace(method, highest_non_mated=moved(method.highest_non_mated), lowest_mated=(), changes=None)
            for method in pack.methods
        ),
    )


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_pairs_of_one_person_that_score_lowest_are_listed(report):
    lowest = report.sets[0].packs[0].methods[0].lowest_mated

    assert len(lowest) == 3
    assert all(len(set(pair.identities)) == 1 for pair in lowest)
    assert [pair.cosine for pair in lowest] == sorted(pair.cosine for pair in lowest)
    assert "The lowest mated pairs" in to_html(report).decode()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_strata_and_costs_of_ratios_stand_in_the_page_with_their_intervals(report):
    pack = report.sets[0].packs[0]
    at = Interval(1e-3, 8e-4, 1.3e-3)
    point = CheckedPoint("fmr_1e-3", 0.5, 1e-3, at, at, 40, at, at, RateRatio(1.0, 0.8, 1.3), "as_stated")
    rates = tuple(SeenRate(fmr, 0.5, count, RateRatio(2.25, 1.5, 3.5), 0.1) for fmr, count in ((1e-2, 90), (1e-3, 9)))
    seen = SeenStratum("poor-good", 5000, 100, 4321, 60, rates)
    stated = StatedRates("default", "ida-r", Reliability("people", (point,), (1e-3,), (at,), (seen,)), "")
    made = replace(report.sets[0], packs=(replace(pack, stated=(stated,)),))

    html = body_of(to_html(replace(report, sets=(made,))))

    table = html.partition("observed over stated, by stratum")[2].partition("</table>")[0]
    row = re.sub(r"<[^>]+>", " ", table.partition(">poor-good</td>")[2].partition("</tr>")[0]).split()
    assert row == ["4,321", "2.25", "[1.5,", "3.5]", "2.25", "[1.5,", "3.5]", "*"]
    cost = pack.methods[0].likelihood
    assert f"{cost.min_cllr:.4f}" in html
    assert f"[{cost.min_cllr_interval.low:.4f}, {cost.min_cllr_interval.high:.4f}]" in html
