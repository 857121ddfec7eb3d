"""Nothing leaves the machine, and nothing is left on it: the real command under a watch that sees native code too."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from watched import Watched, read_record, start_watched

from service.settings import load_settings

pytestmark = pytest.mark.system
# ONNX Runtime's telemetry, where it is on, writes at its import and looks its host up 9 seconds later.
SECONDS_SERVED = 12


@pytest.fixture
def watch(tmp_path: Path, require_program: Callable[[str], str]):
    """Return a function that starts a command under the watch, as a user's, with folders of its own.

    Its environment says nothing of continuous integration, where telemetry would be silent, nor of telemetry.
    """
    require_program("strace")
    folders = {name: tmp_path / name for name in ("user", "temporary", "store", "cache")}
    for folder in folders.values():
        folder.mkdir()
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folders["user"]),
        "TMPDIR": str(folders["temporary"]),
        "IDA_HOME": str(load_settings().home),
        "IDA_STORE": str(folders["store"]),
        "IDA_CACHE": str(folders["cache"]),
    }

    def start(*command: str) -> tuple[subprocess.Popen[bytes], Callable[[], Watched]]:
        record = tmp_path / "record"
        log = (tmp_path / "log").open("wb")
        process = start_watched(command, environment, record=record, cwd=folders["user"], stdout=log, stderr=log)
        return process, lambda: read_record(record)

    yield start
    assert list(folders["user"].rglob("*")) == []


@pytest.fixture
def command() -> str:
    """The installed program."""
    found = shutil.which("ida-verify", path=str(Path(sys.executable).parent))
    assert found is not None
    return found


def allowed(tmp_path: Path) -> list[Path]:
    return [load_settings().home, *(tmp_path / name for name in ("temporary", "store", "cache"))]


def wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            if httpx2.get(f"{address}/readyz", timeout=5).is_success:
                return
        except httpx2.TransportError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the server did not get ready: {log.read_text()[-2000:]}")
        # The one wait that has nothing to wait on: the port is not open yet.
        time.sleep(0.05)


@pytest.mark.long
@pytest.mark.weights
def test_serving_looks_nothing_up_connects_nowhere_and_writes_only_in_its_folders(
    tmp_path: Path, pack, watch, command: str, astronaut_png: bytes, hopper_jpeg: bytes
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process, record = watch(command, "serve", "--port", str(port))
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(process, address, tmp_path / "log")
        served_until = time.monotonic() + SECONDS_SERVED
        while time.monotonic() < served_until:
            files = {"probe": ("a.png", astronaut_png), "reference": ("b.jpg", hopper_jpeg)}
            assert httpx2.post(f"{address}/verify", files=files, timeout=60).status_code == 200
    finally:
        # strace passes nothing on: its child is the server.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        subprocess.run(["kill", f"-{signal.SIGTERM.value}", *children], check=True)
        process.wait(timeout=60)
    done = record()
    assert done.connections == []
    assert done.written_outside(*allowed(tmp_path)) == []


@pytest.mark.weights
def test_tool_looks_nothing_up_connects_nowhere_and_writes_only_in_its_folders(
    tmp_path: Path, pack, watch, command: str
) -> None:
    process, record = watch(command, "check")
    assert process.wait(timeout=120) == 0, (tmp_path / "log").read_text()
    done = record()
    assert done.connections == []
    assert done.written_outside(*allowed(tmp_path)) == []


def test_the_watch_sees_what_it_is_there_to_see(tmp_path: Path, watch) -> None:
    script = (
        "import socket\n"
        "for address in (('192.0.2.1', 9), ('127.0.0.1', 53), ('127.0.0.1', 9)):\n"
        "    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(address)\n"
        f"open({str(tmp_path / 'elsewhere')!r}, 'w').close()\n"
        f"open({str(tmp_path / 'store' / 'here')!r}, 'w').close()\n"
    )
    process, record = watch(sys.executable, "-c", script)
    assert process.wait(timeout=60) == 0
    done = record()
    # A datagram socket connects without sending anything.
    assert done.connections == [("192.0.2.1", 9), ("127.0.0.1", 53)]
    assert done.written_outside(*allowed(tmp_path)) == [tmp_path / "elsewhere"]
