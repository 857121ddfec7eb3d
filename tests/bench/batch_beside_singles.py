"""How much later a single request is answered while a batch runs beside it.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/batch_beside_singles.py [--singles 200] [--batches 1]

One client sends single /verify requests of two LFW photographs, one after the other; alone, and beside so many clients
that send /verify/batch of 64 new pairs without a pause. The two turns are taken alternately.
"""

import argparse
import base64
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.fleet import Fleet
from hardware import hardware
from photographs import of_lfw

_PAIRS = 64
_ROUNDS = 3


def singles(port: int, bodies: list[bytes]) -> tuple[list[float], list[int]]:
    """Return the milliseconds and the status of each request, sent one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    taken, statuses = [], []
    for body in bodies:
        began = time.perf_counter()
        connection.request("POST", "/verify", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        taken.append(1000 * (time.perf_counter() - began))
        statuses.append(answer.status)
    return taken, statuses


class Batches:
    """Clients that send a batch again and again until the context is left."""

    def __init__(self, port: int, body: bytes, count: int) -> None:
        self._port, self._body = port, body
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(count)]
        self.seconds: list[float] = []

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        while not self._stop.is_set():
            began = time.perf_counter()
            connection.request("POST", "/verify/batch", self._body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content[:300]
            self.seconds.append(time.perf_counter() - began)

    def __enter__(self) -> "Batches":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--singles", type=int, default=200)
    parser.add_argument("--batches", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    home = Path(os.environ["IDA_HOME"])
    photographs = of_lfw(Path(os.environ["IDA_FACES_DIR"]), 2 * _PAIRS + 40)
    taken = [{"image": base64.b64encode(photograph).decode()} for photograph in photographs]
    batch = [{"probe": taken[2 * at], "reference": taken[2 * at + 1]} for at in range(_PAIRS)]
    own = taken[2 * _PAIRS :]
    bodies = [
        json.dumps({"probe": own[at % 40], "reference": own[(7 * at + 3) % 40]}).encode()
        for at in range(options.singles // _ROUNDS)
    ]
    alone: list[float] = []
    beside: list[float] = []
    statuses: list[int] = []
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        fleet = Fleet(Path(name))
        replica = fleet.add(str(Path(name) / "store"), home)
        try:
            fleet.start()
            singles(replica.port, bodies[:10])
            for _ in range(_ROUNDS):
                found, answered = singles(replica.port, bodies)
                alone, statuses = alone + found, statuses + answered
                with Batches(replica.port, json.dumps({"pairs": batch}).encode(), options.batches) as running:
                    time.sleep(0.5)
                    found, answered = singles(replica.port, bodies)
                beside, statuses, seconds = beside + found, statuses + answered, seconds + running.seconds
        finally:
            fleet.close()

    def quantile(values: list[float], place: int) -> float:
        return round(statistics.quantiles(values, n=100)[place - 1], 1)

    result = {
        "batches_beside": options.batches,
        "alone_ms": {f"p{place}": quantile(alone, place) for place in (50, 95)},
        "beside_ms": {f"p{place}": quantile(beside, place) for place in (50, 95)},
        "p95_ratio": round(quantile(beside, 95) / quantile(alone, 95), 2),
        "batch_seconds": round(statistics.median(seconds), 2),
        "statuses": {str(status): statuses.count(status) for status in sorted(set(statuses))},
        "hardware": hardware(),
    }
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
