"""Measure whether swapping large anchor sets delays requests: the time of /verify before and during swaps.

    IDA_HOME=... python tests/bench/swap_latency.py [--anchors 50000] [--swaps 30] [--per-second 8] [--json FILE]

One replica, photographs (two public-domain portraits that packages carry) at a steady pace, two bundles in turn.
IDA_HOME holds the default pack.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet
from e2e.scenarios import push
from e2e.steady_load import Pairs, SteadyLoad
from hardware import hardware
from photographs import CONTENT_TYPE, form, jpeg, portraits


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anchors", type=int, default=50_000)
    parser.add_argument("--swaps", type=int, default=30)
    parser.add_argument("--pause", type=float, default=3.0)
    parser.add_argument("--per-second", type=float, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder, home = Path(tempfile.mkdtemp(prefix="ida-swap-latency-")), Path(os.environ["IDA_HOME"])
    fleet = Fleet(folder)
    try:
        pipeline = pipeline_of(home)
        bundles = [make_bundle(folder / f"b{seed}", pipeline, anchors=options.anchors, seed=seed) for seed in (1, 2)]
        fleet.add(str(folder / "store"), home)
        fleet.start()
        for seed, bundle_id in enumerate(bundles, 1):
            push(fleet, folder / f"b{seed}", bundle_id)
        fleet.activate(bundles[1])
        one, other = map(jpeg, portraits())
        bodies = [form(one, other, "ida-r"), form(other, one, "ida-r")]
        pairs = Pairs(bodies, {}, CONTENT_TYPE)
        windows = []
        with SteadyLoad(fleet.url, pairs, threads=options.threads, per_second=options.per_second) as load:
            time.sleep(5)
            for number in range(options.swaps):
                began = time.monotonic()
                status, answer = fleet.activate(bundles[number % 2])
                assert status == 200, answer
                windows.append((began, time.monotonic()))
                time.sleep(options.pause)
        seen = load.seen
    finally:
        fleet.close()
        shutil.rmtree(folder, ignore_errors=True)
    quantiles = {
        f"p{round(100 * share)}_ms_{name}": round(seen.quantile(share, windows, inside=name == "during"), 1)
        for share in (0.5, 0.95, 0.99)
        for name in ("before", "during")
    }
    result = {
        "anchors": options.anchors,
        "swaps": options.swaps,
        "seconds_of_a_swap": round(sum(end - start for start, end in windows) / len(windows), 2),
        "requests": len(seen.seconds),
        "failures": len(seen.failures),
        **quantiles,
        "p99_during_over_before": round(quantiles["p99_ms_during"] / quantiles["p99_ms_before"], 2),
        "hardware": hardware(),
    }
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
