"""The paper's claims, judged in made worlds whose truth is known."""

import json
import re

import numpy as np
import pytest
import typer
from fakes import fake_pipeline
from pydantic import TypeAdapter
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.commands import paper as paper_module
from models.evaluation.contrasts import Contrast
from models.evaluation.paper.paper_document import PaperReport, alike, better, paper_to_json
from models.evaluation.tenfold import FOLDS, drawn_folds
from models.labelled.rates.interval import Interval
from service.scoring.parameters import Parameters
from service.settings import Settings

pytestmark = pytest.mark.slow

DIMENSION, PEOPLE, EACH, ANCHORS = 32, 72, 4, 300
PLACES = (
    *("Table 1", "Table 2", "Table 3", "Table 4", "Table 5"),
    *("Fig. 1 and 4", "Fig. 2a", "Fig. 2b", "Fig. 3", "Fig. 5", "Fig. 6a", "Fig. 6b", "Fig. 7", "Fig. 8", "Fig. 9"),
    "Fig. 10",
)


def crowded(count, generator):
    """People of whom every other one lies in one crowd."""
    crowd = np.eye(DIMENSION)[0]
    people = to_unit(generator.standard_normal((count, DIMENSION)))
    people[::2] = to_unit(crowd + 0.9 * people[::2])
    return people


def even(count, generator):
    """People without any structure."""
    return to_unit(generator.standard_normal((count, DIMENSION)))


@pytest.fixture(scope="module")
def paper_of(tmp_path_factory):
    """Return a maker of what the command tells and writes of a made world; its model pack is a fake one."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(paper_module.paper_command)

    def run(draw, *further, code=0, page=False):
        folder = tmp_path_factory.mktemp("world")
        pipeline = fake_pipeline(Settings(home=folder))
        data, bundle = made(draw, folder, pipeline)
        files = ["--json", folder / "paper.json", *(["--html", folder / "paper.html"] if page else [])]
        arguments = ["--data", f"made={data}", "--bundle", bundle, "--replicates", 100, *files, *further]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(paper_module, "load_pipeline", lambda _: pipeline)
            told = CliRunner().invoke(app, [str(data if argument == "DATA" else argument) for argument in arguments])
        assert told.exit_code == code, told.output
        shown = " ".join(told.output.split())
        if code:
            return shown, {}, ""
        return shown, json.loads(files[1].read_bytes()), (folder / "paper.html").read_text() if page else ""

    return run


def made(draw, folder, pipeline, seed=3):
    """Write labelled faces and a bundle of anchors, both drawn from one world."""
    generator = np.random.default_rng(seed)
    identities = np.repeat(np.arange(PEOPLE), EACH)
    # Strangers in the crowd are as like as the faces of one person outside it.
    noise = np.where(identities % 2 == 0, 0.4, 0.8) if draw is crowded else np.ones(len(identities))
    faces = draw(PEOPLE, generator)[identities] + noise[:, None] * even(len(identities), generator)
    data, bundle = folder / "data.npz", folder / "anchors"
    np.savez(data, embeddings=faces.astype(np.float32), identities=np.array([f"p{n}" for n in identities]))
    facts = NewBundle(
        backbone_id=pipeline.backbone_id,
        pipeline_id=pipeline.pipeline_id,
        parameters=Parameters(k=10, strength=0.5),
        default_method="ida-r",
        provenance={"set": {"asked": {"shared": "none"}}},
        created_by="test",
    )
    create_bundle(bundle, to_unit(draw(ANCHORS, generator)).astype(np.float32), facts, pipeline.embed)
    return data, bundle


@pytest.fixture(scope="module")
def crowd(paper_of):
    """What the command tells, its JSON and its page, where every other person lies in a crowd."""
    return paper_of(crowded, page=True)


def verdicts(found, place, title=""):
    """The verdicts on a place's claims by form."""
    return {
        verdict["form"]: verdict["verdict"]
        for claim in found["claims"]
        if claim["place"] == place and title in claim["title"]
        for verdict in claim["verdicts"]
    }


def test_every_table_and_figure_is_named_and_what_was_not_tried_says_why(crowd):
    shown, found, page = crowd

    assert {claim["place"] for claim in found["claims"]} >= set(PLACES)
    for claim in found["claims"]:
        assert claim["says"]
        assert bool(claim["verdicts"]) != bool(claim["not_tried"])
    for place in PLACES:
        assert place in shown
        assert f">{place}<" in page
    assert "no bundle has a PFE head" in shown
    assert "their pictures are given out by licence" in page
    assert len(re.findall("<svg", page)) >= 8
    assert not re.search(r"<(script|link|img|iframe)\b", page)
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", page)


def test_claims_hold_where_anchors_tell_the_density(crowd):
    _, found, _ = crowd

    assert verdicts(found, "Table 1", "IDA-R against") == {"paper": "holds", "tuned": "holds"}
    assert verdicts(found, "Table 2", "IDA-R")["paper"] == "holds"
    assert verdicts(found, "Table 4", "fake-db")["paper"] == "holds"
    assert verdicts(found, "Fig. 10")["paper"] == "holds"


def test_claims_do_not_hold_in_a_world_without_structure(paper_of):
    _, found, _ = paper_of(even)

    for place, title in (("Table 1", "IDA-R against"), ("Table 2", "IDA-R"), ("Table 3", "IDA-R"), ("Fig. 10", "")):
        assert set(verdicts(found, place, title).values()) <= {"untold", "does_not"}, place
    # Directions drawn evenly have no near neighbours: the curve of similarities is no L.
    assert verdicts(found, "Fig. 3") == {"any": "does_not"}


