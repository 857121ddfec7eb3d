"""Calibrating on faces that nobody named, and the command that does."""

import json
import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import typer
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.calibration.calibration_run import CalibrationOptions
from models.calibration.curve import fit_curve
from models.calibration.presumed_people import presume_people
from models.calibration.unlabelled import calibrate_unlabelled, told_quality
from models.calibration.unlabelled_report import NO_STRATA
from models.commands.calibrate import calibrate_bundle
from models.labelled.embed import EmbeddedPictures
from models.labelled.labelled_faces import LabelledFaces
from models.labelled.pairs.comparisons import compare_all
from models.labelled.pairs.sweep import BlockScorer, ExcludedPairs
from models.labelled.unlabelled_faces import read_unlabelled
from models.tool_errors import CalibrationImpossible, LabelsInvalid
from service.bundle.anchors_part import Anchors
from service.bundle.reader import read_bundle
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.snapshot.term_sources import TermSources

pytestmark = pytest.mark.slow

DIMENSION = 64
OPTIONS = CalibrationOptions(grid=None, replicates=100, methods=("cosine", "ida-r"), limits={"norm": 0, "crowding": 0})


def anchor_rows():
    return to_unit(np.random.default_rng(5).standard_normal((200, DIMENSION)))


@pytest.fixture(scope="module")
def sources():
    anchors = Anchors.from_stored(anchor_rows(), "backbone")
    return TermSources(TermFinder(anchors, FaissSearch(anchors)))


def faces_of(embeddings, name="gate", norms=None):
    return LabelledFaces(
        name=name,
        embeddings=embeddings,
        norms=np.zeros(len(embeddings), np.float32) if norms is None else norms,
        detected=np.ones(len(embeddings), dtype=bool),
        identities=np.arange(len(embeddings)),
        identity_names=tuple(f"{row}.jpg" for row in range(len(embeddings))),
        images=tuple(f"{row}.jpg" for row in range(len(embeddings))),
        input_form="photo",
        identities_stated=True,
        rejected=("",) * len(embeddings),
    )


def made_up(make_people, people, repeated, seed, spread=0.5):
    """Embeddings and identities: everybody in one picture, some in another."""
    embeddings, identities = make_people(people, 2, seed=seed, dimension=DIMENSION, spread=spread)
    kept = (np.arange(len(identities)) % 2 == 0) | (identities < repeated)
    return embeddings[kept], identities[kept]


def run(sources, sets, options=OPTIONS):
    return calibrate_unlabelled(sets, sources, Parameters(), "ida-r", options)


@pytest.mark.parametrize("repeated", [0, 18, 45])
def test_cosine_thresholds_have_the_rates_that_they_state_among_other_people(make_people, sources, repeated):
    embeddings, _ = made_up(make_people, 900, repeated, seed=1)
    others, identities = made_up(make_people, 2000, 0, seed=2)

    found = run(sources, [faces_of(embeddings)], replace(OPTIONS, methods=("cosine",)))

    similarity = others @ others.T
    scores = np.sort(similarity[np.triu_indices(len(identities), 1)])
    for point in found.calibrated.measured[0].calibration.points[:3]:
        true = (len(scores) - np.searchsorted(scores, point.threshold)) / len(scores)
        assert point.fmr / 2 < true < 2 * point.fmr, point.name
        assert (point.fnmr, point.fnmr_low, point.fnmr_high, point.mated_pairs) == (None, None, None, 0)
    fact = found.facts[0]
    assert fact.left_out == pytest.approx(repeated, abs=2)
    assert found.calibrated.measured[0].calibration.points[0].non_mated_pairs == fact.pairs - fact.left_out


