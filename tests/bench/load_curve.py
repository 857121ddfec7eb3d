"""Throughput against latency of /verify, per method: closed loops, open loops, and beyond capacity.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/load_curve.py [--anchors 50000] [--methods cosine,ida-r]
        [--clients 1,2,4] [--rates 0.5,0.7,0.9,3] [--seconds 15] [--json FILE] [--plot FILE]
    python tests/bench/load_curve.py --compare OLD.json NEW.json

Clients send a pair of 640-pixel JPEG photographs of LFW and wait for the answer; open loops send at a share of the
throughput that the most clients reached, whoever answers. Shares above 1 are sent with a deadline of two seconds. The
load comes from locust (the extra bench); its own processor time is measured, and shown as CPUs.
"""

import argparse
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet
from hardware import hardware
from PIL import Image

_BOUNDARY = b"a-boundary-of-this-benchmark"
_DEADLINE = 2.0
_PHOTOGRAPHS = 40


def bodies(faces: Path, method: str) -> list[bytes]:
    """Return multipart bodies of pairs of photographs."""
    files = sorted((faces / "dev" / "lfw").rglob("*.jpg"))
    chosen = random.Random(0).sample(files, _PHOTOGRAPHS)
    photographs = []
    for file in chosen:
        buffer = io.BytesIO()
        Image.open(file).convert("RGB").resize((640, 640), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=88)
        photographs.append(buffer.getvalue())
    return [form(photographs[i], photographs[(7 * i + 3) % _PHOTOGRAPHS], method) for i in range(_PHOTOGRAPHS)]


def form(probe: bytes, reference: bytes, method: str) -> bytes:
    """Return the multipart body of a pair."""
    parts = [
        b'Content-Disposition: form-data; name="%s"; filename="photo.jpg"\r\n\r\n%s' % (name, content)
        for name, content in ((b"probe", probe), (b"reference", reference))
    ]
    parts.append(b'Content-Disposition: form-data; name="method"\r\n\r\n%s' % method.encode())
    return b"".join(b"--%s\r\n%s\r\n" % (_BOUNDARY, part) for part in parts) + b"--%s--\r\n" % _BOUNDARY


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
    began, ended = records[:, 0].min(), (records[:, 0] + records[:, 1]).max()
    kept = records[records[:, 0] >= began + 0.2 * (ended - began)]
    good = kept[kept[:, 2] == 200]
    span = ended - kept[:, 0].min()
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


def measure(options: argparse.Namespace) -> list[dict]:
    """Return a row for each method and load."""
    home, faces = Path(os.environ["IDA_HOME"]), Path(os.environ["IDA_FACES_DIR"])
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_bundle(folder / "bundle", pipeline_of(home), anchors=options.anchors, seed=1)
        fleet = Fleet(folder)
        fleet.add(str(folder / "store"), home, IDA_BUNDLE=str(folder / "bundle"))
        try:
            fleet.start()
            for method in options.methods.split(","):
                file = folder / f"{method}.npz"
                given = {
                    f"b{number:03}": np.frombuffer(body, np.uint8) for number, body in enumerate(bodies(faces, method))
                }
                np.savez(file, boundary=np.array(_BOUNDARY.decode()), **given)
                run(fleet.url, file, 5, clients=2)
                found = [
                    run(fleet.url, file, options.seconds, clients=int(count)) for count in options.clients.split(",")
                ]
                most = max(row["answered_per_second"] for row in found)
                for share in map(float, options.rates.split(",")):
                    deadline = _DEADLINE if share > 1 else 0
                    row = run(fleet.url, file, options.seconds, rate=share * most, deadline=deadline)
                    found.append({**row, "share_of_most": share})
                for row in found:
                    rows.append({"method": method, **row})
                    print(json.dumps(rows[-1]), flush=True)
                time.sleep(1)
        finally:
            fleet.close()
    return rows


def draw(rows: list[dict], path: Path) -> None:
    """Draw median and 99th percentile against what was answered, a line for each method."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = sorted((row for row in rows if row["method"] == method), key=lambda row: row["answered_per_second"])
        for quantile, style in (("p50_ms", "-o"), ("p99_ms", "--o")):
            axes.plot(
                [row["answered_per_second"] for row in mine],
                [row[quantile] for row in mine],
                style,
                label=f"{method}, {quantile[:3]}",
            )
    axes.set(xlabel="pairs answered a second", ylabel="milliseconds", yscale="log", title="POST /verify")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches="tight")


def compare(old: Path, new: Path) -> None:
    """Print how much each figure of one file differs from another's, in the same order."""
    before, after = (json.loads(path.read_text())["rows"] for path in (old, new))
    for one, other in zip(before, after, strict=True):
        load = f"{other['clients']} clients" if other["clients"] else f"{other.get('share_of_most')} of the most"
        changes = [
            f"{name} {one[name]} -> {other[name]} ({100 * (other[name] / one[name] - 1):+.0f} %)"
            for name in ("answered_per_second", "p50_ms", "p99_ms")
            if one[name] and other[name]
        ]
        print(f"{other['method']:8} {load:18} {', '.join(changes)}")


def main() -> None:
    """Measure, or compare two measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anchors", type=int, default=50_000)
    parser.add_argument("--methods", default="cosine,ida-r")
    parser.add_argument("--clients", default="1,2,4,8")
    parser.add_argument("--rates", default="0.5,0.7,0.9,3")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("OLD", "NEW"))
    options = parser.parse_args()
    if options.compare:
        compare(*options.compare)
        return
    rows = measure(options)
    if options.json:
        options.json.write_text(json.dumps({"hardware": hardware(), "rows": rows}, indent=2) + "\n")
    if options.plot:
        draw(rows, options.plot)


if __name__ == "__main__":
    main()
