"""Packs that people have: insightface's as they are, a manifest for a backbone, ways to feed it, and their removal."""

import json
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_packs
from click.testing import Result
from documents import REPOSITORY, blocks
from filelock import FileLock
from insightface_packs import (
    networks,
    of_square,
    recognition,
    scrfd,
    with_arithmetic,
    write_folder,
    write_version_2,
    write_zip,
)
from PIL import Image
from typer.testing import CliRunner

from models.cli import app as whole
from models.commands.packs import app
from models.packs.photographs import example_photographs
from service.pack import load_pack, read_manifest

Models = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IDA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


@pytest.fixture
def models(home: Path) -> Models:
    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [*map(str, arguments)])

    return run


def said(result: Result) -> str:
    return " ".join((result.output + result.stderr).split())


def left(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "packs").glob("*") if path.name != ".lock")


# Insightface's packs


@pytest.mark.parametrize("kind", ["buffalo_l", "buffalo_m", "buffalo_s", "buffalo_sc", "antelopev2"])
def test_pack_of_insightface_is_added_as_it_is(tmp_path: Path, home: Path, models: Models, kind: str) -> None:
    result = models("add", "--insightface", write_folder(tmp_path / kind, networks(kind)))
    assert result.exit_code == 0, result.output
    assert "licence: insightface: for non-commercial research only" in result.output
    assert f"IDA_PACK={kind}" in result.output
    manifest = load_pack(home, kind).manifest
    assert (manifest.detector.adapter, manifest.landmarks, manifest.dimension) == ("scrfd", None, 512)
    assert (manifest.detector.preprocessing.mean, manifest.detector.preprocessing.scale) == (127.5, 128.0)
    fed = manifest.backbones[0].preprocessing
    assert (fed.colour, fed.mean, fed.scale) == ("rgb", 127.5, 127.5)
    assert {part.licence for part in manifest.files} == {"insightface: for non-commercial research only"}
    if kind != "buffalo_sc":
        assert "1k3d68.onnx (landmarks), 2d106det.onnx (landmarks), genderage.onnx (attributes)" in said(result)


@pytest.mark.parametrize("inside", ["", "antelopev2/"])
def test_zip_is_added_whatever_folder_it_has_and_nothing_is_left_of_it(
    tmp_path: Path, home: Path, models: Models, inside: str
) -> None:
    archive = write_zip(tmp_path / "antelopev2.zip", networks("antelopev2"), inside=inside)
    result = models("add", "--insightface", archive)
    assert result.exit_code == 0, result.output
    receipt = load_pack(home, "antelopev2").receipt
    (source,) = receipt.sources.values()
    assert (source.origin, len(source.sha256 or "")) == ("zip", 64)
    assert receipt.files["detector"].batch == "one"
    assert receipt.files["backbone"].batch == "dynamic"
    assert left(home) == ["antelopev2"]
    again = models("add", "--insightface", archive)
    assert (again.exit_code, "nothing was done" in again.output) == (0, True)


def test_nested_folder_is_found(tmp_path: Path, home: Path, models: Models) -> None:
    write_folder(tmp_path / "antelopev2" / "antelopev2", networks("antelopev2"))
    assert models("add", "--insightface", tmp_path / "antelopev2").exit_code == 0
    assert left(home) == ["antelopev2"]