def test_interval_holds_too_if_no_doubtful_pair_is_mated(make_people, sources):
    embeddings, _ = made_up(make_people, 700, 150, seed=3, spread=0.85)

    found = run(sources, [faces_of(embeddings)], replace(OPTIONS, methods=("cosine",)))

    (fact,), (measured,) = found.facts, found.calibrated.measured
    assert fact.doubtful > 20
    kept = fact.pairs - fact.left_out
    # The same pairs as if nothing had been in doubt.
    scorer = BlockScorer(embeddings, find_method("cosine"), None, Parameters())
    presumed = presume_people(scorer)
    exclude = ExcludedPairs(presumed.doubtful, np.empty((0, 2), np.int64))
    people = int(presumed.people.max()) + 1
    keep = fact.pairs // 10 + 10_000
    compared = compare_all("gate", scorer, presumed.people, np.zeros(people, np.int64), exclude=exclude, keep=keep)
    sure = fit_curve([compared]).curve
    curve = measured.calibration.curve
    in_doubt = [sum(doubtful >= score for doubtful in presumed.doubtful_scores) / kept for score in sure.scores]
    unseen = [10**log < in_doubt[place] for place, log in enumerate(sure.log10_fmr)]
    # More pairs are in doubt than have the rate: from there on nobody was seen to have it.
    shown = max(3 / kept, *[10**log for log, is_unseen in zip(sure.log10_fmr, unseen, strict=True) if is_unseen])
    assert curve.shown_down_to == pytest.approx(shown)
    for place, rate in enumerate(10**sure.log10_fmr):
        low = max(1e-12, 10 ** sure.log10_low[place] - in_doubt[place])
        high = min(1.0, 10 ** sure.log10_high[place] + in_doubt[place])
        if rate < shown:
            low, high = 1e-12, max(high, 3 / kept)
        assert 10 ** curve.log10_low[place] == pytest.approx(low)
        assert 10 ** curve.log10_high[place] == pytest.approx(high)
    for point in measured.calibration.points:
        assert point.fmr_low <= point.fmr <= point.fmr_high
    stated = {point.name: point.quality for point in measured.calibration.points}
    assert stated["fmr_1e-2"] == "measured"
    assert stated["fmr_1e-4"] == "extrapolated"


def test_each_stratum_has_the_rates_that_it_states_though_some_people_come_again(make_people, sources):
    embeddings, identities = made_up(make_people, 640, 60, seed=11)
    generator = np.random.default_rng(12)
    norms = generator.uniform(8, 14, len(embeddings)).astype(np.float32)
    # Poor pictures look alike: each is turned a little towards one look.
    poor = norms < np.quantile(norms, 0.25)
    embeddings[poor] += 0.55 * embeddings[0]
    embeddings = to_unit(embeddings)

    found = run(sources, [faces_of(embeddings, norms=norms)], replace(OPTIONS, methods=("cosine",)))

    strata = found.calibrated.measured[0].calibration.strata
    assert strata.cuts == pytest.approx(np.quantile(norms, [0.25, 0.6]), abs=1e-3)
    band = np.searchsorted(strata.cuts, norms, side="right")
    told = {one.name: one for one in found.strata["cosine"]}
    left_out = found.facts[0].left_out
    assert sum(one.joined + one.doubtful for one in told.values()) == left_out
    assert 40 <= left_out <= 66
    first, second = np.triu_indices(len(norms), 1)
    scores = np.einsum("nd,nd->n", embeddings[first], embeddings[second])
    pairs_of = np.sort(np.stack([band[first], band[second]], axis=1), axis=1)
    thresholds = {}
    for bands, stratum in strata.strata.items():
        of_two = np.all(pairs_of == bands, axis=1) & (identities[first] != identities[second])
        threshold = stratum.curve.score_of(1e-3)
        assert stratum.pairs == pytest.approx(np.count_nonzero(of_two), abs=8)
        assert 1e-3 / 3 < np.mean(scores[of_two] >= threshold) < 3e-3, strata.name(stratum)
        thresholds[strata.name(stratum)] = threshold
        stated = stratum.curve.at(stratum.curve.score_of(1e-6))
        assert (stated.extrapolated, stated.low < 1e-9) == (True, True)
    assert thresholds["poor-poor"] > thresholds["best-best"] + 0.05


def test_too_few_faces_for_strata_have_the_rates_of_all_pairs(make_people, sources):
    embeddings, _ = made_up(make_people, 300, 0, seed=13)
    norms = np.random.default_rng(14).uniform(8, 14, len(embeddings)).astype(np.float32)

    found = run(sources, [faces_of(embeddings, norms=norms)], replace(OPTIONS, methods=("cosine",)))

    assert found.calibrated.measured[0].calibration.strata is None
    assert found.strata == {"cosine": ()}


def test_quality_by_hand():
    # 1,000,000 pairs: 100 false matches at 1e-4.
    assert [told_quality(1_000_000, 1e-4, doubtful) for doubtful in (0, 50, 51, 100, 101)] == [
        "measured", "measured", "wide", "wide", "extrapolated",
    ]  # fmt: skip
    assert told_quality(100_000, 1e-4, 0) == "wide"
    assert told_quality(1_000, 1e-4, 0) == "extrapolated"


