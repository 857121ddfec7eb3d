"""The running program on the default model pack and the default bundle: what its first user does."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import pytest
from e2e.bundles import make_bundle, pipeline_of
from in_process import command
from PIL import Image
from skimage import data

from service.inference.onnx_runtime import ort
from service.settings import DEFAULT_PACK

pytestmark = pytest.mark.weights


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def collins():
    return Image.fromarray(data.astronaut())


@pytest.fixture(scope="module")
def collins_changed(collins):
    """A changed copy of the same photograph: cropped, turned, compressed again."""
    return encoded(collins.crop((60, 0, 400, 340)).rotate(8), quality=60)


@pytest.fixture(scope="module")
def hopper():
    cbook = pytest.importorskip("matplotlib.cbook")
    return Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The file that the server logs to."""
    return tmp_path_factory.mktemp("server") / "log"


@pytest.fixture(scope="module")
def server(pack, log):
    """The base address of a server started by the command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [sys.executable, "-c", "from models.cli import main; main()", "serve", "--port", str(port)]
    with log.open("w") as stream:
        process = subprocess.Popen(started, stderr=stream)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=1).close()
            break
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"the server did not get ready: {log.read_text()[-2000:]}")
            # The one wait that has nothing to wait on: the port is not open yet.
            time.sleep(0.05)
    yield address
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) in (0, -signal.SIGTERM)
    assert all(json.loads(line)["level"] for line in log.read_text().splitlines()), "every log line is a JSON object"


def verify(server, probe: bytes, reference: bytes, **form):
    files = {"probe": ("p", probe), "reference": ("r", reference)}
    return httpx2.post(f"{server}/verify", files=files, data=form, timeout=60)


def test_changed_copy_scores_above_another_person(server, collins, collins_changed, hopper):
    same = verify(server, encoded(collins), collins_changed).json()
    other = verify(server, encoded(collins), encoded(hopper)).json()
    assert same["similarity"] > 0.7
    assert other["similarity"] < 0.3
    assert same["score"] > other["score"]
    assert same["dao_score"] is not None
    assert same["model"]["pack"] == DEFAULT_PACK


@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_phone_photo_scores_as_the_upright_one(server, collins, orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that EXIF orientation then undoes
    turned = collins.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    answer = verify(server, encoded(collins, quality=95), encoded(turned, quality=95, exif=exif)).json()
    assert answer["similarity"] > 0.98
    assert answer["faces"]["reference"]["exif_rotated"] is True


def test_several_people_largest_is_chosen_and_counted(server, collins, hopper):
    group = Image.new("RGB", (900, 512), "grey")
    group.paste(collins, (0, 0))
    group.paste(hopper.resize((300, 351)), (560, 100))
    answer = verify(server, encoded(group), encoded(collins)).json()
    assert answer["faces"]["probe"]["faces_found"] == 2
    refused = verify(server, encoded(group), encoded(collins), face_policy="reject")
    assert (refused.status_code, refused.json()["code"]) == (422, "several_faces")


def test_landscape_has_no_face(server, collins):
    response = verify(server, encoded(collins), encoded(Image.fromarray(data.coffee())))
    assert (response.status_code, response.json()["code"], response.json()["image"]) == (422, "no_face", "reference")


def test_text_called_jpg_is_refused(server, collins):
    assert verify(server, encoded(collins), b"not a picture").json()["code"] == "unsupported_image_type"


def test_fifty_megapixel_png_is_refused_before_decoding(server, collins):
    large = encoded(Image.new("RGB", (10_000, 5_000)), "PNG")
    answer = verify(server, encoded(collins), large)
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")


def test_modes_of_the_same_photo_agree(server, collins):
    pixels = np.asarray(collins)
    grey16 = Image.fromarray(np.asarray(collins.convert("L")).astype(np.uint16) * 257)
    alpha = Image.fromarray(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))
    variants = {
        "rgba": (encoded(alpha, "PNG"), 0.99),
        "cmyk": (encoded(collins.convert("CMYK"), quality=95), 0.98),
        "grey16": (encoded(grey16, "PNG"), 0.85),
        "webp": (encoded(collins, "WEBP", quality=95), 0.98),
        "bmp": (encoded(collins, "BMP"), 0.99),
    }
    for name, (variant, least) in variants.items():
        response = verify(server, encoded(collins, "PNG"), variant)
        assert response.status_code == 200, (name, response.text)
        assert response.json()["similarity"] > least, name


def test_tight_crop_of_the_face_is_found(server, collins):
    tight = collins.crop((180, 60, 270, 175))
    assert verify(server, encoded(collins), encoded(tight, quality=95)).json()["similarity"] > 0.6


def test_parallel_equal_requests_get_bit_equal_answers(server, collins, hopper):
    probe, reference = encoded(collins), encoded(hopper)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: verify(server, probe, reference).json(), range(8)))
    for answer in answers:
        del answer["request_id"], answer["timings_ms"]
    assert all(answer == answers[0] for answer in answers)


def test_client_that_hangs_up_in_its_upload_leaves_no_error_in_the_log(server, log):
    host, _, port = server.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        head = "POST /verify HTTP/1.1\r\nHost: x\r\nX-Request-ID: gone\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    deadline = time.monotonic() + 30
    while '"gone"' not in log.read_text():
        assert time.monotonic() < deadline, "the request was never logged"
        urllib.request.urlopen(f"{server}/healthz", timeout=5).close()
    (line,) = (json.loads(line) for line in log.read_text().splitlines() if '"gone"' in line)
    assert (line["level"], line["status"]) == ("INFO", 499)


def test_command_serve_on_a_port_in_use_exits_1_and_says_so(pack):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port))
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_command_serve_with_a_port_that_cannot_be_is_a_wrong_command_line():
    result = run("serve", "--port", "99999")
    assert result.returncode == 2
    assert "--port" in result.stderr


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, for what a start leaves behind: a log, a loop, what was loaded."""
    started = [sys.executable, "-c", "from models.cli import main; main()", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(started, capture_output=True, text=True, timeout=120, env=env, check=False)


def test_command_check_holds_on_what_is_shipped(pack):
    result = command("check", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["passed"] is True
    assert report["crop_similarity"] > 0.999


def test_command_check_does_not_pass_a_bundle_by_which_nothing_is_decided(pack, tmp_path):
    make_bundle(tmp_path / "bundle", pipeline_of(pack.folder.parents[1]), anchors=100, seed=1)
    refused = command("check", "--json", IDA_BUNDLE=str(tmp_path / "bundle"), IDA_CACHE=str(tmp_path / "cache"))
    report = json.loads(refused.stdout)
    assert (refused.returncode, report["passed"]) == (1, False)
    assert "was not calibrated" in report["no_decisions"]
    environment = {"IDA_BUNDLE": str(tmp_path / "bundle"), "IDA_CACHE": str(tmp_path / "cache")}
    assert command("check", "--allow-uncalibrated", **environment).returncode == 0


def test_command_verify_prints_a_readable_and_a_raw_answer(pack, tmp_path, collins, collins_changed):
    (tmp_path / "a.jpg").write_bytes(encoded(collins))
    (tmp_path / "b.jpg").write_bytes(collins_changed)
    drawn = str(tmp_path / "drawn.png")
    readable = command("verify", str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"), "--picture", drawn)
    assert readable.returncode == 0, readable.stderr
    assert "match at fmr_1e-4: the two are taken for one person" in readable.stdout
    assert Image.open(drawn).width == 1240
    again = command("verify", str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"), "--picture", drawn)
    assert (again.returncode, "--force" in again.stderr) == (1, True)
    assert "false-match rate" in readable.stdout
    assert "CelebA and LFW" in readable.stdout, "on whom a rate was measured"
    raw = command("verify", "--json", str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))
    assert json.loads(raw.stdout)["similarity"] > 0.7


def test_command_verify_takes_several_references_and_replay_finds_its_answer_the_same(
    pack, tmp_path, collins, collins_changed
):
    for name, content in (
        ("a.jpg", encoded(collins)),
        ("b.jpg", collins_changed),
        ("c.jpg", encoded(Image.fromarray(data.coffee()))),
    ):
        (tmp_path / name).write_bytes(content)
    a, b, c = (str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg"))
    readable = command("verify", a, b, a, c, "--unusable-pictures", "skip")
    assert readable.returncode == 0, readable.stderr
    assert "2 of 3 pictures" in readable.stdout
    refused = command("verify", a, b, c)
    assert refused.returncode == 1
    assert c in refused.stderr
    assert b not in refused.stderr
    assert command("verify", a, *[b] * 17).returncode == 2
    raw = command("verify", "--json", "--return-embeddings", a, b, a)
    (tmp_path / "answer.json").write_text(raw.stdout)
    replayed = command("replay", str(tmp_path / "answer.json"))
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    changed = json.loads(raw.stdout)
    changed["score"] += 0.01
    (tmp_path / "answer.json").write_text(json.dumps(changed))
    replayed = command("replay", str(tmp_path / "answer.json"))
    assert (replayed.returncode, replayed.stdout.startswith("differs: score: ")) == (1, True)


def test_command_verify_without_a_face_exits_1_and_names_the_side(pack, tmp_path, collins):
    (tmp_path / "a.jpg").write_bytes(encoded(collins))
    (tmp_path / "b.jpg").write_bytes(encoded(Image.fromarray(data.coffee())))
    result = command("verify", str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))
    assert result.returncode == 1
    assert "reference" in result.stderr


def test_command_serve_without_the_pack_says_what_to_run(tmp_path):
    result = run("serve", IDA_HOME=str(tmp_path))
    assert result.returncode == 1
    assert "ida-verify models pull" in result.stderr


def test_command_serve_with_cuda_where_there_is_none_does_not_fall_back(pack):
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this machine has the CUDA provider")
    result = run("serve", IDA_DEVICE="cuda")
    assert result.returncode == 1
    assert "IDA_DEVICE=cuda" in result.stderr