def test_kinds_of_anchors_stand_beside_each_other_and_people_of_the_data_are_left_out(paper_of, tmp_path):
    generator = np.random.default_rng(9)
    # The first twelve are people of the data, by names that are written otherwise.
    names = [f"P{n}" if n < 12 else f"stranger {n}" for n in range(200)]
    real, weights = tmp_path / "real.npz", tmp_path / "weights.npy"
    np.savez(real, embeddings=crowded(200, generator).astype(np.float32), identities=np.array(names))
    np.save(weights, (3 * crowded(150, generator)).astype(np.float32))

    shown, found, _ = paper_of(crowded, "--real-db", real, "--class-weights", weights)

    kinds = {kind["kind"]: kind for kind in found["kinds"]}
    anchors = {name: kind["anchors"] for name, kind in kinds.items()}
    assert anchors == {"fake-db": ANCHORS, "real-db": 188, "class weights": 150}
    assert "12 people were left out" in shown
    for kind in kinds:
        assert verdicts(found, "Table 4", kind)["paper"] == "holds"
    between = next(claim for claim in found["claims"] if claim["title"] == "one kind of anchors against another")
    compared = {finding["what"] for verdict in between["verdicts"] for finding in verdict["findings"]}
    assert compared == {"real-db against fake-db", "class weights against fake-db"}
    bundles = {one["name"]: one["parameters"] for one in found["evaluation"]["sets"][0]["packs"][0]["bundles"]}
    assert bundles["real-db"] == bundles["class-weights"] == bundles["anchors"]


def test_real_anchors_that_are_all_in_the_data_are_refused(paper_of):
    shown, _, _ = paper_of(even, "--real-db", "DATA", code=1)

    assert "Everybody in" in shown


def test_gains_are_those_that_evaluate_tells_and_the_json_reads_back(crowd):
    shown, found, page = crowd

    pack = found["evaluation"]["sets"][0]["packs"][0]
    contrasts = [TypeAdapter(Contrast).validate_python(contrast) for contrast in pack["contrasts"]]
    plain = next(c for c in contrasts if (c.method, c.form, c.against) == ("ida-r", "paper", "cosine"))
    method = next(m for m in pack["methods"] if m["label"] == "ida-r, a = 1")
    told = {rate["fmr"]: rate["gain"] for rate in method["rates"] if rate["gain"]}
    for fmr, gain in zip(plain.fmrs, plain.gains, strict=True):
        assert gain.value == pytest.approx(told[fmr]["value"])
        if gain.low is not None:
            assert (gain.low, gain.high) == pytest.approx((told[fmr]["low"], told[fmr]["high"]))
    assert f"{100 * plain.mean.value:+.2f}" in shown
    assert f"{100 * plain.mean.value:+.2f}" in page
    assert json.loads(paper_to_json(TypeAdapter(PaperReport).validate_python(found))) == found


def test_gain_over_the_value_in_force_is_that_of_its_rates(crowd):
    _, found, _ = crowd

    for ablation in found["evaluation"]["sets"][0]["packs"][0]["ablations"]:
        points = {point["value"]: point for point in ablation["points"]}
        own = points[ablation["in_force"]]
        assert ablation["in_force"] == {"k": 10, "anchors": ANCHORS, "tau": 1}[ablation["knob"]]
        for point in points.values():
            for place, gain in enumerate(point["gain"]):
                assert gain["value"] == pytest.approx(own["fnmr"][place] - point["fnmr"][place])
                assert gain["low"] <= gain["high"]
        assert own["gain"][-1] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_drawn_folds_share_no_person_and_hold_as_many_strangers_as_pairs_of_one_person(people):
    labelled = people(count=40, faces_each=4)

    pairs = drawn_folds(labelled, 0)

    who = [set() for _ in range(FOLDS)]
    for first, second, mated, fold in zip(pairs.first, pairs.second, pairs.mated, pairs.fold, strict=True):
        one, other = labelled.identities[[first, second]]
        assert (one == other) == mated
        who[fold] |= {int(one), int(other)}
    assert sum(map(len, who)) == len(set().union(*who)) == 40
    for fold in range(FOLDS):
        assert np.count_nonzero(pairs.mated[pairs.fold == fold]) == 4 * 6
        assert np.count_nonzero(~pairs.mated[pairs.fold == fold]) == 4 * 6
    assert len({(a, b) for a, b in zip(pairs.first, pairs.second, strict=True)}) == len(pairs)
    assert drawn_folds(people(count=19), 0) is None


@pytest.mark.parametrize(
    ("difference", "least", "errors", "says"),
    [
        (Interval(0.1, 0.01, 0.2), 0.0, 1.0, "for"),
        (Interval(-0.1, -0.2, -0.01), 0.0, 1.0, "against"),
        (Interval(0.001, -0.001, 0.002), 0.03, 0.1, "against"),
        (Interval(0.001, -0.001, 0.002), 0.03, 0.05, "open"),
        (Interval(0.0, 0.0, 0.0), 0.03, 0.1, "open"),
        (Interval(0.5), 0.0, 1.0, "open"),
    ],
)
def test_interval_speaks_for_a_gain_only_if_it_lies_above_nothing(difference, least, errors, says):
    assert better(difference, least, errors) == says


@pytest.mark.parametrize(
    ("difference", "says"),
    [
        (Interval(0.0, -0.004, 0.004), "for"),
        (Interval(0.0, -0.004, 0.006), "open"),
        (Interval(0.01, 0.006, 0.02), "against"),
        (Interval(-0.01, -0.02, -0.006), "against"),
        (Interval(0.0, 0.0, 0.0), "open"),
    ],
)
def test_likeness_needs_the_whole_interval_within_a_twentieth_of_the_errors(difference, says):
    assert alike(difference, 0.1) == says
