"""Send many requests of mixed sizes and shapes, and see whether the service's memory grows.

    IDA_HOME=... python tests/bench/soak.py [--requests 200000] [--anchors 50000] [--json FILE]

Photographs of three sizes (two public-domain portraits that packages carry), embeddings (more than the densities' cache
keeps, so that it fills and the search is used), single faces, and batches of 1 to 9 pairs, in an order drawn from
a seed, by four clients. The first tenth warms up; after it, the resident memory is sampled two hundred times, and a
line is fitted to it.
"""

import argparse
import base64
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet, Replica
from hardware import hardware
from photographs import jpeg, portraits

_SIDES = (240, 640, 2000)
_CLIENTS = 4
_SAMPLES = 200
# More than the densities' cache keeps.
_EMBEDDINGS = 15_000

Request = Callable[[np.random.Generator], tuple[str, bytes]]


def kinds_of_requests(dimension: int) -> list[Request]:
    """Return makers of paths and JSON bodies of every kind."""
    photographs = [
        b'{"image": "%s"}' % base64.b64encode(jpeg(portrait, side)) for portrait in portraits() for side in _SIDES
    ]
    random = np.random.default_rng(0)
    vectors = [
        json.dumps({"embedding": row.round(4).tolist()}).encode()
        for row in random.standard_normal((_EMBEDDINGS, dimension))
    ]

    def pair(one: bytes, other: bytes) -> bytes:
        return b'{"probe": %s, "reference": %s}' % (one, other)

    def any_of(random: np.random.Generator, count: int) -> list[bytes]:
        return [vectors[row] for row in random.integers(0, len(vectors), count)]

    def of_photographs(one: bytes, other: bytes) -> Request:
        body = pair(one, other)
        return lambda _: ("/verify", body)

    def of_embeddings(random: np.random.Generator) -> tuple[str, bytes]:
        return "/verify", pair(*any_of(random, 2))

    def face(photograph: bytes) -> Request:
        return lambda _: ("/embed", photograph)

    def batch(size: int) -> Request:
        def made(random: np.random.Generator) -> tuple[str, bytes]:
            faces = [*any_of(random, size), *small]
            pairs = [pair(faces[i], faces[(3 * i + 1) % len(faces)]) for i in range(size)]
            return "/verify/batch", b'{"pairs": [%s]}' % b", ".join(pairs)

        return made

    small = [photographs[0], photographs[3]]
    found = [of_photographs(one, other) for one in photographs for other in small]
    return [*found, *[of_embeddings] * 120, *map(face, photographs), *map(batch, range(1, 10))]


def resident(replica: Replica) -> float:
    """Return the resident memory of a replica in MiB."""
    for line in Path(f"/proc/{replica.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not tell the resident memory")


def soak(home: Path, count: int, anchors: int) -> dict:
    """Send the requests and return what became of the memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline = pipeline_of(home)
        make_bundle(folder / "bundle", pipeline, anchors=anchors, seed=1)
        fleet = Fleet(folder)
        replica = fleet.add(str(folder / "store"), home, IDA_BUNDLE=str(folder / "bundle"))
        began = time.monotonic()
        fleet.start()
        ready = time.monotonic() - began
        try:
            return {
                "anchors": anchors,
                "seconds_until_ready": round(ready, 2),
                "mib_when_ready": round(resident(replica), 1),
                **_sent(replica, kinds_of_requests(pipeline.dimension), count),
            }
        finally:
            fleet.close()


def _sent(replica: Replica, kinds: list[Request], count: int) -> dict:
    order = np.random.default_rng(1).integers(0, len(kinds), count)
    statuses: Counter[int] = Counter()
    samples: list[tuple[int, float]] = []
    turn, every = threading.Lock(), max(1, count * 9 // 10 // _SAMPLES)
    done = 0

    def send(client: int) -> None:
        nonlocal done
        random = np.random.default_rng(client)
        connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=60)
        for kind in order[client::_CLIENTS]:
            path, body = kinds[kind](random)
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            with turn:
                statuses[answer.status] += 1
                done += 1
                if done > count // 10 and done % every == 0:
                    samples.append((done, resident(replica)))

    began = time.monotonic()
    threads = [threading.Thread(target=send, args=(client,)) for client in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers, memory = np.array(samples).T
    (slope, _), covariance = np.polyfit(numbers, memory, 1, cov=True)
    return {
        "requests": count,
        "seconds": round(time.monotonic() - began, 1),
        "statuses": {str(status): times for status, times in sorted(statuses.items())},
        "mib_after_warm_up": round(float(memory[0]), 1),
        "mib_at_the_end": round(float(memory[-1]), 1),
        "mib_at_most": round(float(memory.max()), 1),
        "mib_per_100000_requests": round(float(slope) * 100_000, 2),
        "standard_error": round(float(np.sqrt(covariance[0, 0])) * 100_000, 2),
    }


def main() -> None:
    """Run the soak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--anchors", type=int, default=50_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = {**soak(Path(os.environ["IDA_HOME"]), options.requests, options.anchors), "hardware": hardware()}
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
