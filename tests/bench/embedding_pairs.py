"""Pairs of embeddings a second over HTTP: /verify/batch in JSON against bytes, in turn on the same pairs.

    IDA_HOME=... python tests/bench/embedding_pairs.py [--pairs 1000] [--batches 8] [--rounds 5] [--json FILE]

Every embedding is new, so that every face is searched for among the anchors; the default anchor set, or one of
``--anchors``. Two clients, whose bodies are made beforehand. Besides the clock, the service's CPU time per pair is
told, which others on the machine hardly move.
"""

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet
from hardware import hardware

from service.settings import DEFAULT_BUNDLE

_CLIENTS = 2
_TYPES = {"json": "application/json", "bytes": "application/octet-stream"}


def drawn(count: int, random: np.random.Generator) -> np.ndarray:
    """Return embeddings near those of the default anchor set, each as long as a typical picture's."""
    anchors = np.load(DEFAULT_BUNDLE / "embeddings.npy").astype(np.float32)
    dimension = anchors.shape[1]
    near = anchors[random.integers(0, len(anchors), count)]
    return 12 * (near + 0.06 * random.standard_normal((count, dimension)).astype(np.float32))


def documents(count: int, pairs: int, form: str, method: str, random: np.random.Generator) -> list[bytes]:
    """Return bodies of pairs that nobody has seen before."""
    bodies = []
    for _ in range(count):
        faces = drawn(2 * pairs, random)
        if form == "bytes":
            bodies.append(faces.astype("<f4").tobytes())
            continue
        sides = [{"embedding": [float(f"{value:.9g}") for value in face]} for face in faces.tolist()]
        asked = [{"probe": one, "reference": other} for one, other in zip(sides[::2], sides[1::2], strict=True)]
        bodies.append(json.dumps({"pairs": asked, "method": method, "detail": "basic"}).encode())
    return bodies


def post(port: int, path: str, form: str, bodies: list[bytes]) -> float:
    """Return the seconds in which two clients had all of these answered."""

    def send(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for body in bodies[client::_CLIENTS]:
            connection.request("POST", path, body, {"Content-Type": _TYPES[form]})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content[:500]

    began = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(pool.map(send, range(_CLIENTS)))
    return time.perf_counter() - began


def cpu_seconds(process: int) -> float:
    """Return the CPU time that a process has taken, all its threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anchors", type=int, default=0, help="of a set drawn like the default one; 0: that itself")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--method", default="ida-r")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    home, random = Path(os.environ["IDA_HOME"]), np.random.default_rng(0)
    count = options.pairs * options.batches
    result: dict[str, object] = {"pairs_of_a_batch": options.pairs, "method": options.method}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = DEFAULT_BUNDLE
        if options.anchors:
            bundle = folder / "bundle"
            make_bundle(bundle, pipeline_of(home), anchors=options.anchors, seed=1)
        fleet = Fleet(folder)
        replica = fleet.add(str(folder / "store"), home, IDA_BUNDLE=str(bundle), IDA_MAX_BATCH="4096")
        told: dict[str, dict[str, list[float]]] = {form: {"wall": [], "cpu": []} for form in _TYPES}
        try:
            fleet.start()
            paths = {"json": "/verify/batch", "bytes": f"/verify/batch?dimension=128&method={options.method}"}
            for _ in range(options.rounds):
                for form, path in paths.items():
                    bodies = documents(options.batches, options.pairs, form, options.method, random)
                    before = cpu_seconds(replica.process.pid)
                    told[form]["wall"].append(post(replica.port, path, form, bodies))
                    told[form]["cpu"].append(cpu_seconds(replica.process.pid) - before)
        finally:
            fleet.close()
    for form, times in told.items():
        result[form] = {
            "pairs_per_second": round(count / statistics.median(times["wall"])),
            "best_pairs_per_second": round(count / min(times["wall"])),
            "cpu_microseconds_per_pair": round(1e6 * statistics.median(times["cpu"]) / count, 1),
        }
    result["load_average"] = os.getloadavg()[0]
    result["hardware"] = hardware()
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
