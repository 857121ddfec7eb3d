"""Anchors of every source, degraded, shaped as a set, and resumed: on fake networks and real faiss."""

import json

import numpy as np
import pytest
from fakes import FakeBackboneSession, fake_pipeline, picture
from tiny_generators import write_generator
from tiny_packs import write_pack
from typer.testing import CliRunner

from models.anchors.build import build_bundle, build_from_embeddings
from models.anchors.build_options import BuildOptions
from models.anchors.source import FolderSource, RealFacesSource
from models.anchors.steps import AnchorSteps
from models.commands import packs
from models.commands.anchor_input import SourceOptions, given_embeddings, image_source
from models.commands.anchors import app
from models.degrade.copies import CopyPlan
from models.degrade.recipe import find_recipe
from models.generate.generator import GeneratorFile
from models.images.image_folder import scan
from models.tool_errors import AnchorSourceInvalid
from service.bundle.reader import read_bundle
from service.errors import BundleMismatch
from service.scoring.parameters import Parameters
from service.settings import load_settings
from service.snapshot.golden_check import check_golden
from service.snapshot.snapshot import load_snapshot

LIMIT = 1024 * 1024
K5 = Parameters(k=5)


@pytest.fixture
def session():
    return FakeBackboneSession()


@pytest.fixture
def pipeline(session):
    return fake_pipeline(load_settings(), session)


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory):
    """Return a data folder with a pack whose detector finds one face in every picture."""
    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDA_HOME", str(folder / "home"))
        result = CliRunner().invoke(packs.app, ["add", str(write_pack(folder / "own", dimension=64))])
    assert result.exit_code == 0, result.output
    return folder / "home"


@pytest.fixture
def tiny_pack(tiny_home, monkeypatch):
    """Let the command use that pack."""
    monkeypatch.setenv("IDA_HOME", str(tiny_home))
    monkeypatch.setenv("IDA_PACK", "tiny")