def test_added_pack_serves_cosine_and_check_says_so(tmp_path: Path, home: Path, models: Models, monkeypatch) -> None:
    models("add", "--insightface", write_folder(tmp_path / "buffalo_s", networks("buffalo_s")))
    monkeypatch.setenv("IDA_PACK", "buffalo_s")
    photographs = []
    for number, pixels in enumerate(example_photographs()[:2]):
        photographs.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(photographs[-1])
    run = CliRunner()
    result = run.invoke(whole, ["verify", *map(str, photographs), "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.output[result.output.index("{") :])
    assert (answer["method"], answer["decision"], answer["anchor_set"]) == ("cosine", None, None)
    assert "no anchor set is shipped for the backbone" in answer["no_decision_reason"]
    table = run.invoke(whole, ["verify", *map(str, photographs)])
    assert "anchor set" in table.output
    assert "none" in table.output
    strict, allowed = run.invoke(whole, ["check", "--json"]), run.invoke(whole, ["check", "--allow-uncalibrated"])
    report = json.loads(strict.output[strict.output.index("{") :])
    assert (strict.exit_code, allowed.exit_code) == (1, 0)
    assert (report["anchor_set_id"], report["bundle"], report["methods"]) == (None, None, ["cosine"])
    assert "no anchor set is shipped" in report["no_decisions"]


@pytest.mark.parametrize("names", [True, False])
def test_backbone_that_prepares_its_pixels_itself_is_fed_them_as_they_are(
    tmp_path: Path, home: Path, models: Models, names: bool
) -> None:
    found = {"det_10g.onnx": scrfd(), "r100.onnx": with_arithmetic(recognition(), 127.5, 128, names=names)}
    result = models("add", "--insightface", write_folder(tmp_path / "mine", found))
    assert result.exit_code == 0, result.output
    fed = load_pack(home, "mine").manifest.backbones[0].preprocessing
    assert (fed.mean, fed.scale) == (0.0, 1.0)
    assert "begins with Sub, Mul: (pixel - 127.5) / 128" in said(result)


def test_fixed_size_of_a_detector_is_kept(tmp_path: Path, home: Path, models: Models) -> None:
    found = {"det_500m.onnx": scrfd(side=640), "w600k_mbf.onnx": recognition()}
    assert models("add", "--insightface", write_folder(tmp_path / "mine", found)).exit_code == 0
    assert load_pack(home, "mine").manifest.detector.preprocessing.width == 640


def test_first_of_two_of_a_kind_is_taken_as_insightface_does_and_the_other_told(
    tmp_path: Path, home: Path, models: Models
) -> None:
    found = {**networks("buffalo_sc"), "zz.onnx": recognition(dimension=128), "aa.onnx": scrfd(landmarks=False)}
    result = models("add", "--insightface", write_folder(tmp_path / "mine", found))
    assert result.exit_code == 0, result.output
    assert "aa.onnx (another detector), zz.onnx (another recognition network)" in said(result)
    assert load_pack(home, "mine").manifest.dimension == 512


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"w600k_r50.onnx": recognition()}, "no detector with five landmarks"),
        ({"det.onnx": scrfd(landmarks=False), "r.onnx": recognition()}, "but det.onnx with 6 outputs"),
        ({"det.onnx": scrfd()}, "no recognition network of 112x112"),
        ({"det.onnx": scrfd(), "r.onnx": recognition(side=128)}, "but r.onnx of (128, 128)"),
        ({"det.onnx": scrfd(), "l.onnx": of_square(192, 212)}, "no recognition network"),
    ],
)
def test_pack_that_lacks_what_is_needed_is_refused_with_what_it_has(
    tmp_path: Path, home: Path, models: Models, found: dict[str, onnx.ModelProto], words: str
) -> None:
    result = models("add", "--insightface", write_folder(tmp_path / "mine", found))
    assert (result.exit_code, words in said(result)) == (1, True), result.output
    assert left(home) == []


def test_package_of_version_2_is_read_by_its_manifest(tmp_path: Path, home: Path, models: Models) -> None:
    folder = write_version_2(tmp_path / "anything", licence="Raccoon model licence\nfor research alone")
    result = models("add", "--insightface", folder)
    assert result.exit_code == 0, result.output
    manifest = load_pack(home, "raccoon_s").manifest
    assert (manifest.backbones[0].preprocessing.scale, manifest.detector.preprocessing.scale) == (128.0, 128.0)
    assert manifest.backbones[0].licence == "MODEL.LICENSE of raccoon_s: Raccoon model licence"
    assert "live.onnx" in said(result)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": {"detection": {"file": "models/face.onnx"}}}, "has no task 'recognition'"),
        (
            {"tasks": {"detection": {"file": "../face.onnx"}, "recognition": {"file": "models/id.onnx"}}},
            "lies outside its folder",
        ),
        (
            {
                "tasks": {
                    "detection": {"file": "models/face.onnx"},
                    "recognition": {"file": "models/id.onnx", "sha256": "0" * 64},
                }
            },
            "Fetch the package again",
        ),
        (
            {
                "tasks": {
                    "detection": {"file": "models/face.onnx"},
                    "recognition": {"file": "models/id.onnx", "input_size": [128, 128]},
                }
            },
            "takes crops of (128, 128)",
        ),
        ({"model_id": "../../x"}, "model_id"),
    ],
)
def test_manifest_of_version_2_that_does_not_hold_is_refused(
    tmp_path: Path, home: Path, models: Models, changes: dict[str, object], words: str
) -> None:
    result = models("add", "--insightface", write_version_2(tmp_path / "p", **changes))  # type: ignore[arg-type]
    assert (result.exit_code, words in said(result)) == (1, True), result.output
    assert left(home) == []


