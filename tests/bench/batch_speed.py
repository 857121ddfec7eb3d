"""Pairs a second by single /verify calls and by /verify/batch, in turn on the same photographs.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/batch_speed.py [--pairs 32] [--rounds 5] [--json FILE]

Both as JSON with base64, by two clients, so that both CPUs work. Once with two new photographs in every pair, once with
one enrolled photograph against all others.
"""

import argparse
import base64
import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet
from hardware import hardware
from photographs import of_lfw

_CLIENTS = 2


def post(port: int, path: str, bodies: list[bytes]) -> float:
    """Return the seconds in which two clients had all of these answered."""

    def send(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for body in bodies[client::_CLIENTS]:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content

    began = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(pool.map(send, range(_CLIENTS)))
    return time.perf_counter() - began


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anchors", type=int, default=50_000)
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    home, count = Path(os.environ["IDA_HOME"]), options.pairs
    photographs = of_lfw(Path(os.environ["IDA_FACES_DIR"]), 2 * count)
    taken = [{"image": base64.b64encode(photograph).decode()} for photograph in photographs]
    shapes = {
        "two new photographs in every pair": [(taken[2 * i], taken[2 * i + 1]) for i in range(count)],
        "one photograph against all others": [(taken[0], other) for other in taken[1 : count + 1]],
    }
    result: dict[str, object] = {"pairs_of_a_batch": count // _CLIENTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_bundle(folder / "bundle", pipeline_of(home), anchors=options.anchors, seed=1)
        fleet = Fleet(folder)
        replica = fleet.add(str(folder / "store"), home, IDA_BUNDLE=str(folder / "bundle"))
        try:
            fleet.start()
            for shape, pairs in shapes.items():
                documents = [{"probe": probe, "reference": reference} for probe, reference in pairs]
                single = [json.dumps(document).encode() for document in documents]
                halves = [documents[: count // 2], documents[count // 2 :]]
                batches = [json.dumps({"pairs": half}).encode() for half in halves]
                times: dict[str, list[float]] = {"/verify": [], "/verify/batch": []}
                for _ in range(options.rounds):
                    times["/verify"].append(post(replica.port, "/verify", single))
                    times["/verify/batch"].append(post(replica.port, "/verify/batch", batches))
                rates = {path: round(count / statistics.median(seconds), 1) for path, seconds in times.items()}
                ratio = round(rates["/verify/batch"] / rates["/verify"], 2)
                result[shape] = {"pairs_per_second": rates, "batch_over_single": ratio}
        finally:
            fleet.close()
    result["hardware"] = hardware()
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
