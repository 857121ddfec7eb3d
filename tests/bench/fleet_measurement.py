"""Three real replicas behind nginx as it is deployed, under loads that ``fleet_simulation`` is asked to predict.

They are asked for photographs, which they compute on the CPUs of one machine; or for pairs of embeddings, for each of
which they sleep as long as photographs take (``slow_serve.py``), so that each behaves as if it had CPUs of its own.

What the simulation is told: the processor time of a pair and of a refusal in a replica, in nginx and in the load
generator, and how it varies, all from one client alone; the CPUs that others took while each load ran; and when a
replica was killed and was back. All else, it has to find.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from e2e.bundles import make_bundle, pipeline_of
from e2e.fleet import Fleet, free_port, until
from e2e.scenarios import push
from fleet_shape import Away, Shape, Swap, spread
from fleet_simulation import Fleet as Simulated
from load_curve import run
from photographs import CONTENT_TYPE, form
from replicas_by_name import NAME, NameServer

REPLICAS = 3
DEADLINE = 2.0
FIGURES = ("answered_per_second", "p50_ms", "p95_ms", "refused")
_CPUS = len(os.sched_getaffinity(0))
_EVENT_AT = 0.4  # of the load
_IMPORTS = 1.5  # seconds until the load generator begins
_BACK_AFTER = 2.0
_WATCH_SECONDS = 1.2  # within which all replicas have seen an activation
_P95_OF_NORMAL = 1.645


@dataclass(frozen=True)
class Bodies:
    """What is sent, what is sent to be told that its method does not exist, and the type of both."""

    sent: list[bytes]
    strange: list[bytes]
    kind: str


def photographed(pairs: list[tuple[bytes, bytes]], method: str) -> Bodies:
    """Return pairs of photographs."""
    sent, strange = ([form(*pair, name) for pair in pairs] for name in (method, "none"))
    return Bodies(sent, strange, CONTENT_TYPE)


def embedded(dimension: int, method: str) -> Bodies:
    """Return random faces as embeddings."""
    drawn = np.random.default_rng(0).standard_normal((20, 2, dimension)).astype(np.float32)
    documents = [{"probe": {"embedding": p.tolist()}, "reference": {"embedding": r.tolist()}} for p, r in drawn]
    sent, strange = ([json.dumps({**one, "method": name}).encode() for one in documents] for name in (method, "none"))
    return Bodies(sent, strange, "application/json")


@dataclass(frozen=True)
class Costs:
    """Seconds of processor time, from one client alone."""

    pair: float
    refusal: float
    proxy: float
    generator: float
    around: float
    variation: float
    start: float
    swap: float


class Measurement:
    """Replicas with one worker each, and what they are asked."""

    def __init__(
        self, folder: Path, home: Path, bodies: Bodies, *, workers: int, sleep: tuple[float, float] | None
    ) -> None:
        """Start them.

        Args:
            folder: for their files.
            home: of the model packs.
            bodies: what is sent.
            workers: of each replica.
            sleep: the mean seconds for which a pair is slept for, and their coefficient of variation; None to compute.
        """
        self.fleet, self.workers, self.sleep = Fleet(folder), workers, sleep
        port = free_port()
        self.bundles = []
        pipeline = pipeline_of(home)
        for seed in (1, 2):
            self.bundles.append(make_bundle(folder / f"b{seed}", pipeline, anchors=5000, seed=seed))
        for number in range(REPLICAS):
            replica = self.fleet.add(
                str(folder / "store"), home, IDA_WORKERS=str(workers), IDA_DENSITY_CACHE="0", IDA_WATCH_INTERVAL="1"
            )
            if sleep is not None:
                replica.program = (sys.executable, Path(__file__).with_name("slow_serve.py"))
                replica.environment["BENCH_SLEEP"] = json.dumps(sleep)
            replica.host, replica.port = f"127.0.0.{11 + number}", port
        self.fleet.start()
        self._lost = 0.0
        self._start = _seconds(self._processes("replicas")[0])
        self.names = NameServer(lambda: [r.host for r in self.fleet.replicas if r.process.poll() is None])
        self.fleet.start_proxy(backend=f"{NAME}:{port}", resolver=self.names.address)
        for seed, bundle in enumerate(self.bundles, 1):
            push(self.fleet, folder / f"b{seed}", bundle)
        self.file, self.strange = folder / "bodies.npz", folder / "strange.npz"
        for file, sent in ((self.file, bodies.sent), (self.strange, bodies.strange)):
            numbered = {f"b{number:03}": np.frombuffer(body, np.uint8) for number, body in enumerate(sent)}
            np.savez(file, kind=np.array(bodies.kind), **numbered)
        run(self.fleet.url, self.file, 3, clients=2)

    def close(self) -> None:
        """Stop all."""
        self.fleet.close()
        self.names.close()

    def costs(self, seconds: float) -> Costs:
        """Measure what a pair costs, by one client that waits, and what a refusal, a start and a swap cost."""
        alone, used = self._watched(lambda: run(self.fleet.url, self.file, seconds, clients=1))
        pairs, generator = self._written(self.file)
        _, of_refusal = self._watched(lambda: run(self.fleet.url, self.strange, 3, clients=1))
        refusals, _ = self._written(self.strange)
        process = self._processes("replicas")[0]
        before = _seconds(process)
        status, answer = self.fleet.activate(self.bundles[1])
        assert status == 200, answer
        return Costs(
            pair=used["replicas"] / len(pairs),
            refusal=of_refusal["replicas"] / len(refusals),
            proxy=used["proxy"] / len(pairs),
            generator=generator / len(pairs),
            # A lognormal median lies below the mean.
            around=max(0.0, alone["p50_ms"] / 1000 - np.median(spread(*self.sleep))) if self.sleep else 0.0,
            variation=max(0.02, (alone["p95_ms"] / alone["p50_ms"] - 1) / _P95_OF_NORMAL),
            start=self._start,
            swap=_seconds(process) - before,
        )

    def load(self, seconds: float, event: str = "", **load: float) -> tuple[dict, float, list[Away], list[Swap]]:
        """Run a load, during which a replica is killed or an anchor set swapped where that is asked for.

        Returns:
            What was seen, the CPUs that others took, and when what happened, in seconds since the load began.
        """
        moments: list[float] = []

        def happen() -> None:
            time.sleep(_IMPORTS + _EVENT_AT * seconds)
            moments.append(time.monotonic())
            if event == "death":
                replica = self.fleet.replicas[-1]
                self._lost += _seconds(psutil.Process(replica.process.pid))
                replica.kill()
                time.sleep(_BACK_AFTER)
                replica.start()
                until(replica.readiness, "it is ready again")
            else:
                status, answer = self.fleet.activate(self.bundles[0])
                assert status == 200, answer
            moments.append(time.monotonic())

        thread = threading.Thread(target=happen)
        if event:
            thread.start()
        seen, used = self._watched(lambda: run(self.fleet.url, self.file, seconds, **load))
        if event:
            thread.join()
        records, _ = self._written(self.file)
        began = min(record[0] for record in records)  # time.perf_counter and time.monotonic are one clock on Linux
        at, *end = (moment - began for moment in moments) if event else (0.0, 0.0)
        answers = sum(seen["statuses"].values())
        seen["refused"] = round(seen["statuses"].get("429", 0) / max(1, answers), 4)
        return (
            seen,
            used["others"],
            [Away(at, REPLICAS - 1, end[0] - at)] if event == "death" else [],
            [Swap(at, 0.0, _WATCH_SECONDS)] if event == "swap" else [],
        )

    def _watched(self, call: Callable[[], dict]) -> tuple[dict, dict[str, float]]:
        """Return what a call returns, and the processor seconds that went where meanwhile; others' as CPUs."""
        before = {name: self._used(name) for name in ("replicas", "proxy")}
        began, everything, generator = time.monotonic(), _busy(), _children()
        result = call()
        took = time.monotonic() - began
        used = {name: self._used(name) - before[name] for name in before}
        own = sum(used.values()) + _children() - generator
        used["others"] = max(0.0, (_busy() - everything - own) / took)
        return result, used

    def _used(self, name: str) -> float:
        return sum(map(_seconds, self._processes(name))) + (self._lost if name == "replicas" else 0.0)

    def _processes(self, name: str) -> list[psutil.Process]:
        if name == "proxy":
            return psutil.Process(self.fleet.proxy.pid).children()
        alive = [replica.process.pid for replica in self.fleet.replicas if replica.process.poll() is None]
        return [psutil.Process(pid) for pid in alive]

    @staticmethod
    def _written(file: Path) -> tuple[list, float]:
        written = json.loads(file.with_suffix(".json").read_text())
        return written["records"], written["load_cpu_seconds"]


