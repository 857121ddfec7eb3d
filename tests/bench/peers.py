"""ida-verify beside other face verifiers: the same weights and photographs, in turns, on one machine, in one run.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/peers.py [--only 'NAME;NAME'] [--rounds 3] [--cache FOLDER]
        [--json FILE] [--write]

Each peer is installed from the package index into an environment of its own under --cache, once, and gets the pack's
YuNet and SFace where it takes them; what cannot be had is told with the reason. Libraries run in a process of their own
(``peer_worker.py``), servers as their makers start them; all are ready at once, and each has its turn in each round.
Without IDA_FACES_DIR the photographs are variants of two public-domain portraits. --write puts the table into
tests/bench/README.md.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from hardware import hardware
from marked_tables import put_table
from peer_list import ABSENT, PEERS
from peer_photographs import labelled_pairs
from peer_runners import Runner, Unavailable, environment_of
from peer_tables import OURS, agreement, table

README = Path(__file__).with_name("README.md")
_BATCH = 16
_CLIENTS = 4
_SEEN = ("seconds", "cpu", "took", "together", "wrong", "loaded_cpu", "rates", "loaded", "images", "cosines")
_SAME_COSINE = 1e-3


def measured(runners: list[Runner], options: argparse.Namespace, pairs: int) -> dict[str, dict[str, float]]:
    """Let each have its turn in each round, and return the figures by name."""
    seen: dict[str, dict[str, list]] = {runner.name: {what: [] for what in _SEEN} for runner in runners}
    share = pairs // options.rounds
    for turn in range(options.rounds):
        for runner in runners[turn % len(runners) :] + runners[: turn % len(runners)]:
            mine = seen[runner.name]
            numbers = list(range(turn * share, (turn + 1) * share))
            before = runner.processor_seconds()
            answer = runner.singles(numbers)
            mine["cpu"].append((runner.processor_seconds() - before) / len(numbers))
            mine["seconds"] += answer["seconds"]
            mine["cosines"] += list(zip(numbers, answer["cosines"], strict=True))
            before = runner.processor_seconds()
            answer = runner.together(_CLIENTS, options.seconds)
            mine["loaded_cpu"].append((runner.processor_seconds() - before) / len(answer["seconds"]))
            mine["took"].append(answer["took"])
            mine["together"].append(
                list(zip(*(answer[what] for what in ("seconds", "numbers", "cosines")), strict=True))
            )
            answer = runner.batches(_BATCH, 1)
            if answer["images"]:
                mine["images"].append(answer["images"] / answer["took"])
        print(f"round {turn + 1} of {options.rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    for mine in seen.values():
        alone = dict(mine["cosines"])
        for took, rows in zip(mine["took"], mine["together"], strict=True):
            # What a lone caller is told as well; None of both is a face that is not found.
            right = [seconds for seconds, number, found in rows if _is_same(found, alone[number])]
            mine["wrong"].append(len(rows) - len(right))
            mine["rates"].append(len(right) / took)
            mine["loaded"] += right
    return {
        runner.name: {
            "wrong": sum(seen[runner.name]["wrong"]) / sum(map(len, seen[runner.name]["together"])),
            "median_ms": 1000 * statistics.median(seen[runner.name]["seconds"]),
            "p95_ms": 1000 * float(np.quantile(seen[runner.name]["seconds"], 0.95)),
            "cpu_ms": 1000 * min(seen[runner.name]["cpu"]),
            "pairs_per_second": statistics.median(seen[runner.name]["rates"]),
            "loaded_median_ms": 1000 * statistics.median(seen[runner.name]["loaded"] or [math.nan]),
            "loaded_cpu_ms": 1000 * min(seen[runner.name]["loaded_cpu"]),
            "images_per_second": statistics.median(seen[runner.name]["images"])
            if seen[runner.name]["images"]
            else None,
            "resident_mib": runner.resident_mib(),
            "start_s": runner.start_seconds,
            "cosines": dict(seen[runner.name]["cosines"]),
        }
        for runner in runners
    }


def _is_same(found: float | None, alone: float | None) -> bool:
    return found == alone if found is None or alone is None else abs(found - alone) <= _SAME_COSINE


def main() -> None:
    """Set the peers up, measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of peers, parted by semicolons; all if absent")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=45)
    parser.add_argument("--seconds", type=float, default=3, help="of 4 clients, each round")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "ida-verify-peers")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into tests/bench/README.md")
    options = parser.parse_args()
    named, known = set(filter(None, options.only.split(";"))), [peer.name for peer in PEERS]
    if named - set(known):
        parser.error(f"no peer is called {', '.join(named - set(known))}; there are: {'; '.join(known)}")
    if "IDA_HOME" not in os.environ:
        parser.error("IDA_HOME is needed: the folder in which `ida-verify models pull` keeps the packs")
    pairs, same, photographs = labelled_pairs(os.environ.get("IDA_FACES_DIR"), options.pairs)
    chosen = [peer for peer in PEERS if not named or peer.name in named]
    absent, versions, runners = dict(ABSENT), {}, []
    options.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "photographs.npz"
        flat = [np.frombuffer(photograph, np.uint8) for pair in pairs for photograph in pair]
        np.savez(file, **{f"p{number:04}": one for number, one in enumerate(flat)})
        try:
            for peer in chosen:
                try:
                    python, installed = environment_of(peer, options.cache)
                    # Once for its files to be in memory, once to be timed.
                    Runner(peer, python, folder, file, pairs).close()
                    runners.append(Runner(peer, python, folder, file, pairs))
                    versions |= installed
                except Unavailable as error:
                    absent[peer.name] = str(error)
                    print(f"{peer.name}: {error}", file=sys.stderr)
            load = [os.getloadavg()[0]]
            figures = measured(runners, options, len(pairs))
            load.append(os.getloadavg()[0])
        finally:
            for runner in runners:
                runner.close()
    cosines = {name: figures[name].pop("cosines") for name in figures}
    reference = cosines[next(name for name in (*OURS, *cosines) if name in cosines)]
    found = {
        "hardware": hardware(),
        "at": time.strftime("%Y-%m-%d"),
        "load": load,
        "photographs": photographs,
        "versions": versions,
        "figures": figures,
        "agreement": {name: agreement(reference, mine, same) for name, mine in cosines.items()},
        "absent": absent,
    }
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if options.write:
        put_table(README, "peers", table(found))


if __name__ == "__main__":
    main()
