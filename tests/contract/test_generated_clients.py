"""What is generated from the OpenAPI document: types in TypeScript, a client in Python; both compare faces here.

The generators are fetched by npx and by uv, each in one version, into the caches of those programs.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
import uvicorn
from administering import TOKEN
from document_of_clients import CLIENTS, generator
from fakes import DIMENSION, picture, serving
from prometheus_client import CollectorRegistry

from service.server.connections import ConnectionLimits, Connections
from service.server.servers import server_config
from service.telemetry import Metrics

pytestmark = pytest.mark.system

TYPESCRIPT = "openapi-typescript@7.9.1"
# Not of the extra dev: it would hold typer back, which the service's own command needs.
PYTHON = "openapi-python-client==0.29.1"
USE = Path(__file__).parents[1] / "use_generated_client.py"


def run(*command, folder):
    """The completed process of a command, its output as text."""
    # uv runs what it fetched by this very Python, and says nothing of its own; the tests' path is not theirs.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


@pytest.fixture(scope="session")
def typescript(require_program, tmp_path_factory):
    """The command that generates types in TypeScript."""
    command = (require_program("npx"), "--yes", TYPESCRIPT)
    fetched(command, tmp_path_factory.mktemp("typescript"), "--version")
    return command


@pytest.fixture(scope="session")
def with_generator(tmp_path_factory):
    """The command before one that runs where the generator of Python clients is."""
    command = (sys.executable, "-m", "uv", "tool", "run", "--quiet", "--python", sys.executable, "--from", PYTHON)
    fetched(command, tmp_path_factory.mktemp("python"), "openapi-python-client", "--version")
    return command


def fetched(command, folder, *question):
    """Have a generator fetched, or skip and say why it is not."""
    answer = run(*command, *question, folder=folder)
    if answer.returncode:
        pytest.skip(f"{' '.join(command)} fetches nothing: {answer.stderr.strip()[-500:]}")


@pytest.fixture(params=[None, TOKEN], ids=["public", "administered"])
def token(request):
    """The administrators' token; None where there is no admin API."""
    return request.param


@pytest.fixture
def address(settings, bundle, backbone_session, token, tmp_path):
    """Of the application behind the real server, whose document is written to ``document.json``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = type(settings)(home=settings.home, port=port, admin_token=token)
    app = serving(settings, bundle, backbone_session).app
    (tmp_path / "document.json").write_text(json.dumps(app.openapi()))
    limits = ConnectionLimits(most=8, header_seconds=5, backlog=16)
    connections = Connections(limits, "main", Metrics(CollectorRegistry()))
    server = uvicorn.Server(server_config(app, settings, port, connections))
    thread = threading.Thread(target=server.run)
    thread.start()
    end = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < end
        thread.join(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def test_types_of_the_typescript_client_are_those_that_are_generated_now(typescript):
    del typescript  # fetched
    made = generator()
    assert made.MADE.read_text("utf-8") == made.types(made.document()), "poe typescript writes it anew"


# It knows nothing of the admin API.
@pytest.mark.parametrize("token", [None], indirect=True, ids=["public"])
def test_typescript_client_is_typed_and_its_example_compares_two_pictures(require_program, address, tmp_path):
    node = require_program("node")
    client = tmp_path / "typescript"
    shutil.copytree(CLIENTS / "typescript", client)
    fetched((require_program("npm"), "install", "--silent", "--no-audit", "--no-fund"), client)
    checked = run(client / "node_modules" / ".bin" / "tsc", "--project", ".", folder=client)
    assert checked.returncode == 0, checked.stdout
    for name, content in (("one", picture(seed=1)), ("two", picture(seed=2)), ("none", picture(faces=0))):
        (client / f"{name}.png").write_bytes(content)
    compared = run(node, "example.js", address, "one.png", "two.png", folder=client)
    assert compared.returncode == 0, compared.stderr
    told = json.loads(compared.stdout)
    sides = {
        side: {"image": base64.b64encode((client / f"{name}.png").read_bytes()).decode()}
        for side, name in (("probe", "one"), ("reference", "two"))
    }
    asked = urllib.request.Request(
        f"{address}/verify", json.dumps(sides).encode(), {"Content-Type": "application/json"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(asked, timeout=60) as answer:
        assert told["similarity"] == pytest.approx(json.load(answer)["similarity"], abs=1e-4)
    assert told["decision"] is None
    assert isinstance(told["score"], float)
    failed = run(node, "example.js", address, "none.png", "two.png", folder=client)
    assert json.loads(failed.stdout) == {"code": "no_face", "image": "probe"}

    (client / "wrong.ts").write_text(
        'import { IdaClient } from "./client.js";\n'
        'new IdaClient("http://a").verify(new Blob(), new Blob(), { quality_policy: "none" });\n'
    )
    assert run(client / "node_modules" / ".bin" / "tsc", "--project", ".", folder=client).returncode != 0


@pytest.mark.usefixtures("address")
def test_types_in_typescript_are_generated_without_a_warning(typescript, tmp_path):
    made = run(*typescript, "document.json", "--output", "made.ts", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "⚠" not in made.stdout + made.stderr
    assert "✘" not in made.stdout + made.stderr
    types = (tmp_path / "made.ts").read_text()
    assert "verify_pair: {" in types
    assert "VerifyAnswer: {" in types


@pytest.mark.long
def test_python_client_is_generated_without_a_warning_and_verifies_a_pair(with_generator, address, token, tmp_path):
    generate = ("openapi-python-client", "generate", "--meta", "none", "--fail-on-warning")
    made = run(*with_generator, *generate, "--path", "document.json", "--output-path", "made", folder=tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "warning" not in (made.stdout + made.stderr).lower()

    for name, content in (("one", picture(seed=1)), ("two", picture(seed=2)), ("none", picture(faces=0))):
        (tmp_path / f"{name}.png").write_bytes(content)
    script = shutil.copy(USE, tmp_path)
    used = run(*with_generator, "python", script, address, tmp_path, *([token] if token else []), folder=tmp_path)
    assert used.returncode == 0, used.stderr
    told = json.loads(used.stdout)
    assert told["scores"][0] == told["scores"][1] != told["similarity"]
    assert -1 <= told["similarity"] <= 1
    assert told["problem"] == ["no_face", "probe"]
    assert len(told["embedding"]) == DIMENSION
    assert told["status"] == "ready"
    if token:
        assert told["listed"] == [told["anchor_set"]]
        assert told["refused"] == "unauthorized"