def predicted(
    measurement: Measurement, costs: Costs, others: float, seconds: float, happened: tuple, load: dict
) -> dict[str, float]:
    """Return what the simulation says of a load that was measured, the mean of several runs of it."""
    away, swaps = happened
    sleep = measurement.sleep
    own = {"cpus": None} if sleep else {"cpus": _CPUS, "others": min(others, _CPUS - 0.1)}
    shape = Shape(
        replicas=REPLICAS,
        workers=measurement.workers,
        work=spread(*sleep) if sleep else spread(costs.pair, costs.variation),
        deadline=load.get("deadline") or 30.0,
        refusal=costs.refusal,
        ahead=costs.around if sleep else costs.proxy + costs.generator,
        away=[Away(one.at, one.replica, one.seconds, costs.start) for one in away],
        swaps=[Swap(one.at, costs.swap, one.within) for one in swaps],
        **own,
    )
    rows = []
    for seed in range(5):
        simulated = Simulated(shape, seed)
        if load.get("clients"):
            rows.append(simulated.closed_loop(int(load["clients"]), seconds))
        else:
            rows.append(simulated.open_loop(load["rate"], seconds, is_paced=True))
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in FIGURES}


def _seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system
    return 0.0


def _children() -> float:
    own = psutil.Process().cpu_times()
    return own.children_user + own.children_system


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times[:3]) + sum(times[5:8])  # all but what is idle or waits
