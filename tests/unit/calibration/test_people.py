"""Whom a bundle was calibrated on: known again by `evaluate`, and not by name."""

import json
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.commands.calibrate import calibrate_bundle
from models.commands.evaluate import evaluate_command
from models.labelled.calibration_people import CalibrationPeople, people_keys, read_people, record_of
from models.labelled.labelled_faces import LabelledFaces
from models.tool_errors import CalibrationImpossible
from service.scoring.parameters import Parameters

pytestmark = pytest.mark.slow

DIMENSION, PEOPLE, EACH = 32, 150, 4


def labelled(names, name="set", stated=True):
    count = len(names)
    return LabelledFaces(
        name=name,
        embeddings=np.zeros((count, 8), np.float32),
        norms=np.zeros(count, np.float32),
        detected=np.zeros(count, bool),
        identities=np.arange(count),
        identity_names=tuple(names),
        images=tuple(f"{row}.jpg" for row in range(count)),
        input_form="photo",
        identities_stated=stated,
        rejected=("no_face",) * count,
    )


def parts_of(record, faces):
    found = CalibrationPeople((record,)).parts_of(faces)
    return {part: [faces.identity_names[person] for person in people] for part, people in found.items()}


def test_people_are_known_again_by_part_and_strangers_are_not():
    record = record_of({"tune": ["Ann", "Ben"], "calibrate": ["Cy"], "report": ["Di"]}, seed=0)

    found = parts_of(record, labelled(["Di", "Eve", "Ann", "Cy"], name="another"))

    assert found == {"tune": ["Ann"], "calibrate": ["Cy"], "report": ["Di"]}


def test_who_was_chosen_on_in_one_set_is_not_set_aside_by_another():
    record = record_of({"tune": ["Ann"], "calibrate": ["Ben"], "report": ["Ann", "Ben", "Cy"]}, seed=0)

    assert parts_of(record, labelled(["Ann", "Ben", "Cy"]))["report"] == ["Cy"]


def test_names_that_name_nobody_count_within_their_set_alone():
    numbers, pictures = labelled(["1", "22"]), labelled(["a.jpg", "b.jpg"], stated=False)

    for faces in (numbers, pictures):
        record = record_of({"tune": [], "calibrate": [], "report": people_keys(faces)}, seed=0)
        assert len(parts_of(record, faces)["report"]) == 2
        assert parts_of(record, replace(faces, name="another"))["report"] == []


def test_record_has_no_name_and_another_salt_for_other_people():
    names = [f"person {number}" for number in range(50)]
    one = record_of({"report": names}, seed=0)

    assert not any(name in one.model_dump_json() for name in names)
    assert one == record_of({"report": names[::-1]}, seed=0)
    other = record_of({"report": [*names[:-1], "Ann"]}, seed=0)
    width = 12
    shared = {one.parts["report"][at : at + width] for at in range(0, 600, width)}
    assert not shared & {other.parts["report"][at : at + width] for at in range(0, 600, width)}


@pytest.fixture
def bundle(tmp_path):
    facts = NewBundle("00112233445566aa", "ffeeddccbbaa0099", Parameters(k=3), "ida-r", {}, "a test")
    anchors = to_unit(np.random.default_rng(5).standard_normal((100, DIMENSION)))
    create_bundle(tmp_path / "bundle", anchors, facts, lambda crops: anchors[: len(crops)])
    return tmp_path / "bundle"


@pytest.fixture
def save(tmp_path):
    """Return a saver of made-up people of some names."""

    def make(file, names, seed=1):
        generator = np.random.default_rng(seed)
        rows = generator.standard_normal((len(names), DIMENSION)).repeat(EACH, axis=0)
        rows = to_unit(rows + 0.7 * generator.standard_normal(rows.shape))
        np.savez(tmp_path / file, embeddings=rows, identities=np.repeat(names, EACH))
        return tmp_path / file

    return make


def invoke(function, *arguments):
    app = typer.Typer()
    app.command()(function)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def calibrated(bundle, save, tmp_path):
    """Return a calibrated bundle and the file of its people."""
    data = save("staff.npz", [f"person {number}" for number in range(PEOPLE)])
    code, said = invoke(
        calibrate_bundle, "--bundle", bundle, "--out", tmp_path / "calibrated", "--data", data, "--replicates", 100,
        "--strength", 0.5, "--k", 3, "--tau", 5, "--method", "cosine", "--method", "ida-r",
    )  # fmt: skip
    assert code == 0, said
    return tmp_path / "calibrated", data