def command(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def images(tmp_path):
    """Return a folder of 70 pictures, two of them without a face."""
    root = tmp_path / "images"
    root.mkdir()
    for number in range(70):
        (root / f"{number:03}.png").write_bytes(picture(faces=0 if number in {3, 40} else 1, seed=number))
    return root


@pytest.fixture
def people(tmp_path):
    """Return a folder of 12 people with three pictures each; the first person's pictures show no face."""
    for person in range(12):
        folder = tmp_path / "people" / f"person {person}"
        folder.mkdir(parents=True)
        for number in range(3):
            content = picture(faces=0 if person == 0 else 1, seed=100 * person + number)
            (folder / f"{number}.png").write_bytes(content)
    return tmp_path / "people"


@pytest.fixture
def build(pipeline, images, tmp_path):
    """Return a function that builds a bundle and gives its embeddings, its provenance and what was told."""

    def run(name="bundle", *, source=None, workers=2, checkpoint_items=1024, progress=lambda _: None, **options):
        source = source or FolderSource(scan(images), max_image_bytes=LIMIT)
        built = build_bundle(
            pipeline,
            source,
            tmp_path / name,
            BuildOptions(parameters=K5, **options),
            workers=workers,
            progress=progress,
            checkpoint_items=checkpoint_items,
        )
        return *read(tmp_path / name), built

    return run


def read(bundle):
    provenance = json.loads((bundle / "manifest.json").read_text())["provenance"]
    return np.load(bundle / "embeddings.npy"), provenance


def plan(copies=2, seed=0):
    return CopyPlan(find_recipe("default"), copies, seed)


# Degrading.


def test_build_with_a_recipe_embeds_each_copy_and_tells_the_recipe(build):
    anchors, provenance, built = build(plan=plan(copies=3, seed=7))

    assert len(anchors) == built.anchors == 3 * 68
    assert dict(built.rejected) == {"no_face": 2}
    assert provenance["recipe"]["steps"] == ["decode", "detect", "degrade", "align", "embed"]
    assert provenance["recipe"]["degradations"]["name"] == "default"
    assert (provenance["recipe"]["copies"], provenance["recipe"]["seed"]) == (3, 7)


def test_build_with_a_recipe_gives_the_same_anchors_with_other_threads_and_others_with_another_seed(build):
    one, _, _ = build("one", plan=plan(), workers=1)
    seven, _, _ = build("seven", plan=plan(), workers=7)
    other, _, _ = build("other", plan=plan(seed=1), workers=2)

    assert np.array_equal(one, seven)
    assert not np.array_equal(one, other)


# Going on.


class Interrupted(KeyboardInterrupt):
    """Ctrl-C."""


def test_build_that_was_interrupted_goes_on_and_gives_the_same_bundle(build, tmp_path):
    build("whole", plan=plan(), checkpoint_items=16)

    def interrupt(progress):
        if progress.images >= 40:
            raise Interrupted

    with pytest.raises(Interrupted):
        build("parts", plan=plan(), checkpoint_items=16, progress=interrupt)
    assert not (tmp_path / "parts").exists()
    seen = []
    _, _, built = build("parts", plan=plan(), checkpoint_items=16, progress=seen.append)

    assert seen[0].images >= 32
    assert built.images == 70
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert not list(tmp_path.glob(".parts*"))


def test_build_that_was_interrupted_starts_anew_where_the_images_changed(build, images, tmp_path):
    def interrupt(progress):
        if progress.images >= 40:
            raise Interrupted

    with pytest.raises(Interrupted):
        build(checkpoint_items=16, progress=interrupt)
    (images / "new.png").write_bytes(picture(seed=500))
    seen = []

    _, _, built = build(checkpoint_items=16, progress=seen.append)

    assert seen[0].images <= 32
    assert built.anchors == 69


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The set as a whole.


def test_build_with_steps_tells_what_they_did_and_stores_what_remains(build, images):
    for number in range(10):
        (images / f"again {number}.png").write_bytes(picture(seed=10 + number))

    anchors, provenance, built = build(steps=AnchorSteps(duplicates=0.9999, shared="mean"), stored_type="float32")

    assert len(anchors) == 68
    assert provenance["set"]["asked"] == {"duplicates": 0.9999, "shared": "mean", "directions": 1, "spread": None}
    assert (provenance["set"]["given"], provenance["set"]["near_duplicates"]) == (78, 10)
    assert provenance["set"]["shared_share"] > 0
    assert np.linalg.norm(anchors, axis=1) == pytest.approx(np.ones(68), abs=1e-5)
    # What all shared is gone: the mean of the unit vectors is nearly the origin.
    assert np.linalg.norm(anchors.mean(axis=0)) < 0.2
    assert built.report.mean_pair_cosine < built.report.mean_pair_cosine_given


# Other sources.


def test_generator_streamed_gives_the_anchors_of_its_folder(tiny_pack, tmp_path):
    path, run = write_generator(tmp_path / "tiny.onnx", side=96), ("--seed", 2, "--batch", 8)
    generated = command("generate", "--generator", path, "--out", tmp_path / "faces", "--count", 30, *run)
    streamed = command("build", "--generator", path, "--count", 30, "--out", tmp_path / "streamed", *run)
    stored = command("build", "--images", tmp_path / "faces", "--seed", 2, "--out", tmp_path / "stored")

    assert generated.exit_code == streamed.exit_code == stored.exit_code == 0, streamed.output + stored.output
    assert "30 anchors from 30 images" in streamed.output
    (anchors, provenance), (same, stored_provenance) = read(tmp_path / "streamed"), read(tmp_path / "stored")
    assert np.array_equal(anchors, same)
    assert provenance["count"] == 30
    assert provenance["generation"] == stored_provenance["generation"]
    assert provenance["generation"]["seed"] == 2
    assert provenance["recipe"]["degradations"]["name"] == "default"


def test_real_faces_give_one_anchor_a_person_and_no_names(build, people, pipeline):
    source = RealFacesSource(scan(people), max_image_bytes=LIMIT, seed=0, consent="signed in 2024")

    anchors, provenance, built = build(source=source)

    assert len(anchors) == 11
    assert dict(built.rejected) == {"no_face": 3}
    assert built.images == 14
    assert (provenance["people"], provenance["consent"]) == (12, "signed in 2024")
    assert "person" not in json.dumps(provenance)


def test_real_faces_of_another_seed_are_other_images(build, people, pipeline):
    def anchors(name, seed):
        source = RealFacesSource(scan(people), max_image_bytes=LIMIT, seed=seed, consent="given")
        return build(name, source=source)[0]

    assert np.array_equal(anchors("a", 0), anchors("b", 0))
    assert not np.array_equal(anchors("a2", 0), anchors("c", 1))


def test_real_faces_without_a_word_of_consent_are_refused(people, pipeline):
    with pytest.raises(AnchorSourceInvalid, match="--consent"):
        RealFacesSource(scan(people), max_image_bytes=LIMIT, seed=0, consent=" ")


def test_real_faces_of_an_image_that_belongs_to_nobody_are_refused(people, pipeline):
    (people / "stray.png").write_bytes(picture())

    with pytest.raises(AnchorSourceInvalid, match=r"stray\.png"):
        RealFacesSource(scan(people), max_image_bytes=LIMIT, seed=0, consent="given")


def test_class_weights_give_a_bundle_that_the_service_loads(pipeline, tmp_path):
    weights = np.random.default_rng(1).normal(size=(40, 32)).astype(np.float32)
    np.save(tmp_path / "head.npy", weights)
    given = given_embeddings(SourceOptions(class_weights=tmp_path / "head.npy"), pipeline)

    built = build_from_embeddings(
        pipeline, given.embeddings, tmp_path / "bundle", BuildOptions(parameters=K5, stored_type="float32"), given.facts
    )

    snapshot = load_snapshot(tmp_path / "bundle", backbone_id=pipeline.backbone_id, device="cpu", generation=1)
    assert check_golden(snapshot, pipeline.embed).passed
    expected = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    anchors = read_bundle(tmp_path / "bundle", backbone_id=pipeline.backbone_id).anchors
    assert anchors.embeddings == pytest.approx(expected, abs=1e-6)
    assert built.anchors == 40
    provenance = read(tmp_path / "bundle")[1]
    assert provenance["class_weights"]["file"] == "head.npy"
    assert provenance["class_weights"]["classes"] == 40


def from_bundles(pipeline, out, *bundles, **options):
    given = given_embeddings(SourceOptions(bundles=bundles), pipeline)
    build_from_embeddings(
        pipeline, given.embeddings, out, BuildOptions(**options), given.facts, pipeline_id=given.pipeline_id
    )
    return given


def test_bundle_of_a_bundle_shares_its_embeddings_to_the_bit(build, pipeline, tmp_path):
    _, _, built = build("given")

    given = from_bundles(pipeline, tmp_path / "made", tmp_path / "given", parameters=K5.changed(tau=8.0))

    assert (tmp_path / "made" / "embeddings.npy").read_bytes() == (tmp_path / "given" / "embeddings.npy").read_bytes()
    assert given.parameters == K5
    provenance = read(tmp_path / "made")[1]
    assert provenance["bundles"][0]["anchor_set_id"] == built.bundle_id
    assert provenance["bundles"][0]["provenance"]["images"] == "images"
    snapshot = load_snapshot(tmp_path / "made", backbone_id=pipeline.backbone_id, device="cpu", generation=1)
    assert snapshot.parameters.tau == 8.0
    assert check_golden(snapshot, pipeline.embed).passed


def test_bundles_taken_together_have_the_anchors_of_each(build, pipeline, tmp_path):
    clean, _, _ = build("clean")
    poor, _, _ = build("poor", plan=plan(copies=1))

    from_bundles(pipeline, tmp_path / "both", tmp_path / "clean", tmp_path / "poor", parameters=K5)

    assert np.array_equal(read(tmp_path / "both")[0], np.concatenate([clean, poor]))


def test_bundle_of_another_backbone_is_refused(build, pipeline, tmp_path):
    build("given")
    other = fake_pipeline(load_settings())
    other.backbone_id = "0" * 16

    with pytest.raises(BundleMismatch):
        given_embeddings(SourceOptions(bundles=(tmp_path / "given",)), other)


# The command's choice of a source.


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (SourceOptions(), "none is given"),
        (SourceOptions(images="a", class_weights="b"), "--images and --class-weights"),
        (SourceOptions(generator=GeneratorFile("g.onnx")), "--count"),
    ],
)
def test_source_options_that_name_not_one_source_are_refused(options, reason):
    with pytest.raises(AnchorSourceInvalid, match=reason):
        options.check()


