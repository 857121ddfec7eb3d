"""The tables of ``capacity.py``."""

_BALANCED = {"random": "at random, as deployed", "turns": "in turns", "least": "to whom has least"}
_TITLES = {
    "most_of_a_replica": "pairs a second that a replica can answer",
    "replicas": "replicas",
    "cpus": "CPUs",
    "memory_gib": "memory at the worst, GiB",
    "gbit_per_second_in": "photographs, Gbit/s, once to the proxy and once behind it",
    "proxy_cpus": "CPUs of nginx",
    "gets_per_second": "reads of the store a second",
    "puts_per_second": "writes of the store a second",
    "gib_of_a_swap": "a swap fetches, GiB",
    "swap_gbit_per_second": "for which the store gives, Gbit/s, within one look",
    "series": "Prometheus's series",
    "samples_per_second": "its samples a second",
    "cost_month": "cost of a month, always at the busiest",
    "cost_month_store": "of which the store",
    "cost_million_pairs": "cost of a million pairs",
}


def table_of(what: str, found: dict) -> str:
    """Return what was found as a table."""
    return "\n".join({"plan": _of_plans, "simulate": _of_simulations, "check": _of_check}[what](found))


def _of_plans(found: dict) -> list[str]:
    given, of_each = found["given"], found["plans"]
    lines = [
        f"{given['pair_ms']:.1f} ms of a CPU for a pair (`stage_costs.py`, {given['cpus']} copies at once), "
        f"{given['http_ms']} for HTTP, {100 * given['reached']:.0f} % of that bound reached, "
        f"{100 * given['utilisation']:.0f} % of it planned for, {100 * given['away']:.0f} % of the replicas more in "
        f"case some are away, {given['pair_bytes'] / 1000:.0f} kB of photographs a pair, anchor sets of "
        f"{given['anchor_bytes'] / 1e6:.0f} MB; {given['price_cpu_hour']} for an hour of a CPU, "
        f"{given['price_gib_hour']} for one of a GiB, {given['price_million_gets']} and {given['price_million_puts']} "
        "for a million reads and writes of an object store.",
        "",
        "| | " + " | ".join(f"{one['pairs_per_second']:,.0f} pairs a second" for one in of_each) + " |",
        "|---" * (len(of_each) + 1) + "|",
    ]
    return lines + [
        f"| {title} | {' | '.join(f'{one[name]:,}' for one in of_each)} |" for name, title in _TITLES.items()
    ]


def _of_simulations(found: dict) -> list[str]:
    by_load: dict[tuple[str, float], dict[str, dict]] = {}
    for row in found["rows"]:
        by_load.setdefault((row["happens"], row["utilisation"]), {})[row["balancing"]] = row
    kinds = list(dict.fromkeys(row["balancing"] for row in found["rows"]))
    lines = [
        f"{found['replicas']} replicas that can answer {found['capacity']:.0f} pairs a second, "
        f"{found['pair_ms']:.0f} ms each; "
        "median, 95th and 99th percentile in ms, and the share that got no answer (429, 502, 504):",
        "",
        "| what happens | load | " + " | ".join(_BALANCED[kind] for kind in kinds) + " |",
        "|---" * (len(kinds) + 2) + "|",
    ]
    for (happens, share), rows in by_load.items():
        cells = []
        for kind in kinds:
            row = rows[kind]
            lost = 1 - row["statuses"].get("200", 0) / sum(row["statuses"].values())
            cells.append(f"{row['p50_ms']:.0f}, {row['p95_ms']:.0f}, {row['p99_ms']:.0f}; {100 * lost:.2g} %")
        lines.append(f"| {happens} | {100 * share:.0f} % | {' | '.join(cells)} |")
    return lines


def _of_check(found: dict) -> list[str]:
    machine = found["hardware"]
    lines = [
        f"Three replicas on {machine['cpus']} CPUs of an {machine['cpu']}, load average "
        f"{machine['load_average'][0]:.1f} at the end. Each cell is what was measured, then what was simulated:",
        "",
        "| replicas | load | CPUs that others took | answered a second | median, ms | 95th percentile, ms | refused |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        seen, said = row["measured"], row["simulated"]
        cells = [f"{seen['answered_per_second']:.1f}, {said['answered_per_second']:.1f}"]
        cells += [f"{seen[name]:.0f}, {said[name]:.0f}" for name in ("p50_ms", "p95_ms")]
        cells.append(f"{100 * seen['refused']:.0f} %, {100 * said['refused']:.0f} %")
        lines.append(f"| {row['replicas']} | {row['load']} | {row['others_cpus']} | {' | '.join(cells)} |")
    return lines