def test_few_people_in_many_pictures_are_refused(make_people, sources):
    embeddings, _ = make_people(40, 8, seed=4, dimension=DIMENSION, spread=0.4)

    with pytest.raises(CalibrationImpossible, match="seem to be one person's"):
        run(sources, [faces_of(embeddings)])


def test_too_few_faces_are_refused(make_people, sources):
    embeddings, _ = made_up(make_people, 63, 0, seed=5)

    with pytest.raises(CalibrationImpossible, match="63 faces within the limits, and 64"):
        run(sources, [faces_of(embeddings)])


def test_the_same_picture_twice_is_named_and_left_out(make_people, sources):
    embeddings, _ = made_up(make_people, 300, 0, seed=6)
    embeddings = np.concatenate([embeddings, embeddings[[7]]])

    found = run(sources, [faces_of(embeddings)], replace(OPTIONS, methods=("cosine",)))

    assert found.near_duplicates == {"gate": (("7.jpg", "300.jpg"),)}
    assert found.facts[0].joined_pairs == 1


def test_no_pair_is_made_across_two_sets(make_people, sources):
    one, _ = made_up(make_people, 300, 0, seed=7)
    two, _ = made_up(make_people, 200, 0, seed=8)

    found = run(sources, [faces_of(one, "one"), faces_of(two, "two")], replace(OPTIONS, methods=("cosine",)))

    point = found.calibrated.measured[0].calibration.points[0]
    assert point.non_mated_pairs == len(list(combinations(range(300), 2))) + len(list(combinations(range(200), 2)))
    assert [fact.set_name for fact in found.facts] == ["one", "two"]


@pytest.fixture
def bundle(tmp_path):
    def embed(crops):
        return to_unit(crops.astype(np.float32).reshape(len(crops), -1)[:, :DIMENSION] + 1.0)

    facts = NewBundle("00112233445566aa", "ffeeddccbbaa0099", Parameters(), "ida-r", {}, "a test")
    create_bundle(tmp_path / "bundle", anchor_rows().astype(np.float16), facts, embed)
    return tmp_path / "bundle"


@pytest.fixture
def arrays(tmp_path, make_people):
    embeddings, _ = made_up(make_people, 300, 6, seed=9)
    np.savez(tmp_path / "gate.npz", embeddings=3 * embeddings)
    return tmp_path / "gate.npz"


def invoke(*arguments):
    app = typer.Typer()
    app.command()(calibrate_bundle)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_command_calibrates_without_labels_and_says_what_it_assumed(tmp_path, bundle, arrays):
    result = invoke(
        "--bundle", bundle, "--out", tmp_path / "out", "--unlabelled", arrays, "--replicates", 100,
        "--population", "visitors of 2025", "--html", tmp_path / "page.html",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "Nothing is known of false non-matches" in page
    assert "Assumed: " in page
    assert "Gained, on people" not in page
    found = read_bundle(tmp_path / "out", backbone_id="00112233445566aa").calibrations
    told = re.match(
        r"visitors of 2025 \(unlabelled: of ([\d,]+) pairs (\d+) were taken for one person's and left out",
        found.population,
    )
    assert 6 <= int(told[2]) <= 8
    assert {point.fnmr for method in found.methods for point in method.points} == {None}
    assert found.limits["embedding"].measures["norm"].faces == 306
    report = json.loads((tmp_path / "out" / "calibration_report.json").read_text())
    assert "twins" in " ".join(report["unlabelled"]["assumed"])
    assert report["people"] == []
    assert report["methods"][0]["set_aside"] is None
    assert "row 7" not in (tmp_path / "out" / "calibration_report.json").read_text()
    # 306 faces have too few pairs for strata, and show no rate below 7e-5.
    assert {method.strata for method in found.methods} == {None}
    assert report["unlabelled"]["strata"]["ida-r"] is None
    unseen = "fmr_1e-5, fmr_1e-6. The tail is fitted there"
    for said in ("fmr_1e-4", "not known", f"{told[2]} are taken for one person's", "assumed: ", NO_STRATA, unseen):
        assert said in " ".join(result.output.split())


def test_command_gives_strata_where_pictures_and_norms_are_enough(tmp_path, bundle, make_people):
    embeddings, _ = made_up(make_people, 400, 8, seed=15)
    lengths = np.random.default_rng(16).uniform(8, 14, (len(embeddings), 1))
    np.savez(tmp_path / "gate.npz", embeddings=lengths * embeddings)

    result = invoke(
        "--bundle", bundle, "--out", tmp_path / "out", "--unlabelled", tmp_path / "gate.npz", "--method", "cosine",
        "--replicates", 100, "--limit", "norm=0", "--limit", "crowding=0",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    (method,) = read_bundle(tmp_path / "out", backbone_id="00112233445566aa").calibrations.methods
    names = [method.strata.name(stratum) for stratum in method.strata.strata.values()]
    assert names == ["poor-poor", "poor-best", "best-best"]
    assert all(name in result.output for name in (*names, "in doubt"))
    assert NO_STRATA not in " ".join(result.output.split())
    report = json.loads((tmp_path / "out" / "calibration_report.json").read_text())
    told = report["unlabelled"]["strata"]["cosine"]
    assert [one["name"] for one in told] == names
    assert sum(one["pairs"] + one["joined"] + one["doubtful"] for one in told) == 408 * 407 // 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "x.npz", "--unlabelled", "y.npz"), "Give either labelled faces"),
        ((), "Give either labelled faces"),
        (("--unlabelled", "y.npz", "--strength", "0.5"), "--strength has no effect with --unlabelled"),
        (("--unlabelled", "y.npz", "--exclusions", "e.toml"), "--exclusions has no effect with --unlabelled"),
    ],
)
def test_command_lines_that_contradict_themselves_are_refused(tmp_path, bundle, options, said):
    result = invoke("--bundle", bundle, "--out", tmp_path / "out", *options)

    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


