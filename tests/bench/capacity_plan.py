"""How many replicas a load wants, and what they and all around them use: arithmetic on a table of stage costs."""

import math
from dataclasses import asdict, dataclass

from stage_costs import STAGES

_HOURS_OF_A_MONTH = 730
_MONTH = 3600 * _HOURS_OF_A_MONTH
_LOOKS_FOR_A_REPORT = 3  # service/activation/follower.py
_GETS_OF_A_LOOK = 2  # the store's identity, and the next generation's record
# service/README.md, Memory: of the process with its anchors, for each worker, for bodies.
_MIB = (220, 300, 700)


@dataclass(frozen=True)
class Prices:
    """What things cost, in any one currency; the defaults are round numbers of no provider."""

    cpu_hour: float = 0.04
    gib_hour: float = 0.005
    million_gets: float = 0.4
    million_puts: float = 5.0


@dataclass(frozen=True)
class Given:
    """What a plan is made from.

    Attributes:
        pairs: a second, at the busiest.
        pair_ms: least processor time of a pair's stages while all CPUs of a replica work.
        http_ms: of receiving and answering it.
        proxy_ms: of the proxy for it.
        reached: share of the bound by these times that a service reaches under load.
        utilisation: share of what it reaches that is planned for, so that few wait.
        cpus: of a replica.
        away: share of the replicas that may be gone at a time.
        pair_bytes: of a request.
        anchor_bytes: of an anchor set.
        watch_seconds: between two looks at the store.
        series: of metrics, that a replica has.
        scrape_seconds: between two scrapes.
    """

    pairs: float
    pair_ms: float
    http_ms: float
    proxy_ms: float
    pair_bytes: float
    anchor_bytes: float
    series: int
    reached: float = 0.7
    utilisation: float = 0.7
    cpus: int = 2
    away: float = 0.1
    watch_seconds: float = 5.0
    scrape_seconds: float = 10.0


def pair_of(table: dict, method: str, cpus: int) -> float:
    """Return the milliseconds of a pair from a table of ``stage_costs.py``: of as many copies as there are CPUs.

    Raises:
        SystemExit: if the table has no such method.
    """
    rows = [row for row in table["rows"] if row["method"] == method]
    if not rows:
        raise SystemExit(f"The table has no method {method}; measure it: stage_costs --methods {method} --json FILE.")
    chosen = min(rows, key=lambda row: abs(row["copies"] - cpus))
    return float(sum(chosen[stage] for stage in STAGES))


def plan(given: Given, prices: Prices) -> dict[str, float]:
    """Return what a load wants.

    n = ceil(pairs / (utilisation * reached * 1000 cpus / (pair + http))), and as many more as may be away.
    """
    of_one = given.reached * 1000 * given.cpus / (given.pair_ms + given.http_ms)
    busy = math.ceil(given.pairs / (given.utilisation * of_one))
    replicas = busy + math.ceil(given.away * busy)
    base, worker, bodies = _MIB
    gib = replicas * (base + worker * given.cpus + bodies) / 1024
    gets = replicas * _GETS_OF_A_LOOK / given.watch_seconds
    puts = replicas / (given.watch_seconds * _LOOKS_FOR_A_REPORT)
    compute = _HOURS_OF_A_MONTH * (replicas * given.cpus * prices.cpu_hour + gib * prices.gib_hour)
    store = _MONTH / 1e6 * (gets * prices.million_gets + puts * prices.million_puts)
    return {
        "pairs_per_second": given.pairs,
        "most_of_a_replica": round(of_one, 1),
        "replicas": replicas,
        "cpus": replicas * given.cpus,
        "memory_gib": round(gib),
        "gbit_per_second_in": round(given.pairs * given.pair_bytes * 8 / 1e9, 2),
        "proxy_cpus": round(given.pairs * given.proxy_ms / 1000, 1),
        "gets_per_second": round(gets, 1),
        "puts_per_second": round(puts, 1),
        "gib_of_a_swap": round(replicas * given.anchor_bytes / 2**30, 1),
        "swap_gbit_per_second": round(replicas * given.anchor_bytes * 8 / 1e9 / given.watch_seconds, 1),
        "series": replicas * given.series,
        "samples_per_second": round(replicas * given.series / given.scrape_seconds),
        "cost_month": round(compute + store),
        "cost_month_store": round(store),
        "cost_million_pairs": round((compute + store) / (given.pairs * _MONTH / 1e6), 2),
    }


def described(given: Given, prices: Prices) -> dict[str, float]:
    """Return what a plan was made from, for those who read it."""
    return {**asdict(given), **{f"price_{name}": value for name, value in asdict(prices).items()}}