def test_manifest_of_another_version_is_passed_over_as_insightface_does(
    tmp_path: Path, home: Path, models: Models
) -> None:
    folder = write_folder(tmp_path / "old", networks("buffalo_sc"))
    (folder / "manifest.json").write_text('{"manifest_version": 1, "tasks": 7}')
    assert models("add", "--insightface", folder).exit_code == 0


def test_licence_and_name_may_be_given(tmp_path: Path, home: Path, models: Models) -> None:
    folder = write_folder(tmp_path / "Our Models", networks("buffalo_sc"))
    assert models("add", "--insightface", folder, "--licence", 'ours, "2026"').exit_code == 0
    assert left(home) == ["our-models"]
    assert load_pack(home, "our-models").manifest.backbones[0].licence == 'ours, "2026"'
    assert models("add", "--insightface", folder, "--name", "second").exit_code == 0
    assert left(home) == ["our-models", "second"]


def test_name_that_another_pack_has_is_a_conflict_until_it_is_forced(
    tmp_path: Path, home: Path, models: Models
) -> None:
    models("add", tiny_packs.write_pack(tmp_path / "own", name="buffalo_s"))
    folder = write_folder(tmp_path / "buffalo_s", networks("buffalo_s"))
    refused = models("add", "--insightface", folder)
    assert (refused.exit_code, "another name with --name" in said(refused)) == (1, True)
    assert models("add", "--insightface", folder, "--force").exit_code == 0
    assert load_pack(home, "buffalo_s").manifest.detector.adapter == "scrfd"


@pytest.mark.parametrize(
    "arguments", [(), ("folder", "--insightface", "other"), ("folder", "--name", "x"), ("folder", "--licence", "x")]
)
def test_options_that_do_not_belong_together_are_a_wrong_command_line(models: Models, arguments: tuple[str]) -> None:
    assert models("add", *arguments).exit_code == 2


def test_what_is_not_there_is_told(tmp_path: Path, models: Models) -> None:
    result = models("add", "--insightface", tmp_path / "nothing")
    assert (result.exit_code, "is not there" in said(result)) == (1, True)


@pytest.mark.faces
def test_real_scrfd_is_added_as_a_detector_of_insightface(tmp_path: Path, home: Path, models: Models) -> None:
    default = Path(__file__).parents[2].parent / "shared" / "faces"
    weights = Path(os.environ.get("IDA_FACES_DIR", default)).parent / "models" / "scrfd_500m_kps.onnx"
    if not weights.is_file():
        pytest.skip("the detector weights are not beside the development faces (IDA_FACES_DIR)")
    folder = write_folder(tmp_path / "mine", {"w600k_mbf.onnx": recognition()})
    shutil.copyfile(weights, folder / "det_500m.onnx")
    result = models("add", "--insightface", folder)
    assert result.exit_code == 0, result.output
    assert load_pack(home, "mine").receipt.files["detector"].proof.inputs >= len(example_photographs())


# What the document says


def run_documented(test: str, **given: str) -> list[Result]:
    """Run the commands of the block of the packs' document that names a test, in the folder that is the current one."""
    document = REPOSITORY / "models" / "packs" / "README.md"
    (block,) = [found for found in blocks(document) if found.note.endswith(f"::{test}")]
    results = []
    for line in block.text.splitlines():
        words = [given.get(word, word) for word in shlex.split(line)]
        variables = dict(word.split("=", 1) for word in words[: words.index("ida-verify")])
        results.append(CliRunner().invoke(whole, words[len(variables) + 1 :], env=variables))
        assert results[-1].exit_code == 0, (line, results[-1].output)
    return results


