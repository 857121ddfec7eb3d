"""The simulation of replicas against queueing theory, and its admission against the service's own."""

import math
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
import simpy

from service.api.admission import Gate
from service.api.problems import Overloaded
from service.settings import Settings


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "bench"))


def erlang(servers, load):
    """The mean wait, in service times, of Poisson arrivals at servers with exponential service (Erlang's C)."""
    offered = servers * load
    waits = offered**servers / math.factorial(servers) / (1 - load)
    some = waits / (sum(offered**k / math.factorial(k) for k in range(servers)) + waits)
    return some / (servers * (1 - load))


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (2, 0.8)])
def test_waits_are_those_of_theory(workers, load):
    from fleet_shape import Shape
    from fleet_simulation import Fleet

    drawn = random.Random(1)
    work = [drawn.expovariate(1) for _ in range(20_000)]
    fleet = Fleet(Shape(replicas=1, work=work, workers=workers, queue=10**6, deadline=1e9), seed=1)
    fleet.open_loop(load * workers, 5_000)
    mean = sum(fleet.seen.seconds) / len(fleet.seen.seconds)
    assert mean == pytest.approx(1 + erlang(workers, load), rel=0.1)


@pytest.mark.slow
def test_turns_are_better_than_chance_and_the_least_loaded_no_worse():
    from fleet_shape import Shape, spread
    from fleet_simulation import Fleet

    found = {
        balancing: Fleet(Shape(replicas=10, work=spread(0.05, 0.15), balancing=balancing)).open_loop(0.7 * 400, 6)
        for balancing in ("random", "turns", "least")
    }
    assert found["random"]["p95_ms"] > 1.5 * found["turns"]["p95_ms"] >= 1.5 * 0.9 * found["least"]["p95_ms"]


def test_more_than_can_be_answered_is_refused_and_the_rest_in_time():
    from fleet_shape import Shape
    from fleet_simulation import Fleet

    seen = Fleet(Shape(replicas=2, work=[0.1], workers=1, deadline=2.0)).open_loop(40, 30)
    assert seen["answered_per_second"] == pytest.approx(20, rel=0.05)
    assert seen["refused"] == pytest.approx(0.5, abs=0.03)
    assert seen["p99_ms"] <= 2000


def test_pairs_of_a_replica_that_dies_are_lost_and_no_others():
    from fleet_shape import Away, Shape
    from fleet_simulation import Fleet

    shape = Shape(replicas=3, work=[0.1], workers=1, away=[Away(10.0, 0, 5.0)])
    fleet = Fleet(shape)
    fleet.closed_loop(12, 30)
    lost = fleet.seen.statuses.count(502)
    assert 1 <= lost <= 1 + shape.queue
    assert set(fleet.seen.statuses) == {200, 502}
    assert all(
        10 <= at <= 10.2 for at, status in zip(fleet.seen.answered, fleet.seen.statuses, strict=True) if status == 502
    )


@pytest.mark.parametrize("waiting", [0, 1, 5, 31, 32])
@pytest.mark.parametrize("mean", [0.0, 0.05, 0.4])
def test_admission_is_the_service_s_own(waiting, mean):
    from fleet_shape import Shape
    from fleet_simulation import Replica

    workers = SimpleNamespace(
        waiting=waiting,
        mean_seconds=mean,
        expected_wait=(waiting + 1) * mean / 2 if waiting else 0.0,  # as Workers has it for single pairs
    )
    unused = SimpleNamespace(set=lambda _: None)
    gate = Gate(Settings(), workers, SimpleNamespace(bodies=unused, held_bytes=unused))
    env = simpy.Environment()
    replica = Replica(env, Shape(replicas=1, work=[1.0]), None)
    replica._mean = mean
    replica._workers = SimpleNamespace(queue=[None] * waiting)
    for seconds in (0.01, 0.5, 2.0, 30.0):
        try:
            with gate.arrival({"x-deadline-seconds": str(seconds)}):
                is_refused = False
        except Overloaded:
            is_refused = True
        assert replica.refuses(seconds) == is_refused


def test_plan_grows_with_the_load_and_pays_for_it():
    from capacity_plan import Given, Prices, pair_of, plan
    from stage_costs import STAGES

    table = {"rows": [{"method": "ida-r", "copies": n, **dict.fromkeys(STAGES, 5.0 + n)} for n in (1, 2)]}
    pair = pair_of(table, "ida-r", 2)
    assert pair == 7.0 * len(STAGES)
    common = {"pair_ms": pair, "http_ms": 4.0, "proxy_ms": 1.0, "pair_bytes": 1e5, "anchor_bytes": 1e7, "series": 500}
    found = plan(Given(pairs=1000, reached=1.0, utilisation=0.5, away=0.0, **common), Prices(1.0, 0.0, 0.0, 0.0))
    assert found["replicas"] == math.ceil(1000 / (0.5 * 2000 / 60))
    assert found["cost_month"] == found["cpus"] * 730
    assert found["gbit_per_second_in"] == 0.8
    with pytest.raises(SystemExit, match="no method cosine"):
        pair_of(table, "cosine", 2)