class Embedder:
    """Gives every picture an embedding of its own; one shows no face."""

    input_form = "photo"

    def embed_measured(self, images, tick):
        rows = np.eye(len(images), 8, dtype=np.float32) * 2
        rows[1] = 0.0
        rejected = tuple("no_face" if row == 1 else "" for row in range(len(images)))
        return EmbeddedPictures(rows, rejected, {"detection_score": np.full(len(images), 0.9)})


def test_folder_is_read_at_any_depth_and_its_names_say_nothing(tmp_path):
    for name in ("a.jpg", "one/b.jpg", "one/c.jpg", "one/two/d.png", "one/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    faces = read_unlabelled(tmp_path, Embedder(), name="gate")

    assert faces.images == ("a.jpg", "one/b.jpg", "one/c.jpg", "one/two/d.png")
    assert faces.identities.tolist() == [0, 1, 2, 3]
    assert (faces.detected.tolist(), faces.rejected[1]) == ([True, False, True, True], "no_face")
    assert (faces.norms.tolist(), faces.input_form) == ([2.0, 0.0, 2.0, 2.0], "photo")
    assert len(faces.pictures["detection_score"]) == 4


def test_labels_beside_embeddings_are_passed_over(tmp_path):
    rows = np.eye(3, dtype=np.float32)
    np.savez(
        tmp_path / "a.npz", embeddings=rows, identities=np.array(["x", "x", "x"]), images=np.array(["1", "2", "3"])
    )

    faces = read_unlabelled(tmp_path / "a.npz", None)

    assert (faces.identities.tolist(), faces.images, faces.input_form) == ([0, 1, 2], ("1", "2", "3"), "embedding")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: path.with_suffix(".npz").write_bytes(b"no zip"), "no .npz"),
        (lambda path: np.savez(path.with_suffix(".npz"), identities=np.arange(3)), "embeddings is missing"),
        (lambda path: np.savez(path.with_suffix(".npz"), embeddings=np.full((2, 3), np.nan)), "no finite number"),
        (
            lambda path: np.savez(path.with_suffix(".npz"), embeddings=np.eye(3), images=np.arange(2)),
            "images has 2 values",
        ),
        (lambda path: path.with_suffix(".csv").write_text("subject,image\n"), "neither a folder"),
        (lambda path: path.mkdir(), "no picture"),
    ],
)
def test_what_is_no_set_of_faces_is_refused(tmp_path, write, said):
    write(tmp_path / "set")
    (path,) = tmp_path.iterdir()

    with pytest.raises(LabelsInvalid, match=said):
        read_unlabelled(path, Embedder())