@pytest.mark.usefixtures("home")
def test_commands_for_a_pack_of_insightface_run_as_the_document_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_zip(tmp_path / "buffalo_l.zip", networks("buffalo_l"))
    _, checked = run_documented("test_commands_for_a_pack_of_insightface_run_as_the_document_has_them")
    assert "cosine" in checked.output


@pytest.mark.usefixtures("donor")
def test_commands_for_a_pack_of_ones_own_run_as_the_document_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "backbone.onnx", tiny_packs.backbone(256))
    for person in range(3):
        (tmp_path / "people" / str(person)).mkdir(parents=True)
        for number, pixels in enumerate(example_photographs()[person::3]):
            Image.fromarray(pixels).save(tmp_path / "people" / str(person) / f"{number}.png")
    test = "test_commands_for_a_pack_of_ones_own_run_as_the_document_has_them"
    _, tried, _, _ = run_documented(test, LABELLED="people")
    assert "8 faces" in tried.output
    assert "too few pairs" in tried.output


# A manifest for a backbone


@pytest.fixture
def donor(tmp_path: Path, home: Path, models: Models, monkeypatch: pytest.MonkeyPatch) -> str:
    assert models("add", tiny_packs.write_pack(tmp_path / "donor", name="donor")).exit_code == 0
    monkeypatch.setenv("IDA_PACK", "donor")
    return "donor"


def written(path: Path, network: onnx.ModelProto) -> Path:
    path.write_bytes(network.SerializeToString())
    return path


@pytest.mark.usefixtures("donor")
def test_new_pack_can_be_added_at_once(tmp_path: Path, home: Path, models: Models) -> None:
    backbone = written(tmp_path / "backbone.onnx", tiny_packs.backbone(128))
    made = models("new", backbone, "--out", tmp_path / "my-pack")
    assert made.exit_code == 0, made.output
    manifest = read_manifest(tmp_path / "my-pack")
    assert (manifest.name, manifest.dimension, manifest.detector.adapter) == ("my-pack", 128, "ultra-light")
    assert manifest.landmarks is not None
    text = (tmp_path / "my-pack" / "pack.toml").read_text()
    assert "# DECIDE colour: rgb or bgr" in text
    assert "# DECIDE mean and scale: 127.5 and 127.5" in text
    assert "read from the file: dimension 128" in made.output
    assert made.output.count("DECIDE in") == 3
    assert models("add", tmp_path / "my-pack").exit_code == 0
    assert load_pack(home, "my-pack").manifest.backbones[0].licence == "not stated"


def test_new_pack_asks_of_a_face_what_the_donors_detector_must_say_and_not_what_its_backbone_must(
    tmp_path: Path, home: Path, models: Models
) -> None:
    folder = tiny_packs.write_pack(tmp_path / "donor", name="donor")
    with (folder / "pack.toml").open("a") as manifest:
        manifest.write("[face]\nsure_detection = 0.9\nleast_strength = 0.25\nleast_norm = 0.5\n")
    models("add", folder)
    backbone = written(tmp_path / "b.onnx", tiny_packs.backbone(64))
    assert models("new", backbone, "--out", tmp_path / "p", "--with", "donor").exit_code == 0
    face = read_manifest(tmp_path / "p").face
    assert (face.sure_detection, face.least_strength, face.least_norm) == (0.9, 0.25, 0.0)
    assert load_pack(home, "donor").manifest.face.least_norm == 0.5


@pytest.mark.usefixtures("donor")
def test_new_pack_says_what_the_file_says_of_its_scale(tmp_path: Path, models: Models) -> None:
    backbone = written(tmp_path / "b.onnx", with_arithmetic(tiny_packs.backbone(64), 127.5, 128, divides=True))
    made = models("new", backbone, "--out", tmp_path / "p", "--name", "mine", "--licence", "ours")
    assert made.exit_code == 0, made.output
    part = read_manifest(tmp_path / "p").backbones[0]
    assert (part.preprocessing.mean, part.preprocessing.scale, part.licence) == (0.0, 1.0, "ours")
    assert "the network begins with Sub, Div: (pixel - 127.5) / 128" in said(made)
    assert made.output.count("DECIDE in") == 1


