"""Pictures that no tool can read: each is told by its path, and every other one is used."""

from typing import ClassVar

import numpy as np
import pytest
import typer
from fakes import fake_pipeline, picture
from typer.testing import CliRunner

import models.commands.verify_command as faces_command
from models.anchors.build import build_bundle
from models.anchors.build_options import BuildOptions
from models.anchors.inspection.probes import probes_of_folder
from models.anchors.source import FolderSource
from models.evaluation.asked import Asked, Labels
from models.evaluation.evaluation_session import evaluate
from models.evaluation.measure import MeasureOptions
from models.heads.ssr.training_faces import embed_folder
from models.images.image_folder import scan
from models.images.unreadable import unreadable_sentence
from models.labelled.calibration_people import CalibrationPeople
from models.labelled.embed import Embedder
from models.labelled.exclusions import Exclusions
from models.labelled.labelled_faces import read_labelled
from models.progress import unstaged
from service.errors import ImageUndecodable
from service.scoring.parameters import Parameters
from service.settings import Settings

pytestmark = pytest.mark.slow

FAILURES = {
    "ImageUndecodable": ImageUndecodable("damaged"),
    "MemoryError": MemoryError(),
    "RecursionError": RecursionError("too deep"),
}
CODES = {"ImageUndecodable": "image_undecodable", "MemoryError": "unreadable", "RecursionError": "unreadable"}
BAD = "person1/05.png"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def people(tmp_path):
    root = tmp_path / "people"
    for number in range(24):
        path = root / f"person{number % 4}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed=number))
    return root


@pytest.fixture(params=FAILURES)
def failing(request, settings, people, monkeypatch):
    """A pipeline whose decoder runs into a failure at one picture; the code that picture is told by."""
    pipeline, bad = fake_pipeline(settings), (people / BAD).read_bytes()
    plain = {"extract": pipeline.extract, "decode": pipeline.decode}

    def broken(name):
        def run(data, *rest):
            if data == bad:
                raise FAILURES[request.param]
            return plain[name](data, *rest)

        return run

    for name in plain:
        monkeypatch.setattr(pipeline, name, broken(name))
    return pipeline, CODES[request.param]


def test_labelled_faces_go_on_without_it(people, failing):
    pipeline, code = failing

    found = read_labelled(people, Embedder(pipeline))

    assert found.failures == {code: 1}
    assert found.detected.sum() == 23
    said = unreadable_sentence(found.images, found.rejected)
    assert said == f"1 of 24 pictures could not be read: {BAD} ({code})."


def test_evaluation_goes_on_and_warns_with_its_path(people, failing, settings):
    pipeline, code = failing
    asked = Asked(
        labels=(Labels(people),), packs=("fake",), bundles=(), images=None, input_form="photo", pairs=None,
        distractors=None, exclusions=Exclusions.none(), cached=False,
        options=MeasureOptions(methods=("cosine",), replicates=100),
    )  # fmt: skip

    report = evaluate(asked, settings, unstaged, load=lambda _: pipeline)

    assert any(f"{BAD} ({code})" in warning for warning in report.sets[0].packs[0].warnings)


def test_probes_go_on_and_name_it(people, failing):
    pipeline, code = failing

    probes = probes_of_folder(people, Embedder(pipeline, workers=1))

    assert (len(probes.names), probes.without_face) == (23, 1)
    assert f"{BAD} ({code})" in probes.unreadable


def test_anchors_are_built_of_the_others_and_it_is_named(people, failing, tmp_path):
    pipeline, code = failing

    built = build_bundle(
        pipeline,
        FolderSource(scan(people), max_image_bytes=10**6),
        tmp_path / "bundle",
        BuildOptions(parameters=Parameters(k=5)),
        workers=1,
    )

    assert (built.anchors, built.rejected) == (23, {code: 1})
    assert built.unreadable == (f"{BAD} ({code})",)


def test_training_embeds_the_others(people, failing):
    pipeline, code = failing

    class OfOthers:
        provenance: ClassVar = {}

    gathered = embed_folder(people, Embedder(pipeline, workers=1), OfOthers())

    assert gathered.facts["rejected"] == {code: 1}
    assert f"{BAD} ({code})" in gathered.unreadable


def test_many_are_counted_and_the_first_named():
    said = unreadable_sentence([f"{n}.jpg" for n in range(9)], ["unreadable"] * 8 + ["no_face"])

    assert said.startswith("8 of 9 pictures could not be read: 0.jpg (unreadable)")
    assert said.endswith("and 3 more.")
    assert unreadable_sentence(["a"], ["no_face"]) == unreadable_sentence([], []) == ""


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("command", ["verify", "embed"])
def test_pair_or_face_that_cannot_be_decoded_is_one_line_with_its_path(people, monkeypatch, failure, command):
    class Verifier:
        def verify(self, probe, reference, **_):
            raise FAILURES[failure].about("reference") if failure == "ImageUndecodable" else FAILURES[failure]

        def embed(self, image, **_):
            raise FAILURES[failure].about("image") if failure == "ImageUndecodable" else FAILURES[failure]

    class Opened:
        max_image_bytes = 10**6

    monkeypatch.setattr(faces_command, "_load", lambda: (Opened(), None, Verifier()))
    app = typer.Typer()
    app.command()(getattr(faces_command, command))

    paths = [str(people / "person0" / "00.png"), str(people / BAD)]
    result = CliRunner().invoke(app, paths if command == "verify" else paths[1:])

    assert result.exit_code == 1
    assert str(people / BAD) in result.output.replace("\n", "")
    assert "Traceback" not in result.output


def test_nobody_is_known_of_a_bundle_that_does_not_say(people, failing):
    found = read_labelled(people, Embedder(failing[0]))

    assert all(len(part) == 0 for part in CalibrationPeople().parts_of(found).values())
    assert np.array_equal(CalibrationPeople().set_aside(found), [])
