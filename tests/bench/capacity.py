"""What a load wants, what fifty replicas do, and whether three real ones do what the simulation says.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/stage_costs.py --methods ida-r --json STAGES.json
    python tests/bench/capacity.py plan --stages STAGES.json [--pairs 1000,100000] [--cpus 2] [--cpu-hour 0.04]
        [--write]
    python tests/bench/capacity.py simulate --stages STAGES.json [--replicas 50] [--utilisations 0.5,0.7,0.9,1.5]
        [--balancing random,turns,least] [--seconds 20] [--write]
    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/capacity.py check [--seconds 12] [--json FILE] [--write]

``plan`` and ``simulate`` take the stage table of the machine at hand; the rest is arithmetic. ``check`` needs nginx and
the extra bench, and takes four minutes. ``--write`` puts the table into deploy/CAPACITY.md, which tells what to make of
it.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from capacity_plan import Given, Prices, described, pair_of, plan
from capacity_tables import table_of
from fleet_shape import Shape, Swap, spread
from fleet_simulation import Fleet
from hardware import hardware
from marked_tables import put_table

DOCUMENT = Path(__file__).parents[2] / "deploy" / "CAPACITY.md"
_VARIATION = 0.15  # coefficient of variation of a pair's time: 45 ms in the median, 55 ms in 19 of 20
_SLEEP = (0.12, _VARIATION)
_SWAP_SECONDS = 1.0  # of one thread, for which 50,000 anchors load and their golden pairs are scored


def given_by(options: argparse.Namespace, pairs: float) -> Given:
    """Return what a plan is made from."""
    return Given(
        pairs=pairs,
        pair_ms=pair_of(json.loads(options.stages.read_text()), options.method, options.cpus),
        http_ms=options.http_ms,
        proxy_ms=options.proxy_ms,
        pair_bytes=options.pair_bytes,
        anchor_bytes=options.anchor_bytes,
        series=options.series,
        reached=options.reached,
        utilisation=options.utilisation,
        cpus=options.cpus,
        away=options.away,
        watch_seconds=options.watch_seconds,
    )


def plans(options: argparse.Namespace) -> dict:
    """Print and return what each load wants."""
    prices = Prices(options.cpu_hour, options.gib_hour, options.million_gets, options.million_puts)
    loads = [float(text) for text in options.pairs.split(",")]
    found = [plan(given_by(options, pairs), prices) for pairs in loads]
    for name in found[0]:
        print(f"{name:22}" + "".join(f"{one[name]:>16,}" for one in found))
    return {"given": described(given_by(options, loads[0]), prices), "plans": found}


def simulations(options: argparse.Namespace) -> dict:
    """Print and return what so many replicas do, by balancing and load, with swaps and with deaths."""
    given = given_by(options, 1)
    seconds = (given.pair_ms + given.http_ms) / given.reached / 1000
    capacity = options.replicas * options.cpus / seconds
    common = {"replicas": options.replicas, "workers": options.cpus, "work": spread(seconds, _VARIATION)}
    happenings = {
        "nothing": {},
        "a swap every 10 s": {"swaps": [Swap(at, _SWAP_SECONDS) for at in range(0, int(options.seconds), 10)]},
        "ten die a minute": {"between_deaths": 60.0 * options.replicas / 10},
        "their machines too": {"between_deaths": 60.0 * options.replicas / 10, "silence": 1.0, "listed": 6.0},
    }
    rows = []
    for what, extra in happenings.items():
        for balancing in options.balancing.split(","):
            for share in map(float, options.utilisations.split(",")):
                deadline = 2.0 if share > 1 else 30.0
                shape = Shape(**common, **extra, balancing=balancing, deadline=deadline)
                row = Fleet(shape).open_loop(share * capacity, options.seconds)
                rows.append({"happens": what, "balancing": balancing, "utilisation": share, **row})
                print(json.dumps(rows[-1]), flush=True)
    return {"replicas": options.replicas, "pair_ms": 1000 * seconds, "capacity": capacity, "rows": rows}


def checked(options: argparse.Namespace) -> dict:
    """Measure three replicas under several loads, and simulate each."""
    from e2e.bundles import pipeline_of
    from fleet_measurement import DEADLINE, FIGURES, REPLICAS, Measurement, embedded, photographed, predicted
    from photographs import pairs

    home, faces = Path(os.environ["IDA_HOME"]), os.environ.get("IDA_FACES_DIR")
    kinds = {"two workers each, on CPUs of their own": (embedded(pipeline_of(home).dimension, "ida-r"), 2, _SLEEP)}
    if faces:
        kinds["one worker each, all on these CPUs"] = (photographed(pairs(Path(faces)), "ida-r"), 1, None)
    rows = []
    for kind, (bodies, workers, sleep) in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            measurement = Measurement(Path(folder), home, bodies, workers=workers, sleep=sleep)
            try:
                costs = measurement.costs(options.seconds)
                slots = REPLICAS * workers / _SLEEP[0] if sleep else len(os.sched_getaffinity(0)) / costs.pair
                loads = [
                    ("", {"clients": 2 * REPLICAS * workers}),
                    ("", {"rate": 0.5 * slots}),
                    ("", {"rate": 0.75 * slots}),
                    ("", {"rate": 2 * slots, "deadline": DEADLINE}),
                    ("death", {"rate": 0.5 * slots, "deadline": DEADLINE}),
                    ("swap", {"rate": 0.5 * slots}),
                ]
                for event, load in loads if sleep else loads[:4]:
                    seen, others, *happened = measurement.load(options.seconds, event, **load)
                    said = predicted(measurement, costs, others, options.seconds, tuple(happened), load)
                    named = (
                        f"{load['clients']} clients that wait" if "clients" in load else f"{load['rate']:.0f} a second"
                    )
                    rows.append(
                        {
                            "replicas": kind,
                            "load": named + {"death": ", a replica killed", "swap": ", a swap", "": ""}[event],
                            "others_cpus": round(others, 2),
                            "measured": {name: float(seen[name]) for name in FIGURES},
                            "simulated": said,
                            "statuses": seen["statuses"],
                        }
                    )
                    print(json.dumps(rows[-1]), flush=True)
            finally:
                measurement.close()
    return {"hardware": hardware(), "at": time.strftime("%Y-%m-%d"), "rows": rows}


def main() -> None:
    """Plan, simulate or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("plan", "simulate", "check"))
    parser.add_argument("--stages", type=Path, help="a table of stage_costs.py")
    parser.add_argument("--method", default="ida-r")
    parser.add_argument("--pairs", default="1000,100000", help="pairs a second")
    parser.add_argument("--cpus", type=int, default=2, help="of a replica")
    parser.add_argument("--http-ms", type=float, default=1.9)
    parser.add_argument("--proxy-ms", type=float, default=0.6)
    parser.add_argument("--pair-bytes", type=float, default=85_000)
    parser.add_argument("--anchor-bytes", type=float, default=17e6)
    parser.add_argument("--series", type=int, default=550, help="of metrics, that a replica has")
    parser.add_argument(
        "--reached", type=float, default=Given.reached, help="share of the bound that load_curve.py reaches"
    )
    parser.add_argument("--utilisation", type=float, default=0.7)
    parser.add_argument("--away", type=float, default=0.1, help="share of the replicas that may be gone")
    parser.add_argument("--watch-seconds", type=float, default=5.0)
    parser.add_argument("--cpu-hour", type=float, default=Prices.cpu_hour)
    parser.add_argument("--gib-hour", type=float, default=Prices.gib_hour)
    parser.add_argument("--million-gets", type=float, default=Prices.million_gets)
    parser.add_argument("--million-puts", type=float, default=Prices.million_puts)
    parser.add_argument("--replicas", type=int, default=50)
    parser.add_argument("--balancing", default="random,turns,least")
    parser.add_argument("--utilisations", default="0.5,0.7,0.9,1.5")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into deploy/CAPACITY.md")
    options = parser.parse_args()
    if options.what != "check" and options.stages is None:
        parser.error("--stages FILE is needed: poe bench stage_costs --methods ida-r --json FILE")
    if options.what == "check" and "IDA_HOME" not in os.environ:
        parser.error("IDA_HOME is needed: the folder in which `ida-verify models pull` keeps the packs")
    found = {"plan": plans, "simulate": simulations, "check": checked}[options.what](options)
    if options.write:
        put_table(DOCUMENT, options.what, table_of(options.what, found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