def test_evaluation_of_people_that_were_calibrated_on_warns_with_their_number(calibrated, save, tmp_path):
    folder, data = calibrated
    page, out = tmp_path / "page.html", tmp_path / "out.json"
    given = ("--bundle", folder, "--method", "cosine", "--replicates", 100, "--json", out, "--html", page)

    code, said = invoke(evaluate_command, data, *given)

    assert code == 0, said
    warning = "105 of these 150 people are among those that calibrated was calibrated on"
    assert warning in said
    assert "chosen on 60 of them and its thresholds measured on 45" in said
    assert warning in " ".join(page.read_text().split())
    assert warning in json.loads(out.read_text())["sets"][0]["packs"][0]["warnings"][0]
    strangers = save("strangers.npz", [f"stranger {number}" for number in range(40)])
    assert "are among those" not in invoke(evaluate_command, strangers, *given)[1]


def test_part_report_evaluates_the_people_who_were_set_aside_alone(calibrated, save, tmp_path):
    folder, data = calibrated
    out = tmp_path / "out.json"
    given = ("--bundle", folder, "--method", "cosine", "--replicates", 100, "--json", out)

    code, said = invoke(evaluate_command, data, *given, "--part", "report", "--of", folder)

    assert code == 0, said
    found = json.loads(out.read_text())["sets"][0]
    assert (found["packs"][0]["people"], found["faces"]) == (45, 45 * EACH)
    assert found["packs"][0]["warnings"] == []
    strangers = save("strangers.npz", [f"stranger {number}" for number in range(40)])
    code, said = invoke(evaluate_command, strangers, *given, "--part", "report", "--of", folder)
    assert code == 1
    assert "Nobody of strangers is among the people whom the calibration" in said


def test_bundle_that_does_not_say_whom_it_was_calibrated_on_cannot_be_asked_for_the_others(bundle, calibrated):
    code, said = invoke(
        evaluate_command, calibrated[1], "--bundle", bundle, "--part", "report", "--of", bundle, "--replicates", 100
    )

    assert code == 1
    assert "does not say whom it was calibrated on" in said


def test_people_of_a_former_calibration_stay_known_while_something_of_it_is_in_force(calibrated, save, tmp_path):
    folder, _ = calibrated
    others = save("others.npz", [f"other {number}" for number in range(PEOPLE)], seed=2)

    code, said = invoke(
        calibrate_bundle, "--bundle", folder, "--out", tmp_path / "again", "--data", others, "--replicates", 100,
        "--keep-parameters", "--method", "cosine",
    )  # fmt: skip

    assert code == 0, said
    people = read_people(tmp_path / "again")
    assert len(people.records) == 2
    first = people.parts_of(labelled([f"person {number}" for number in range(PEOPLE)]))
    assert {part: len(rows) for part, rows in first.items()} == {"tune": 60, "calibrate": 45, "report": 45}
    # Nothing was chosen on the second's first part.
    second = people.parts_of(labelled([f"other {number}" for number in range(PEOPLE)]))
    assert {part: len(rows) for part, rows in second.items()} == {"tune": 0, "calibrate": 45, "report": 45}


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"people": [{"salt": "x", "parts": {}}]}',
        '{"people": 3}',
        "no json",
        '{"people": [' + "{}," * 100_000 + "{}]}",
    ],
)
def test_report_that_cannot_be_read_is_an_error_in_a_line(calibrated, content):
    (calibrated[0] / "calibration_report.json").write_text(content)

    with pytest.raises(CalibrationImpossible, match="cannot be read") as refused:
        read_people(calibrated[0])

    assert len(refused.value.message) < 1000


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        (evaluate_command, ["--gap-scale", 30], "--gap-scale has no effect without --probability-gap"),
        (evaluate_command, ["--no-ranks", "--distractors", "{data}"], "--distractors has no effect with --no-ranks"),
        (evaluate_command, ["--input-form", "crop"], "--input-form has no effect where all sets are .npz"),
        (evaluate_command, ["--ray-workers", 2], "--ray-workers has no effect without --engine ray"),
        (evaluate_command, ["--images", "."], "--images has no effect without a label file"),
        (evaluate_command, ["--part", "report"], "--part has no effect without --of BUNDLE"),
        (evaluate_command, ["--of", "default"], "--of has no effect without --part report"),
        (calibrate_bundle, ["--keep-parameters", "--tau", 3], "--tau has no effect with --keep-parameters"),
        (calibrate_bundle, ["--pack", "other"], "--pack has no effect where all sets are .npz"),
    ],
)
def test_option_without_effect_is_a_wrong_command_line(save, bundle, tmp_path, function, arguments, said):
    data = save("staff.npz", ["a", "b"])
    given = [data] if function is evaluate_command else ["--bundle", bundle, "--out", tmp_path / "o", "--data", data]

    code, shown = invoke(function, *given, *(str(argument).format(data=data) for argument in arguments))

    assert code == 2
    assert said in shown.replace("│ ", "").replace("  ", " ")
