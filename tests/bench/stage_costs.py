"""What each stage of a pair costs alone, on one thread, and so how many pairs a second the CPUs could answer at most.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/stage_costs.py [--bundle FOLDER] [--methods cosine,ida-r]
        [--rounds 15] [--copies 1,2] [--json FILE]

The service's own code scores pairs of 640-pixel LFW photographs in a process of its own, one after the other. The least
time of each stage on each pair, averaged over the pairs, is what the stage costs; the CPUs over their sum is the bound.
With several copies at once the same is measured while they share the machine's memory and caches, as under load. The
median of a whole pair is told beside it: how far it lies above the least is how steady the machine is.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from hardware import hardware

STAGES = ("decode", "detect", "align", "liveness", "embed", "search", "predict", "score")


def measured(methods: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """Return the milliseconds of each stage for a pair, by method."""
    from photographs import pairs

    from service.loaded import load
    from service.settings import load_settings
    from service.verifier.inputs import Photo

    settings = load_settings(threads=1, density_cache=0, agreement_share=0.0)
    verifier = load(settings).verifier(settings)
    found = {}
    given = pairs(Path(os.environ["IDA_FACES_DIR"]))
    for method in methods:
        least = {stage: [float("inf")] * len(given) for stage in STAGES}
        totals = []
        for _ in range(rounds):
            for number, (probe, reference) in enumerate(given):
                timings = verifier.verify(Photo(probe), Photo(reference), method=method).timings_ms
                totals.append(timings["total"])
                for stage in STAGES:
                    least[stage][number] = min(least[stage][number], timings[stage])
        found[method] = {stage: round(sum(times) / len(times), 3) for stage, times in least.items()}
        found[method]["median"] = round(statistics.median(totals), 2)
    return found


def costs(methods: str, *, rounds: int = 15, copies: int = 1, **environment: str) -> dict[str, dict[str, float]]:
    """Return the milliseconds of each stage for a pair by method, the mean of so many processes at once."""
    command = [sys.executable, __file__, "--methods", methods, "--rounds", str(rounds), "--inside"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
        for _ in range(copies)
    ]
    texts = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        sys.exit("the stages could not be measured")
    every = [json.loads(text.splitlines()[-1]) for text in texts]
    return {
        method: {stage: round(sum(one[method][stage] for one in every) / copies, 3) for stage in stages}
        for method, stages in every[0].items()
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--methods", default="cosine,ida-r")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--copies", default="1,2")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measured(options.methods.split(","), options.rounds)))
        return
    rows, cpus = [], len(os.sched_getaffinity(0))
    given = {} if options.bundle is None else {"IDA_BUNDLE": str(options.bundle)}
    for copies in map(int, options.copies.split(",")):
        for method, stages in costs(options.methods, rounds=options.rounds, copies=copies, **given).items():
            total = sum(stages[stage] for stage in STAGES)
            rows.append({"copies": copies, "method": method, **stages, "total": round(total, 2)})
            bound = 1000 * cpus / total
            print(f"{copies} at once, {method}: {total:.1f} ms, at most {bound:.1f} pairs a second: {stages}")
    if options.json:
        options.json.write_text(json.dumps({"hardware": hardware(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
