"""Attack three replicas behind the proxy while honest clients ask, and count what these noticed.

    IDA_HOME=... python tests/e2e/hostile.py [--replicas 3] [--address-space 2048] [--per-second 4] [--together]
        [--every N] [--batch N] [--only NAME,...] [--json FILE]

Each replica may have so many MiB of address space (ulimit -v). Honest clients send pairs of photographs through the
proxy at a steady pace; one who is told 429 or 502 sends again, and the time counts until he is answered. The attacks
(e2e/attacks.py) come one after the other, or all at once with --together. Exit code 1 if a replica ended, an honest
request was not answered, or one in a hundred took a second or longer.
"""

import argparse
import http.client
import io
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import matplotlib.cbook
from PIL import Image
from skimage import data

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.attacks import ATTACKS, Target, all_at_once
from e2e.fleet import Fleet
from hostile_pictures import hostile_names, hostile_pictures

_MOST_SECONDS = 1.0
_TRIES = 20
_PAUSE = 0.1


def photographs() -> tuple[bytes, bytes]:
    """Return two public-domain portraits that packages carry, as JPEG files of 640 pixels."""
    hopper = Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    found = []
    for picture in (Image.fromarray(data.astronaut()), hopper):
        buffer = io.BytesIO()
        picture.convert("RGB").resize((640, 640), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=88)
        found.append(buffer.getvalue())
    return found[0], found[1]


@dataclass
class Honest:
    """Clients that send the same pair at a steady pace until the context is left."""

    port: int
    pair: tuple[bytes, bytes]
    per_second: float
    threads: int = 4
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        boundary = b"a-boundary-of-honest-clients"
        parts = [
            b'Content-Disposition: form-data; name="%s"; filename="photo.jpg"\r\n\r\n%s' % (name, content)
            for name, content in zip((b"probe", b"reference"), self.pair, strict=True)
        ]
        self._body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
        self._headers = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._running = [threading.Thread(target=self._send) for _ in range(self.threads)]

    def __enter__(self) -> "Honest":
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join()

    def _send(self) -> None:
        while not self._stop.wait(self.threads / self.per_second):
            began = time.monotonic()
            status = ""
            for _ in range(_TRIES):
                status = self._ask()
                with self._turn:
                    self.statuses[status] += 1
                if status == "200":
                    break
                self._stop.wait(_PAUSE)
            with self._turn:
                self.seconds.append(time.monotonic() - began)
                if status != "200":
                    self.unanswered.append(status)

    def _ask(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/verify", self._body, self._headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()
        return str(answer.status)

    def taken(self, since: int) -> dict[str, float]:
        """Return quantiles of the milliseconds of the requests from a number on."""
        found = sorted(self.seconds[since:])
        if len(found) < 2:
            return {"requests": len(found)}
        quantiles = statistics.quantiles(found, n=100, method="inclusive")
        return {
            "requests": len(found),
            "p50_ms": round(1000 * quantiles[49]),
            "p99_ms": round(1000 * quantiles[98]),
            "most_ms": round(1000 * found[-1]),
        }


def resident(process_id: int) -> tuple[int, int]:
    """Return a process's resident memory and its greatest, in MiB."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process_id}/status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def run(options: argparse.Namespace, home: Path, folder: Path) -> dict[str, Any]:
    """Run the attacks and return what was counted."""
    names = options.only.split(",") if options.only else list(ATTACKS)
    pair = photographs()
    hostile = hostile_pictures(hostile_names()[:: options.every])
    fleet = Fleet(folder, address_space=options.address_space * 1024 * 1024)
    try:
        for _ in range(options.replicas):
            fleet.add(str(folder / "store"), home, IDA_LOG_LEVEL="info")
        fleet.start()
        fleet.start_proxy()
        before = [replica.process.pid for replica in fleet.replicas]
        target = Target(fleet.proxy_port, [replica.port for replica in fleet.replicas], hostile, pair, options.batch)
        attacks: dict[str, Any] = {}
        # The attackers in a process of their own: making what they send must not hold the honest clients up.
        with (
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) as attackers,
            Honest(fleet.proxy_port, pair, options.per_second) as honest,
        ):
            attackers.submit(len, ()).result()
            time.sleep(3)
            quiet = honest.taken(0)
            for group in [names] if options.together else [[name] for name in names]:
                began, since = time.monotonic(), len(honest.seconds)
                found = attackers.submit(all_at_once, target, group).result()
                time.sleep(1)
                attacks[" + ".join(group)] = {
                    "seconds": round(time.monotonic() - began, 1),
                    "answered": {name: dict(found[name]) for name in group},
                    "honest": honest.taken(since),
                    "resident_mib": [resident(process) for process in before],
                }
            total = honest.taken(0)
        ended = [replica.name for replica in fleet.replicas if replica.process.poll() is not None]
        ready = [replica.readiness() is not None for replica in fleet.replicas]
        lines = [sum(1 for _ in replica.log.open("rb")) for replica in fleet.replicas]
    finally:
        fleet.close()
    return {
        "replicas": options.replicas,
        "address_space_mib": options.address_space,
        "attacks": attacks,
        "honest_before": quiet,
        "honest": total,
        "honest_statuses": dict(honest.statuses),
        "unanswered": honest.unanswered,
        "ended": ended,
        "ready_afterwards": all(ready),
        "log_lines": lines,
        "not_json": [line for replica in fleet.replicas for line in _not_json(replica.log)][:5],
    }


def _not_json(log: Path) -> list[str]:
    return [line for line in log.read_text(errors="replace").splitlines() if not line.startswith("{")]


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--address-space", type=int, default=2048, metavar="MIB")
    parser.add_argument("--per-second", type=float, default=4)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th hostile picture")
    parser.add_argument("--batch", type=int, default=64, metavar="N", help="hostile pictures in a batch of them")
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ida-hostile-"))
    try:
        result = run(options, Path(os.environ["IDA_HOME"]), folder)
    finally:
        for log in sorted(folder.glob("replica-*.log")):
            print(f"== {log.name}\n{log.read_text()[-1500:]}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    failed = result["ended"] or result["unanswered"] or not result["ready_afterwards"]
    return 1 if failed or result["honest"]["p99_ms"] >= 1000 * _MOST_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
