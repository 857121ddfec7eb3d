"""The command ``evaluate``: on embeddings, on pictures with fake networks, and on real faces."""

import json

import numpy as np
import pytest
import typer
from fakes import DIMENSION, FakeBackboneSession, fake_pipeline, picture
from typer.testing import CliRunner
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from models.commands.evaluate import evaluate_command
from models.evaluation.asked import Asked
from models.evaluation.asked_ablation import parse
from models.evaluation.evaluation_session import evaluate
from models.evaluation.measure import MeasureOptions
from models.labelled.exclusions import Exclusions
from models.labelled.labels import Labels
from models.progress import unstaged
from models.tool_errors import LabelsInvalid
from service.errors import BundleMismatch, MethodNotServed
from service.scoring.parameters import Parameters
from service.settings import DEFAULT_BUNDLE, NO_BUNDLE, Settings

PEOPLE, EACH = 30, 4


@pytest.fixture
def command():
    """Return a runner of the command."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(evaluate_command)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def unit_rows():
    def make(count, seed):
        return to_unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))

    return make


@pytest.fixture
def bundle(tmp_path, unit_rows):
    """Return a maker of a bundle of random anchors."""

    def make(name="anchors", backbone_id=None):
        pipeline = fake_pipeline(Settings(home=tmp_path))
        facts = NewBundle(
            backbone_id=backbone_id or pipeline.backbone_id,
            pipeline_id=pipeline.pipeline_id,
            parameters=Parameters(k=5, strength=0.5),
            default_method="ida-r",
            provenance={},
            created_by="test",
        )
        create_bundle(tmp_path / name, unit_rows(80, 4), facts, pipeline.embed)
        return tmp_path / name

    return make


@pytest.fixture
def embeddings(tmp_path, unit_rows):
    """Embeddings of thirty people with given pairs in two folds."""
    identities = np.repeat(np.arange(PEOPLE), EACH)
    rows = unit_rows(PEOPLE, 5)[identities] + 0.8 * unit_rows(PEOPLE * EACH, 6)
    first = np.arange(0, PEOPLE * EACH, EACH)
    np.savez(
        tmp_path / "set.npz",
        embeddings=rows,
        identities=identities,
        first=np.concatenate([first, first]),
        second=np.concatenate([first + 1, np.roll(first, 1)]),
        mated=np.repeat([True, False], PEOPLE),
        fold=np.tile(np.arange(PEOPLE) % 2, 2),
    )
    return tmp_path / "set.npz"


def test_command_writes_tables_json_and_html(command, embeddings, bundle, tmp_path):
    out, page = tmp_path / "out.json", tmp_path / "out.html"

    result = command(
        f"mine={embeddings}", "--bundle", bundle(), "--pairs", "all", "--replicates", 100, "--ablation", "k=1,5",
        "--json", out, "--html", page,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "ida-r, a = 0.5" in result.output
    assert "accuracy" not in result.output
    found = json.loads(out.read_bytes())["sets"][0]
    assert (found["name"], found["protocol"], found["compared"]) == ("mine", "all pairs", "embeddings")
    assert found["packs"][0]["mated_pairs"] == PEOPLE * EACH * (EACH - 1) // 2
    assert found["packs"][0]["ablations"][0]["knob"] == "k"
    assert page.read_text().startswith("<!doctype html>")


def test_given_pairs_are_compared_by_default_and_folds_give_an_accuracy(command, embeddings, bundle):
    result = command(embeddings, "--bundle", bundle(), "--replicates", 100, "--method", "csls")

    assert result.exit_code == 0, result.output
    assert "given pairs: 30 mated, 30 non-mated" in " ".join(result.output.split())
    assert "accuracy" in result.output
    assert "as-norm" not in result.output


def test_cosine_alone_needs_no_bundle(command, embeddings):
    result = command(embeddings, "--method", "cosine", "--replicates", 100)

    assert result.exit_code == 0, result.output
    assert "cosine" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "dao"], "There is no method 'dao'"),
        (["--ablation", "beta"], "'beta' is no ablation"),
        (["--json", "no/such/folder/x.json"], "cannot be written"),
    ],
)
def test_wrong_request_ends_at_once_with_exit_code_1(command, embeddings, bundle, arguments, said):
    result = command(embeddings, "--bundle", bundle(), *arguments)

    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())


def test_file_that_is_not_there_is_named(command, bundle, tmp_path):
    result = command(tmp_path / "nothing.npz", "--bundle", bundle())

    assert result.exit_code == 1
    assert "nothing.npz" in result.stderr


@pytest.fixture
def pictures(tmp_path):
    """A folder of twelve people with three pictures each; one has no face."""
    root = tmp_path / "people"
    for person in range(12):
        for number in range(3):
            path = root / f"person{person}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(faces=int((person, number) != (4, 1)), seed=10 * person + number % 2))
    return root


def ask(labels, bundles, **changes):
    facts = {
        "labels": labels,
        "packs": ("fake",),
        "bundles": bundles,
        "images": None,
        "input_form": "photo",
        "pairs": None,
        "distractors": None,
        "exclusions": Exclusions.none(),
        "cached": True,
        "options": MeasureOptions(replicates=100, listed=2),
    }
    return Asked(**{**facts, **changes})


def test_pictures_without_a_face_are_lost_pairs_and_the_second_run_embeds_nothing(pictures, bundle, tmp_path):
    settings, session = Settings(home=tmp_path / "home"), FakeBackboneSession()

    def load(settings):
        return fake_pipeline(settings, session)

    asked = ask((Labels(pictures),), (bundle(),))
    first = evaluate(asked, settings, unstaged, load)
    session.fail_with = AssertionError("embedded again")
    second = evaluate(asked, settings, unstaged, load)

    pack = first.sets[0].packs[0]
    assert (pack.pack, pack.detected, pack.failures, pack.lost_mated_pairs) == ("fake", 35, {"no_face": 1}, 2)
    assert first.sets == second.sets


def test_several_packs_stand_in_one_report_each_with_its_own_bundles(pictures, bundle, tmp_path):
    def load(settings):
        pipeline = fake_pipeline(settings)
        if settings.pack == "other":
            pipeline.backbone_id = pipeline.pipeline_id = "f" * 16
        return pipeline

    bundles = (bundle("one"), bundle("two", backbone_id="f" * 16))
    asked = ask((Labels(pictures),), bundles, packs=("fake", "other"))

    report = evaluate(asked, Settings(home=tmp_path / "home"), unstaged, load)

    assert [[facts.name for facts in pack.bundles] for pack in report.sets[0].packs] == [["one"], ["two"]]


def test_bundle_that_no_pack_fits_is_refused(pictures, bundle, tmp_path):
    asked = ask((Labels(pictures),), (bundle(backbone_id="f" * 16),))

    with pytest.raises(BundleMismatch, match="--pack"):
        evaluate(asked, Settings(home=tmp_path / "home"), unstaged, fake_pipeline)


def test_distractors_of_a_folder_are_ranked_against(pictures, bundle, tmp_path):
    folder = tmp_path / "others"
    folder.mkdir()
    for number in range(15):
        (folder / f"{number}.jpg").write_bytes(picture(faces=int(number != 3), seed=500 + number))

    report = evaluate(
        ask((Labels(pictures),), (bundle(),), distractors=folder),
        Settings(home=tmp_path / "home"),
        unstaged,
        fake_pipeline,
    )

    assert report.sets[0].packs[0].methods[1].identification.distractors == (10, 14)


def test_templates_of_a_table_are_compared(pictures, bundle, tmp_path):
    rows = [f"p{n},person{n}/{i}.jpg,t{n}-{i // 2}" for n in range(12) for i in range(3)]
    table = tmp_path / "templates.csv"
    table.write_text("\n".join(["subject,image,template", *rows]))

    report = evaluate(
        ask((Labels(table),), (bundle(),), images=pictures), Settings(home=tmp_path / "home"), unstaged, fake_pipeline
    )

    found = report.sets[0]
    assert (found.compared, found.faces) == ("templates", 24)
    assert found.packs[0].mated_pairs == 12


def test_given_pairs_that_are_not_there_are_refused(pictures, bundle, tmp_path):
    with pytest.raises(LabelsInvalid, match="--pairs all"):
        evaluate(
            ask((Labels(pictures),), (bundle(),), pairs="given"),
            Settings(home=tmp_path / "home"),
            unstaged,
            fake_pipeline,
        )


@pytest.mark.faces
@pytest.mark.weights
def test_command_on_real_faces(command, pack, faces_dir, tmp_path):
    if not DEFAULT_BUNDLE.is_dir():
        pytest.skip("there is no default bundle")
    folder = faces_dir / "dev" / "lfw"
    lines = (folder / "pairsDevTest.txt").read_text().splitlines()
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("\n".join([*lines[:60], *lines[-60:]]))
    out = tmp_path / "out.json"

    result = command(pairs, "--images", folder / "images", "--no-cache", "--replicates", 100, "--json", out)

    assert result.exit_code == 0, result.output
    found = json.loads(out.read_bytes())["sets"][0]["packs"][0]
    assert found["failures"] == {}
    assert found["methods"][0]["equal_error_rate"] < 0.05


def test_pack_without_a_bundle_is_evaluated_by_cosine_and_the_report_says_why(pictures, tmp_path):
    asked = ask((Labels(pictures),), (), built_in=DEFAULT_BUNDLE)

    report = evaluate(asked, Settings(home=tmp_path / "home"), unstaged, fake_pipeline)

    (pack,) = report.sets[0].packs
    assert ([method.method for method in pack.methods], pack.bundles) == (["cosine"], ())
    assert any("no anchor set is shipped for the backbone" in warning for warning in pack.warnings)


@pytest.mark.parametrize("changes", [{"methods": ("ida-r",)}, {"ablations": (parse("k"),)}])
def test_what_needs_an_anchor_set_is_refused_where_there_is_none(pictures, tmp_path, changes):
    asked = ask((Labels(pictures),), (), built_in=NO_BUNDLE, options=MeasureOptions(replicates=100, **changes))

    with pytest.raises(MethodNotServed, match="IDA_BUNDLE=none"):
        evaluate(asked, Settings(home=tmp_path / "home"), unstaged, fake_pipeline)


def test_embeddings_are_evaluated_by_cosine_where_no_bundle_is_wanted(command, embeddings, monkeypatch):
    monkeypatch.setenv("IDA_BUNDLE", "none")
    result = command(embeddings, "--replicates", 100)

    assert result.exit_code == 0, result.output
    assert "ida-r" not in result.output
