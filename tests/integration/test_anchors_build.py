"""Building an anchor bundle from a folder of pictures, on fake networks and real faiss; the command on real ones."""

import io
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeBackboneSession, fake_pipeline, picture
from PIL import Image
from typer.testing import CliRunner

from models.anchors.build import BuildProgress, build_bundle
from models.anchors.build_options import BuildOptions
from models.anchors.source import FolderSource
from models.commands.anchors import app
from models.images.image_folder import extract_crops, scan
from service.bundle.reader import read_bundle
from service.errors import BundleExists, TooFewAnchors, UnknownMethod
from service.pipeline import load_pipeline
from service.scoring.parameters import Parameters
from service.search.faiss_search import FaissSearch
from service.settings import load_settings
from service.snapshot.golden_check import check_golden
from service.snapshot.snapshot import load_snapshot

LIMIT = 1024 * 1024


@pytest.fixture
def pipeline():
    """Return the service's pipeline around fake networks."""
    return fake_pipeline(load_settings())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Return a folder of 50 pictures in two folders and its root, with everything else that folders collect."""
    root = tmp_path_factory.mktemp("images") / "generated"
    for number in range(50):
        folder = root / ("one", "two/deeper", "")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:03}.png").write_bytes(picture(seed=number))
    (root / "one" / "empty.png").write_bytes(picture(faces=0))
    (root / "one" / "text.jpg").write_text("not a picture")
    (root / "two" / "cut.JPEG").write_bytes(picture(kind="JPEG")[:300])
    (root / "two" / "tiny.bmp").write_bytes(picture(width=12, height=12, kind="BMP"))
    (root / "two" / "notes.txt").write_text("where they came from")
    (root / ".cache").mkdir()
    (root / ".cache" / "hidden.png").write_bytes(picture(seed=99))
    return root


@pytest.fixture
def build(pipeline, images, tmp_path):
    """Return a function that builds a bundle of the pictures and gives its folder and what was told of it."""

    def run(name="bundle", *, workers=2, progress=lambda _: None, root=images, **options):
        out = tmp_path / name
        options.setdefault("parameters", Parameters(k=5))
        source = FolderSource(scan(root), max_image_bytes=LIMIT)
        built = build_bundle(pipeline, source, out, BuildOptions(**options), workers=workers, progress=progress)
        return out, built

    return run


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_build_embeds_every_face_and_counts_the_rest_by_reason(build):
    _, built = build()

    assert built.images == 54
    assert built.anchors == 50
    assert dict(built.rejected) == {
        "no_face": 1,
        "unsupported_image_type": 1,
        "image_undecodable": 1,
        "face_too_small": 1,
    }
    assert built.other_files == 1


def test_build_gives_a_bundle_that_the_service_loads_and_that_passes_its_check(build, pipeline):
    out, built = build()

    snapshot = load_snapshot(out, backbone_id=pipeline.backbone_id, device="cpu", generation=1)

    assert snapshot.bundle_id == built.bundle_id
    assert snapshot.manifest.count == 50
    assert snapshot.parameters == Parameters(k=5)
    assert check_golden(snapshot, pipeline.embed).passed


def test_build_puts_the_anchors_in_the_order_of_their_paths(build, pipeline, images):
    out, _ = build(stored_type="float32")

    paths = sorted((path for path in images.rglob("[0-9]*.png")), key=lambda path: path.relative_to(images).as_posix())
    alone = [pipeline.embed([pipeline.extract(path.read_bytes(), "largest").crop])[0] for path in paths]

    assert np.load(out / "embeddings.npy") == pytest.approx(np.array(alone), abs=1e-5)


def test_build_twice_with_other_threads_gives_the_same_bytes(build):
    first, _ = build("first", workers=1)
    second, _ = build("second", workers=7)

    assert files_of(first) == files_of(second)


def test_build_records_where_the_anchors_came_from_without_a_path_of_this_machine(build, pipeline, images):
    out, _ = build(description="made up", seed=4)

    manifest = json.loads((out / "manifest.json").read_bytes())
    provenance = manifest["provenance"]
    assert provenance["images"] == "generated"
    assert provenance["description"] == "made up"
    assert provenance["options"] == {
        "k": 5,
        "tau": 1.0,
        "strength": 1.0,
        "cohort": 300,
        "norm_power": 0.0,
        "typical_norm": 1.0,
        "pfe_strength": 1.0,
        "guard": None,
        "dtype": "float16",
        "seed": 4,
    }
    assert provenance["recipe"]["face_policy"] == "largest"
    assert [(source["folder"], source["images"], source["anchors"]) for source in provenance["sources"]] == [
        (".", 16, 16),
        ("one", 19, 17),
        ("two", 19, 17),
    ]
    assert provenance["sources"][1]["rejected"] == {"no_face": 1, "unsupported_image_type": 1}
    assert manifest["pipeline_id"] == pipeline.pipeline_id
    assert manifest["created_by"].startswith("ida-verify")
    assert str(images.parent) not in (out / "manifest.json").read_text("utf-8")


def test_build_tells_its_progress_up_to_the_end(build):
    seen: list[BuildProgress] = []

    build(progress=seen.append)

    assert [step.total for step in seen] == [54] * len(seen)
    assert seen[-1].images == 54
    assert seen[-1].anchors == 50
    assert sum(seen[-1].rejected.values()) == 4
    assert [step.images for step in seen] == sorted(step.images for step in seen)


def test_build_where_a_bundle_is_looks_at_no_image(build):
    out, _ = build()
    before, seen = files_of(out), []

    with pytest.raises(BundleExists):
        build(progress=seen.append)
    assert files_of(out) == before
    assert seen == []


def test_build_with_an_unknown_method_looks_at_no_image(build):
    seen = []

    with pytest.raises(UnknownMethod):
        build(progress=seen.append, default_method="euclid")
    assert seen == []


def test_build_of_fewer_images_than_k_says_so(build, tmp_path):
    with pytest.raises(TooFewAnchors, match=r"There are 54 images .*k = 55"):
        build(parameters=Parameters(k=55))
    assert not (tmp_path / "bundle").exists()


def test_build_of_fewer_faces_than_k_names_the_reasons(build, tmp_path):
    with pytest.raises(TooFewAnchors, match=r"50 of 54 images gave an anchor \(rejected: .*no_face 1.*k = 51"):
        build(parameters=Parameters(k=51))
    assert not (tmp_path / "bundle").exists()


def test_build_of_an_empty_folder_says_so(build, tmp_path):
    (tmp_path / "nothing").mkdir()

    with pytest.raises(TooFewAnchors, match="There are 0 images"):
        build(root=tmp_path / "nothing")


def test_build_whose_backbone_fails_leaves_nothing(images, tmp_path):
    session = FakeBackboneSession()
    session.fail_with = RuntimeError("broken")
    pipeline = fake_pipeline(load_settings(), session)

    with pytest.raises(RuntimeError, match="broken"):
        build_bundle(
            pipeline,
            FolderSource(scan(images), max_image_bytes=LIMIT),
            tmp_path / "bundle",
            BuildOptions(parameters=Parameters(k=5)),
            workers=2,
        )
    assert list(tmp_path.iterdir()) == []


def test_extract_crops_keeps_the_order_though_the_first_image_is_the_last_to_be_done(images):
    folder = scan(images)
    second_done = threading.Event()
    crop = np.zeros((112, 112, 3), np.uint8)
    first = (images / folder.images[0]).read_bytes()

    def extract(content):
        if content == first:
            assert second_done.wait(timeout=10)
        else:
            second_done.set()
        return crop

    found = [extraction.image for extraction in extract_crops(folder, extract, workers=2, max_image_bytes=LIMIT)]

    assert found == list(folder.images)


def test_extract_crops_left_early_extracts_no_more_than_what_was_waiting(tmp_path):
    for number in range(400):
        (tmp_path / f"{number:03}.png").write_bytes(b"picture")
    extracted = []

    def extract(content):
        extracted.append(content)
        return np.zeros((112, 112, 3), np.uint8)

    extractions = extract_crops(scan(tmp_path), extract, workers=1, max_image_bytes=LIMIT)
    next(extractions)
    extractions.close()

    assert len(extracted) < 100


def test_extract_crops_reads_no_more_of_a_file_than_the_limit_and_a_byte(tmp_path):
    (tmp_path / "large.png").write_bytes(b"x" * 5000)
    seen = []

    def extract(content):
        seen.append(len(content))
        return np.zeros((112, 112, 3), np.uint8)

    list(extract_crops(scan(tmp_path), extract, workers=1, max_image_bytes=1000))

    assert seen == [1001]


def test_extract_crops_of_an_image_that_cannot_be_read_counts_it(tmp_path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")

    (found,) = extract_crops(scan(tmp_path), lambda content: content, workers=1, max_image_bytes=1000)

    assert found.rejected == "unreadable"
    assert found.crop is None


# The command itself.


def run_build(*arguments):
    """Run the command with the arguments; what it prints on both streams is in ``output``."""
    return CliRunner().invoke(app, ["build", *map(str, arguments)])


def test_command_where_something_is_refuses_with_exit_code_1(images, tmp_path):
    (tmp_path / "bundle").mkdir()

    result = run_build("--images", images, "--out", tmp_path / "bundle")

    assert result.exit_code == 1
    assert "is there already" in result.output


def test_command_with_an_unknown_method_lists_the_known_ones(images, tmp_path):
    result = run_build("--images", images, "--out", tmp_path / "bundle", "--default-method", "euclid")

    assert result.exit_code == 1
    assert "cosine, ida-r" in result.output


@pytest.mark.parametrize(
    "wrong", [("--k", "0"), ("--tau", "0"), ("--tau", "101"), ("--strength", "-1"), ("--dtype", "int8")]
)
def test_command_with_a_value_out_of_range_exits_2(images, tmp_path, wrong):
    result = run_build("--images", images, "--out", tmp_path / "bundle", *wrong)

    assert result.exit_code == 2
    assert wrong[0] in result.output


def test_command_without_the_folder_exits_2(tmp_path):
    assert run_build("--images", tmp_path / "nowhere", "--out", tmp_path / "bundle").exit_code == 2


def test_command_without_the_pack_says_how_to_get_it(images, tmp_path, monkeypatch):
    monkeypatch.setenv("IDA_HOME", str(tmp_path / "empty"))

    result = run_build("--images", images, "--out", tmp_path / "bundle")

    assert result.exit_code == 1
    assert "models pull" in result.output


def changed_copies(photograph: bytes) -> list[bytes]:
    """Return a photograph and copies of it: mirrored, darker, smaller."""
    image = Image.open(io.BytesIO(photograph)).convert("RGB")
    copies = [
        image,
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        image.point(lambda value: value * 0.7),
        image.resize((image.width // 2, image.height // 2)),
    ]
    encoded = []
    for copy in copies:
        buffer = io.BytesIO()
        copy.save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    return encoded


@pytest.mark.weights
def test_command_on_real_photographs_writes_a_bundle_that_the_service_loads(pack, astronaut_png, hopper_jpeg, tmp_path):
    images = tmp_path / "photographs"
    for name, photograph in (("astronaut", astronaut_png), ("hopper", hopper_jpeg)):
        (images / name).mkdir(parents=True)
        for number, copy in enumerate(changed_copies(photograph)):
            (images / name / f"{number}.png").write_bytes(copy)

    result = run_build("--images", images, "--out", tmp_path / "bundle", "--k", 3, "--recipe", "none")

    assert result.exit_code == 0, result.output
    assert "8 anchors from 8 images" in result.output
    pipeline = load_pipeline(load_settings())
    snapshot = load_snapshot(tmp_path / "bundle", backbone_id=pipeline.backbone_id, device="cpu", generation=1)
    assert check_golden(snapshot, pipeline.embed).passed
    # Each photograph's copies are its own nearest anchors.
    crop = pipeline.extract(hopper_jpeg, "largest").crop
    anchors = read_bundle(tmp_path / "bundle", backbone_id=pipeline.backbone_id).anchors
    rows = FaissSearch(anchors).search(pipeline.embed([crop]), 4).rows[0]
    assert sorted(rows.tolist()) == [4, 5, 6, 7]