@pytest.mark.usefixtures("donor")
@pytest.mark.parametrize(
    ("network", "words"),
    [
        (of_square(192, 212), "takes pictures of (any, 3, 192, 192)"),
        (tiny_packs.detector(), "takes pictures of (1, 3, 48, 64)"),
        (scrfd(), "an embedding has (1, d)"),
        (
            tiny_packs.network(
                [onnx.helper.make_node("ReduceMean", ["input"], ["out"], axes=[1, 2], keepdims=0)],
                {},
                input_shape=(1, 112, 112, 3),
                outputs={"out": (1, 3)},
            ),
            "channels last",
        ),
    ],
)
def test_what_is_no_backbone_is_refused_and_nothing_written(
    tmp_path: Path, models: Models, network: onnx.ModelProto, words: str
) -> None:
    result = models("new", written(tmp_path / "b.onnx", network), "--out", tmp_path / "p")
    assert (result.exit_code, words in said(result)) == (1, True), result.output
    assert not (tmp_path / "p").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("donor")
def test_new_pack_replaces_no_folder_and_needs_an_installed_donor(tmp_path: Path, models: Models) -> None:
    backbone = written(tmp_path / "b.onnx", tiny_packs.backbone(64))
    (tmp_path / "p").mkdir()
    assert "is there already" in said(models("new", backbone, "--out", tmp_path / "p"))
    unknown = models("new", backbone, "--out", tmp_path / "q", "--with", "nobody")
    assert (unknown.exit_code, "nobody is not in" in said(unknown)) == (1, True)
    wrong = models("new", backbone, "--out", tmp_path / "q", "--name", "No Name")
    assert (wrong.exit_code, "name" in said(wrong)) == (1, True)


# Ways to feed it


def labelled(folder: Path, people: int = 12, each: int = 5, *, red_alone: bool = False) -> Path:
    """Crops of made-up people who differ by the colours of patches, all of them or the red alone, in other light."""
    random = np.random.default_rng(5)
    for person in range(people):
        face = random.integers(40, 215, (4, 4, 3))
        for number in range(each):
            shown = face.copy()
            if red_alone:
                shown[..., 1:] = random.integers(40, 215, (4, 4, 2))
            seen = np.clip(shown + random.normal(0, 30, face.shape) + random.normal(0, 10), 0, 255).astype(np.uint8)
            pixels = Image.fromarray(seen).resize((112, 112), Image.Resampling.NEAREST)
            (folder / f"person-{person}").mkdir(parents=True, exist_ok=True)
            pixels.save(folder / f"person-{person}" / f"{number}.png")
    return folder


def colour_backbone(order: str) -> onnx.ModelProto:
    """A backbone that was made for a colour order, and for pixels of -1 to 1: it looks at the red channel alone."""
    pick = np.zeros((1, 3, 28, 28), np.float32)
    pick[:, order.index("r")] = 3 / 28**2
    nodes = [
        onnx.helper.make_node("Conv", ["input", "pick"], ["cells"], kernel_shape=[28, 28], strides=[28, 28]),
        onnx.helper.make_node("Tanh", ["cells"], ["bent"]),
        onnx.helper.make_node("Flatten", ["bent"], ["embedding"], axis=1),
    ]
    return tiny_packs.network(nodes, {"pick": pick}, input_shape=("n", 3, 112, 112), outputs={"embedding": ("n", 16)})


@pytest.mark.usefixtures("donor")
@pytest.mark.parametrize(("order", "told"), [("rgb", "rgb, (127.5) / (127.5)"), ("bgr", 'Set colour = "bgr"')])
def test_way_that_a_backbone_was_made_for_is_found(tmp_path: Path, models: Models, order: str, told: str) -> None:
    models("new", written(tmp_path / "b.onnx", colour_backbone(order)), "--out", tmp_path / "p", "--name", "mine")
    people = labelled(tmp_path / "people", people=40, red_alone=True)
    arguments = ("try", tmp_path / "p", "--data", people, "--input-form", "crop", "--replicates", 100)
    result = models(*arguments)
    assert result.exit_code == 0, result.output
    assert told in said(result)
    (trial,) = json.loads(models(*arguments, "--json").output)
    best = {way["feeding"]["preprocessing"]["scale"] for way in trial["tried"][:2]}
    assert best == {127.5, 128.0}
    assert trial["tried"][0]["feeding"]["preprocessing"]["colour"] == order
    assert trial["is_settled"] is (order == "rgb")