def test_source_options_open_what_they_name(images, people, tmp_path, pipeline):
    generator = GeneratorFile(write_generator(tmp_path / "g.onnx"))
    settings = load_settings()

    assert len(image_source(SourceOptions(images=images), pipeline, settings)) == 70
    assert len(image_source(SourceOptions(real_faces=people, consent="given"), pipeline, settings)) == 12
    assert len(image_source(SourceOptions(generator=generator, count=5), pipeline, settings)) == 5
    assert image_source(SourceOptions(bundles=(tmp_path,)), pipeline, settings) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "none is given"),
        (("--images", "{images}", "--class-weights", "{images}/000.png"), "--images and --class-weights"),
        (("--images", "{images}", "--recipe", "nowhere.toml"), "nowhere.toml"),
        (("--real-faces", "{images}"), "--consent"),
    ],
)
def test_command_with_options_that_cannot_be_exits_1_and_says_why(images, tiny_pack, tmp_path, arguments, said):
    given = [argument.format(images=images) for argument in arguments]

    result = command("build", *given, "--out", tmp_path / "bundle")

    assert result.exit_code == 1
    assert said in result.output


def test_command_takes_a_bundle_with_its_own_parameters_and_changes_what_it_is_told(tiny_pack, images, tmp_path):
    first = command("build", "--images", images, "--out", tmp_path / "first", "--k", 7, "--tau", 4, "--strength", 0.4)
    second = command("build", "--bundle", tmp_path / "first", "--out", tmp_path / "second", "--tau", 2)

    assert first.exit_code == second.exit_code == 0, first.output + second.output
    manifest = json.loads((tmp_path / "second" / "manifest.json").read_text())
    assert (manifest["count"], manifest["k"], manifest["tau"], manifest["strength"]) == (70, 7, 2.0, 0.4)
    assert (tmp_path / "second" / "embeddings.npy").read_bytes() == (tmp_path / "first" / "embeddings.npy").read_bytes()


def test_command_with_real_faces_and_no_guard_says_what_that_means(tiny_pack, people, tmp_path):
    arguments = ("build", "--real-faces", people, "--consent", "signed", "--recipe", "none")

    without = command(*arguments, "--out", tmp_path / "a")
    guarded = command(*arguments, "--out", tmp_path / "b", "--guard", 0.5, "--k", 5)

    assert without.exit_code == guarded.exit_code == 0, without.output + guarded.output
    assert "12 anchors from 12 images" in without.output
    assert "--guard" in without.output
    assert "--guard" not in guarded.output
    assert json.loads((tmp_path / "b" / "manifest.json").read_text())["guard"] == 0.5
