"""A whole calibration of made-up people, and the command that runs one."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.calibration.calibration_report import calibration_report, observed_ratio, population_of
from models.calibration.calibration_run import CalibrationOptions, calibrate
from models.calibration.selection import Grid
from models.calibration.write import calibrated_bundle
from models.commands.calibrate import calibrate_bundle
from models.labelled.exclusions import Entry, Exclusions
from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import CalibrationImpossible
from service.bundle.anchors_part import Anchors
from service.bundle.reader import read_bundle
from service.scoring.parameters import Parameters
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.snapshot.term_sources import TermSources, open_sources

pytestmark = pytest.mark.slow

DIMENSION = 32
OPTIONS = CalibrationOptions(
    grid=Grid(strengths=(0.5,), ks=(3,), taus=(1.0, 10.0)),
    replicates=100,
    methods=("cosine", "ida-r"),
    limits={"norm": 0, "crowding": 0},  # which have tests of their own
)


def faces_of(people, faces_each, seed, name):
    """Labelled faces; a quarter of the people are alike, and every twentieth face was not found."""
    generator = np.random.default_rng(seed)
    # The same crowd in every set: the anchors know it.
    crowd = np.random.default_rng(99).standard_normal(DIMENSION)
    centres = generator.standard_normal((people, DIMENSION)) + 1.2 * crowd * (np.arange(people) % 4 == 0)[:, None]
    identities = np.repeat(np.arange(people), faces_each)
    rows = to_unit(centres[identities] + 0.7 * generator.standard_normal((len(identities), DIMENSION)))
    detected = np.arange(len(rows)) % 20 != 7
    rows[~detected] = 0.0
    return LabelledFaces(
        name=name,
        embeddings=rows,
        norms=np.zeros(len(rows), np.float32),
        detected=detected,
        identities=identities,
        identity_names=tuple(f"{name} {number:04}" for number in range(people)),
        images=tuple(f"{row}.jpg" for row in range(len(rows))),
        input_form="photo",
        identities_stated=True,
        rejected=tuple("" if found else "no_face" for found in detected),
    )


def anchor_rows():
    generator = np.random.default_rng(5)
    crowd = np.random.default_rng(99).standard_normal(DIMENSION)
    return to_unit(generator.standard_normal((200, DIMENSION)) + 1.2 * crowd * (np.arange(200) % 4 == 0)[:, None])


@pytest.fixture(scope="module")
def sources():
    anchors = Anchors.from_stored(anchor_rows(), "backbone")
    return TermSources(TermFinder(anchors, FaissSearch(anchors)))


def run(sources, sets, options=OPTIONS, exclusions=None):
    return calibrate(sets, sources, Parameters(), "ida-r", exclusions or Exclusions.none(), options)


@pytest.fixture(scope="module")
def calibrated(sources):
    return run(sources, [faces_of(200, 4, 1, "one"), faces_of(160, 3, 2, "two")])


def test_calibrate_parts_people_and_counts_undetected_faces(calibrated):
    for parts in calibrated.parts.values():
        assert [part.name for part in parts] == ["one", "two"]
    assert [len(part.people) for part in calibrated.parts["calibrate"]] == [60, 48]
    assert sum(part.images for parts in calibrated.parts.values() for part in parts) == 800 + 480
    assert sum(part.images - len(part.rows) for parts in calibrated.parts.values() for part in parts) == 40 + 24


def test_calibrate_makes_no_pair_across_two_sets(calibrated):
    point = calibrated.measured[0].calibration.points[0]

    by_set = calibrated.parts["calibrate"]
    pairs = 0
    for found in by_set:
        for i in range(len(found.identities)):
            pairs += int(np.count_nonzero(found.identities[i + 1 :] != found.identities[i]))
    assert point.non_mated_pairs == pairs
    assert point.identity_pairs == 60 * 59 // 2 + 48 * 47 // 2
    assert point.people == 108
    # Every mated pair counts, those with a face that was not found among them.
    assert point.mated_pairs == 60 * 6 + 48 * 3


def test_calibrate_states_rates_that_the_people_set_aside_bear_out(calibrated):
    for measured in calibrated.measured:
        for point, seen in zip(measured.calibration.points, measured.observed, strict=True):
            assert observed_ratio(point, seen).verdict != "higher"
            assert seen.threshold == pytest.approx(point.threshold)
        assert set(measured.observed_by_set) == {"one", "two"}


def test_calibrate_binds_each_method_to_the_chosen_parameters(calibrated):
    assert [measured.calibration.method for measured in calibrated.measured] == ["cosine", "ida-r"]
    assert {measured.calibration.parameters for measured in calibrated.measured} == {calibrated.parameters}
    assert calibrated.parameters == calibrated.selection.parameters


def test_calibrate_with_kept_parameters_chooses_none(sources):
    found = run(sources, [faces_of(120, 4, 1, "one")], replace(OPTIONS, grid=None))

    assert found.selection is None
    assert (found.parameters, found.method) == (Parameters(), "ida-r")


def test_calibrate_is_the_same_for_the_same_seed_and_another_for_another(sources):
    sets = [faces_of(120, 4, 1, "one")]
    options = replace(OPTIONS, grid=None)

    def report(seed):
        chosen = replace(options, seed=seed)
        found = run(sources, sets, chosen)
        return json.dumps(calibration_report(found, Exclusions.none(), chosen, population_of(found)), sort_keys=True)

    assert report(3) == report(3)
    assert report(3) != report(4)


def test_calibrate_gives_results_with_and_without_exclusions(sources):
    faces = faces_of(120, 4, 1, "one")
    exclusions = Exclusions(
        "test",
        "0" * 16,
        (
            Entry(set="one", kind="image", first="5.jpg", reason="no face in it"),
            Entry(set="one", kind="identities", first="one 0000", second="one 0004", reason="the same person"),
        ),
    )

    found = run(sources, [faces], replace(OPTIONS, grid=None), exclusions)

    assert len(found.without_exclusions) == len(found.measured)
    assert sum(part.images for parts in found.parts.values() for part in parts) == 479
    with_all = found.without_exclusions[0].calibration.points[0]
    assert with_all.non_mated_pairs + with_all.mated_pairs >= (
        found.measured[0].calibration.points[0].non_mated_pairs + found.measured[0].calibration.points[0].mated_pairs
    )


def test_calibrate_for_two_forms_at_once_is_refused(sources):
    sets = [faces_of(60, 3, 1, "one"), replace(faces_of(60, 3, 2, "two"), input_form="embedding")]

    with pytest.raises(CalibrationImpossible, match="embeddings and photos"):
        run(sources, sets)


def test_calibrate_two_sets_of_one_name_is_refused(sources):
    with pytest.raises(CalibrationImpossible, match="called alike"):
        run(sources, [faces_of(60, 3, 1, "one"), faces_of(60, 3, 2, "one")])


@pytest.fixture
def bundle(tmp_path):
    def embed(crops):
        return to_unit(crops.astype(np.float32).reshape(len(crops), -1)[:, :DIMENSION] + 1.0)

    facts = NewBundle("00112233445566aa", "ffeeddccbbaa0099", Parameters(), "ida-r", {}, "a test")
    create_bundle(tmp_path / "bundle", anchor_rows().astype(np.float16), facts, embed)
    return tmp_path / "bundle"


@pytest.fixture
def arrays(tmp_path):
    faces = faces_of(150, 4, 1, "one")
    names = np.array([faces.identity_names[person] for person in faces.identities])
    np.savez(tmp_path / "people.npz", embeddings=faces.embeddings[faces.detected], identities=names[faces.detected])
    return tmp_path / "people.npz"


def invoke(*arguments):
    app = typer.Typer()
    app.command()(calibrate_bundle)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_command_writes_a_calibrated_bundle_and_leaves_the_other(tmp_path, bundle, arrays):
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}

    result = invoke(
        "--bundle", bundle, "--out", tmp_path / "out", "--data", arrays, "--replicates", 100,
        "--strength", 0.5, "--k", 3, "--tau", 5, "--population", "a hundred and fifty made-up people",
        "--html", tmp_path / "page.html",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    found = read_bundle(tmp_path / "out", backbone_id="00112233445566aa")
    assert found.calibrations.population == "a hundred and fifty made-up people"
    assert {method.input_form for method in found.calibrations.methods} == {"embedding"}
    assert found.calibrations.pipeline_id == "ffeeddccbbaa0099"
    report = json.loads((tmp_path / "out" / "calibration_report.json").read_text())
    assert report["parts"]["report"]["people"]["people"] == 45
    assert "fmr_1e-6" in result.output
    page = (tmp_path / "page.html").read_text("utf-8")
    for said in ("Gained, on people set aside", "Not gained, or not known", "a hundred and fifty made-up people"):
        assert said in page
    report_point = report["methods"][0]["set_aside"][0]
    assert f"{100 * report_point['fnmr']:.2f}" in page
    assert "too few pairs; the threshold is a fitted tail" in page


def test_command_refuses_a_page_that_cannot_be_written_before_it_calibrates(tmp_path, bundle, arrays):
    result = invoke(
        "--bundle", bundle, "--out", tmp_path / "out", "--data", arrays, "--html", tmp_path / "none" / "page.html"
    )

    assert result.exit_code == 1
    assert "cannot be written" in result.output
    assert not (tmp_path / "out").exists()


def test_command_on_a_folder_that_is_there_says_so_at_once(bundle, arrays):
    result = invoke("--bundle", bundle, "--out", bundle, "--data", arrays)

    assert result.exit_code == 1
    assert "there already" in result.output


def written(out, folder, form, options=OPTIONS, pipeline_id="ffeeddccbbaa0099"):
    """Calibrate a bundle for one form of input, write the result and read it."""
    source = read_bundle(folder, backbone_id="00112233445566aa")
    manifest, sources = source.manifest, open_sources(source, device="cpu", threads=1)
    sets = [replace(faces_of(120, 4, 1, form), input_form=form)]
    found = calibrate(sets, sources, manifest.parameters, manifest.default_method, Exclusions.none(), options)
    calibrated_bundle(
        out,
        folder,
        source,
        found,
        Exclusions.none(),
        options,
        population=form,
        pipeline_id=pipeline_id,
        face_policy="largest",
    )
    return read_bundle(out, backbone_id="00112233445566aa").calibrations


def test_calibrating_another_form_at_the_same_parameters_keeps_the_first(tmp_path, bundle):
    kept = replace(OPTIONS, grid=None)
    written(tmp_path / "photos", bundle, "photo", kept)

    both = written(tmp_path / "both", tmp_path / "photos", "crop", kept)

    assert {(found.method, found.input_form) for found in both.methods} == {
        (method, form) for method in ("cosine", "ida-r") for form in ("photo", "crop")
    }
    assert both.population == "photo; crop"


def test_calibrating_again_replaces_what_no_longer_holds(tmp_path, bundle):
    kept = replace(OPTIONS, grid=None)
    written(tmp_path / "photos", bundle, "photo", kept)

    chosen = written(tmp_path / "chosen", tmp_path / "photos", "crop")
    moved = written(tmp_path / "moved", tmp_path / "photos", "crop", kept, pipeline_id="0" * 16)

    assert ("ida-r", "photo") not in {(found.method, found.input_form) for found in chosen.methods}
    assert {found.input_form for found in moved.methods} == {"crop"}


def with_smears(faces, share=0.04, seed=8):
    """The same faces, with norms; some are smears of low norm, all alike whoever they are of."""
    generator = np.random.default_rng(seed)
    smear = np.random.default_rng(17).standard_normal(DIMENSION)
    rows = np.flatnonzero(faces.detected)
    smears = rows[generator.random(len(rows)) < share]
    embeddings = faces.embeddings.copy()
    embeddings[smears] = to_unit(smear + 0.3 * generator.standard_normal((len(smears), DIMENSION)))
    norms = np.where(faces.detected, generator.normal(3.5, 0.2, len(faces)), 0).astype(np.float32)
    norms[smears] = generator.uniform(1.0, 2.0, len(smears))
    return replace(faces, embeddings=embeddings, norms=norms)


LIMITED = replace(OPTIONS, grid=None, limits={"norm": 0.05, "crowding": 0})


@pytest.fixture(scope="module")
def smeared():
    return with_smears(faces_of(200, 4, 1, "one"))


@pytest.fixture(scope="module")
def limited(sources, smeared):
    return run(sources, [smeared], LIMITED)


def test_calibrate_leaves_faces_beyond_its_limits_out_of_what_it_measures(sources, smeared, limited):
    without = run(sources, [smeared], replace(LIMITED, limits={"norm": 0, "crowding": 0}))

    for measured, everything in zip(limited.measured, without.measured, strict=True):
        # Smears of two people look alike: with them among the pairs, a strict threshold lies far higher.
        assert measured.calibration.threshold("fmr_1e-3") < everything.calibration.threshold("fmr_1e-3")
        point, whole = measured.calibration.points[0], everything.calibration.points[0]
        # Their mated pairs are lost, as those of faces that were not found.
        assert point.mated_pairs == whole.mated_pairs
        assert point.non_mated_pairs < whole.non_mated_pairs


def test_limits_are_quantiles_of_the_faces_that_calibrate(smeared, limited):
    part = limited.parts["calibrate"][0]
    people = {smeared.identity_names[person] for person in part.people}
    rows = [
        row
        for row in range(len(smeared))
        if smeared.detected[row] and smeared.identity_names[smeared.identities[row]] in people
    ]
    norms = np.sort(smeared.norms[rows])

    limit = limited.limits.measures["norm"]
    assert (limit.faces, limit.share) == (len(rows), 0.05)
    assert limit.limit == pytest.approx(np.quantile(norms, 0.05), rel=1e-3)
    beyond = sum(norm < limit.limit for norm in norms)
    assert limited.outside["calibrate"] == {"one": beyond}
    assert len(part.rows) == len(rows) - beyond
    assert limited.limits.measures["crowding"].limit is None


def test_calibrate_counts_what_the_service_decides_on_the_people_set_aside(smeared, limited):
    measured = next(found for found in limited.measured if found.calibration.method == "cosine")
    limit = limited.limits.measures["norm"].limit
    names = {smeared.identity_names[person] for person in limited.parts["report"][0].people}
    rows = [row for row in range(len(smeared)) if smeared.identity_names[smeared.identities[row]] in names]

    for point, decided in zip(measured.calibration.points, measured.decided, strict=True):
        counts = {same: dict.fromkeys(("match", "inconclusive", "non_match", "lost"), 0) for same in (True, False)}
        for place, i in enumerate(rows):
            for j in rows[place + 1 :]:
                same = bool(smeared.identities[i] == smeared.identities[j])
                if not (smeared.detected[i] and smeared.detected[j]):
                    counts[same]["lost"] += same
                    continue
                reaches = smeared.embeddings[i] @ smeared.embeddings[j] >= point.threshold
                doubted = min(smeared.norms[i], smeared.norms[j]) < limit
                counts[same]["non_match" if not reaches else "inconclusive" if doubted else "match"] += 1
        for same, found in ((True, decided.mated), (False, decided.non_mated)):
            assert asdict(found) == counts[same]
    assert measured.decided[0].non_mated.inconclusive > 0


def test_command_writes_limits_and_takes_others(tmp_path, bundle, arrays):
    common = ("--bundle", bundle, "--data", arrays, "--replicates", 100, "--keep-parameters", "--method", "cosine")
    by_default = invoke(*common, "--out", tmp_path / "default")
    asked = invoke(*common, "--out", tmp_path / "asked", "--limit", "crowding=0.1")

    assert (by_default.exit_code, asked.exit_code) == (0, 0), by_default.output + asked.output
    found = [
        read_bundle(tmp_path / name, backbone_id="00112233445566aa").calibrations.limits["embedding"]
        for name in ("default", "asked")
    ]
    # The embeddings are of unit norm, which tells nothing.
    assert [list(limits.measures) for limits in found] == [["crowding"]] * 2
    assert [limits.measures["crowding"].share for limits in found] == [0.001, 0.1]
    assert found[0].measures["crowding"].limit > found[1].measures["crowding"].limit
    report = json.loads((tmp_path / "asked" / "calibration_report.json").read_text())
    assert report["limits"]["measures"]["crowding"]["limit"] == found[1].measures["crowding"].limit
    assert report["parts"]["calibrate"]["people"]["beyond_the_limits"] > 0
    assert report["methods"][0]["set_aside_decisions"][0]["mated"]["inconclusive"] >= 0
    assert "crowding: limit" in asked.output


@pytest.mark.parametrize("limit", ["norm", "hair=0.01", "norm=0.9", "norm=-0.1", "norm=nan", "norm=1e400"])
def test_command_refuses_a_limit_that_is_none(tmp_path, bundle, arrays, limit):
    result = invoke("--bundle", bundle, "--out", tmp_path / "out", "--data", arrays, "--limit", limit)

    assert result.exit_code == 2
    assert "give one of norm," in result.output
    assert not (tmp_path / "out").exists()


def test_calibrating_another_form_keeps_the_limits_of_the_first(tmp_path, bundle):
    kept = replace(OPTIONS, grid=None)
    photos = written(tmp_path / "photos", bundle, "photo", kept)

    both = written(tmp_path / "both", tmp_path / "photos", "crop", kept)

    assert set(both.limits) == {"photo", "crop"}
    assert both.limits["photo"] == photos.limits["photo"]