@pytest.mark.usefixtures("donor")
@pytest.mark.parametrize("installed", [False, True])
def test_ways_are_compared_and_the_packs_own_and_the_best_told(tmp_path: Path, models: Models, installed: bool) -> None:
    models("new", written(tmp_path / "b.onnx", tiny_packs.backbone(64)), "--out", tmp_path / "p", "--name", "mine")
    if installed:
        assert models("add", tmp_path / "p").exit_code == 0
    pack = "mine" if installed else tmp_path / "p"
    result = models("try", pack, "--data", labelled(tmp_path / "people"), "--input-form", "crop", "--replicates", 100)
    assert result.exit_code == 0, result.output
    for way in (
        "rgb, (127.5) / (127.5)",
        "bgr, (0) / (255)",
        "bgr, (103.53, 116.28, 123.675) / (57.375, 57.12, 58.395)",
    ):
        assert way in result.output
    assert result.output.count("the pack has this") == 1
    assert "60 faces, 120 mated and 1,650 non-mated pairs" in said(result)
    assert "backbone.onnx: " in result.output


@pytest.mark.usefixtures("donor")
def test_json_of_a_trial_has_every_way_with_its_rates(tmp_path: Path, models: Models) -> None:
    models("new", written(tmp_path / "b.onnx", tiny_packs.backbone(64)), "--out", tmp_path / "p", "--name", "mine")
    people = labelled(tmp_path / "people", people=40)
    result = models("try", tmp_path / "p", "--data", people, "--input-form", "crop", "--replicates", 100, "--json")
    assert result.exit_code == 0, result.output
    (trial,) = json.loads(result.output[result.output.index("[") :])
    assert len(trial["tried"]) == 10
    rates = [way["fnmr"]["value"] for way in trial["tried"]]
    assert rates == sorted(rates)
    assert trial["non_mated_pairs"] == 200 * 199 // 2 - trial["mated_pairs"]
    own = [way for way in trial["tried"] if way["feeding"]["is_own"]]
    assert [way["gain"] for way in own] == [None]


@pytest.mark.usefixtures("donor")
def test_embeddings_are_no_pictures_to_try_on(tmp_path: Path, models: Models) -> None:
    models("new", written(tmp_path / "b.onnx", tiny_packs.backbone(64)), "--out", tmp_path / "p", "--name", "mine")
    np.savez(tmp_path / "set.npz", embeddings=np.ones((2, 64)), identities=[0, 1])
    result = models("try", tmp_path / "p", "--data", tmp_path / "set.npz")
    assert (result.exit_code, "give labelled pictures" in said(result)) == (1, True)


# Removal


def test_pack_is_removed_and_nothing_is_left(tmp_path: Path, home: Path, models: Models, donor: str) -> None:
    result = models("remove", donor)
    assert (result.exit_code, "donor is removed" in result.output) == (0, True)
    assert "it is the pack of IDA_PACK" in said(result)
    assert left(home) == []


@pytest.mark.parametrize("name", ["nobody", "../donor", "Donor"])
def test_unknown_pack_is_not_removed_and_the_known_ones_are_named(
    home: Path, models: Models, donor: str, name: str
) -> None:
    result = models("remove", name)
    assert result.exit_code == 1
    assert name != "nobody" or "there is donor" in said(result)
    assert left(home) == [donor]


def test_damaged_pack_can_be_removed(home: Path, models: Models, donor: str) -> None:
    (home / "packs" / donor / "receipt.json").write_text("{")
    assert models("remove", donor).exit_code == 0
    assert left(home) == []


def test_pack_is_not_removed_while_another_command_changes_packs(home: Path, models: Models, donor: str) -> None:
    with FileLock(home / "packs" / ".lock"):
        result = models("remove", donor)
    assert (result.exit_code, "Another `ida-verify models` command" in said(result)) == (1, True)
    assert left(home) == [donor]


def test_removal_that_a_crash_cut_short_is_finished_by_the_next_command(
    tmp_path: Path, home: Path, models: Models, donor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("models.packs.store.shutil.rmtree", crash)
        assert models("remove", donor).exit_code == 130
    models("add", tiny_packs.write_pack(tmp_path / "other", name="other"))
    assert left(home) == ["other"]
