"""Throughput against latency of /verify, per method: closed loops, open loops, and beyond capacity.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/load_curve.py [--anchors 50000] [--methods cosine,ida-r]
        [--clients 1,2,4] [--rates 0.5,0.7,0.9,3] [--seconds 15] [--json FILE] [--plot FILE]
    python tests/bench/load_curve.py --compare OLD.json NEW.json

Clients send a pair of 640-pixel JPEG photographs of LFW and wait for the answer; open loops send at a share of the
throughput that the most clients reached, whoever answers. Shares above 1 are sent with a deadline of two seconds. The
load comes from locust (the extra bench); its own processor time is measured, and shown as CPUs.

The bound is what the CPUs could answer if each pair cost what its stages cost alone (``stage_costs.py``) and what
receiving and answering it costs. The share of the bound is that of the CPUs which the generator left. The least time is
one that a machine with other guests seldom gives, so a second bound is told: what processes that share nothing, one for
each CPU and all at once, answer by their median pair.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import psutil
from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet, Replica
from hardware import hardware
from photographs import BOUNDARY, CONTENT_TYPE, form, pairs
from stage_costs import STAGES, costs

_DEADLINE = 2.0
_EMPTY_REQUESTS = 300
_WARM_UP_SHARE = 0.2


def run(url: str, file: Path, seconds: float, *, clients: int = 1, rate: float = 0, deadline: float = 0) -> dict:
    """Run locust once and return what it saw of the last four fifths of its time."""
    out = file.with_suffix(".json")
    environment = {
        **os.environ,
        "BENCH_BODIES": str(file),
        "BENCH_RATE": str(rate),
        "BENCH_DEADLINE": str(deadline),
        "BENCH_OUT": str(out),
    }
    users = clients if not rate else 1
    command = [sys.executable, "-m", "locust", "-f", Path(__file__).with_name("locustfile.py"), "--headless"]
    command += ["-u", str(users), "-r", str(users), "-t", f"{seconds:g}s", "-H", url, "--only-summary", "-s", "5"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    seen = json.loads(out.read_text())
    records = np.array(seen["records"])
    # By when they were answered: what is still under way when the run ends was not, and what began before counts.
    answered = records[:, 0] + records[:, 1]
    began, ended = records[:, 0].min(), answered.max()
    kept = records[answered >= began + _WARM_UP_SHARE * (ended - began)]
    good = kept[kept[:, 2] == 200]
    span = (1 - _WARM_UP_SHARE) * (ended - began)
    in_time = good if not deadline else good[good[:, 1] <= deadline]
    return {
        "clients": clients if not rate else None,
        "rate": round(rate, 1) or None,
        "seconds": round(span, 1),
        "answered_per_second": round(len(good) / span, 2),
        "in_time_per_second": round(len(in_time) / span, 2),
        **{
            f"p{round(100 * share)}_ms": round(1000 * float(np.quantile(good[:, 1], share)), 1) if len(good) else None
            for share in (0.5, 0.95, 0.99)
        },
        "statuses": {str(int(status)): count for status, count in sorted(Counter(kept[:, 2]).items())},
        "generator_cpus": round(seen["cpu_seconds"] / seconds, 2),
    }


def cost_of_http(replica: Replica, body: bytes) -> float:
    """Return the milliseconds of processor time in which the service receives a pair and answers, computing nothing.

    The method is one that does not exist, which is said after the photographs were received.
    """
    process = psutil.Process(replica.process.pid)
    request = urllib.request.Request(f"{replica.url}/verify", body, {"Content-Type": CONTENT_TYPE})
    before = process.cpu_times()
    for _ in range(_EMPTY_REQUESTS):
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as error:
            error.read()
    after = process.cpu_times()
    return 1000 * (after.user + after.system - before.user - before.system) / _EMPTY_REQUESTS


def measure(options: argparse.Namespace) -> tuple[list[dict], dict]:
    """Return a row for each method and load, and what bounds them."""
    home, faces = Path(os.environ["IDA_HOME"]), Path(os.environ["IDA_FACES_DIR"])
    rows, cpus = [], len(os.sched_getaffinity(0))
    given = pairs(faces)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_bundle(folder / "bundle", pipeline_of(home), anchors=options.anchors, seed=1)
        (folder / "store").mkdir(exist_ok=True)
        stages, together = (
            costs(options.methods, copies=copies, IDA_BUNDLE=str(folder / "bundle"), IDA_STORE=str(folder / "store"))
            for copies in (1, cpus)
        )
        fleet = Fleet(folder)
        # The same photographs come again and again: with a cache of their densities, nothing would be searched.
        replica = fleet.add(
            str(folder / "store"), home, IDA_BUNDLE=str(folder / "bundle"), IDA_DENSITY_CACHE="0", **options.set
        )
        try:
            fleet.start()
            http = cost_of_http(replica, form(*given[0], "none"))
            bound = {
                method: {
                    **of_method,
                    "http": round(http, 3),
                    "pairs_per_second": round(1000 * cpus / (sum(of_method[stage] for stage in STAGES) + http), 1),
                    "pairs_per_second_together": round(1000 * cpus / (together[method]["median"] + http), 1),
                }
                for method, of_method in stages.items()
            }
            print(json.dumps(bound), flush=True)
            methods = options.methods.split(",")
            files = {method: folder / f"{method}.npz" for method in methods}
            for method, file in files.items():
                sent = [np.frombuffer(form(*pair, method), np.uint8) for pair in given]
                bodies = {f"b{number:03}": body for number, body in enumerate(sent)}
                np.savez(file, boundary=np.array(BOUNDARY.decode()), **bodies)
            run(fleet.url, files[methods[0]], 5, clients=2)
            # The methods take turns at each load, so that what else the machine does meets all of them.
            most = dict.fromkeys(methods, 0.0)
            for count in map(int, options.clients.split(",")):
                for method, file in files.items():
                    row = run(fleet.url, file, options.seconds, clients=count)
                    most[method] = max(most[method], row["answered_per_second"])
                    free = (cpus - row["generator_cpus"]) / cpus
                    shares = {
                        f"share_of_bound{kind}": round(
                            row["answered_per_second"] / (bound[method][f"pairs_per_second{kind}"] * free), 3
                        )
                        for kind in ("", "_together")
                    }
                    rows.append({"method": method, **row, **shares})
                    print(json.dumps(rows[-1]), flush=True)
            for share in map(float, filter(None, options.rates.split(","))):
                for method, file in files.items():
                    deadline = _DEADLINE if share > 1 else 0
                    row = run(fleet.url, file, options.seconds, rate=share * most[method], deadline=deadline)
                    rows.append({"method": method, **row, "share_of_most": share})
                    print(json.dumps(rows[-1]), flush=True)
        finally:
            fleet.close()
    return rows, bound


def draw(rows: list[dict], path: Path) -> None:
    """Draw median and 99th percentile against what was answered, by method and by how the load came."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 5))
    for colour, method in enumerate(dict.fromkeys(row["method"] for row in rows)):
        for load, marker in (("clients", "o"), ("rate", "^")):
            # In the order of the load, not of what was answered: beyond capacity that is no more.
            mine = sorted((row for row in rows if row["method"] == method and row[load]), key=lambda row: row[load])
            for quantile, line in (("p50_ms", "-"), ("p99_ms", "--")):
                axes.plot(
                    [row["answered_per_second"] for row in mine],
                    [row[quantile] for row in mine],
                    f"{marker}{line}",
                    color=f"C{colour}",
                    label=f"{method}, {'waiting clients' if load == 'clients' else 'at a rate'}, {quantile[:3]}",
                )
    axes.set(xlabel="pairs answered a second", ylabel="milliseconds", yscale="log", title="POST /verify")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def compare(old: Path, new: Path) -> None:
    """Print how much each figure of one file differs from another's, load by load."""
    before, after = (json.loads(path.read_text())["rows"] for path in (old, new))
    before = {_load_of(row): row for row in before}
    for other in after:
        one = before.get(_load_of(other))
        if one is None:
            continue
        load = f"{other['clients']} clients" if other["clients"] else f"{other.get('share_of_most')} of the most"
        changes = [
            f"{name} {one[name]} -> {other[name]} ({100 * (other[name] / one[name] - 1):+.0f} %)"
            for name in ("answered_per_second", "p50_ms", "p99_ms")
            if one[name] and other[name]
        ]
        print(f"{other['method']:8} {load:18} {', '.join(changes)}")


def _load_of(row: dict) -> tuple:
    return row["method"], row["clients"], row.get("share_of_most")


def main() -> None:
    """Measure, or compare two measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anchors", type=int, default=50_000)
    parser.add_argument("--methods", default="cosine,ida-r")
    parser.add_argument("--clients", default="1,2,4,8")
    parser.add_argument("--rates", default="0.5,0.7,0.9,3")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--set", action="append", default=[], metavar="IDA_...=VALUE", help="a setting of the service")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("OLD", "NEW"))
    options = parser.parse_args()
    if options.compare:
        compare(*options.compare)
        return
    options.set = dict(one.split("=", 1) for one in options.set)
    rows, bound = measure(options)
    if options.json:
        options.json.write_text(json.dumps({"hardware": hardware(), "bound": bound, "rows": rows}, indent=2) + "\n")
    if options.plot:
        draw(rows, options.plot)


if __name__ == "__main__":
    main()
