"""Each alert is quiet just below its thresholds and its duration, and fires just above."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_edges import EDGES, GONE, WEEK, gone
from alert_series import STEP, STEPS, Series

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules" / "ida-verify.yml"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def case(alert: str, series: Series, seconds: float, fires: bool, interval: str) -> dict[str, Any]:
    return {
        "name": alert,
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})',
                "eval_time": f"{seconds:.0f}s",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }


def duration(alert: str) -> int:
    """The seconds for which an alert's condition has to hold."""
    text = ALERTS[alert].get("for", "0s")
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def cases() -> Iterator[dict[str, Any]]:
    for alert, edges in EDGES.items():
        for one in edges.thresholds:
            for series, fires in ((one.below, False), (one.above, True)):
                yield case(alert, one.beside | series, STEPS * STEP, fires, f"{STEP}s")
        fires_at = edges.since + duration(alert)
        for seconds, fires in ((fires_at - STEP, False), (fires_at, True)):
            yield case(alert, edges.lasting, seconds, fires, f"{STEP}s")


def cases_of_a_week() -> Iterator[dict[str, Any]]:
    for before, now, fires in ((1000, 51, False), (1000, 49, True), (490, 0, False), (510, 0, True)):
        yield case(GONE, gone(before, now), 60 * (WEEK + 50), fires, "1m")
    for minutes, fires in ((0, False), (5, True)):
        yield case(GONE, gone(1000, 0), 60 * (WEEK + minutes) + duration(GONE), fires, "1m")


def failing(promtool: str, folder: Path) -> set[str]:
    """Return the alerts of which a case fails."""
    of_alert: dict[str, list[dict[str, Any]]] = {}
    for one in (*cases(), *cases_of_a_week()):
        of_alert.setdefault(one["name"], []).append(one)
    # Each alert by itself, since every rule of a file is evaluated for each of its cases.
    files = []
    for alert, rule in ALERTS.items():
        rules = {"groups": [{"name": "edges", "rules": [rule]}]}
        (folder / f"{alert}-rules.yml").write_text(yaml.safe_dump(rules))
        # A week of looks would take half of the time of all.
        interval = "5m" if alert == GONE else f"{STEP}s"
        document = {"rule_files": [f"{alert}-rules.yml"], "evaluation_interval": interval, "tests": of_alert[alert]}
        files.append(folder / f"{alert}.yml")
        files[-1].write_text(yaml.safe_dump(document, sort_keys=False))
    # promtool makes a database for each case, and waits for the disk; in memory it need not.
    memory = Path("/dev/shm")
    environment = {**os.environ, "TMPDIR": str(memory if os.access(memory, os.W_OK) else folder)}
    command = [promtool, "test", "rules", *files]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    told = result.stdout + result.stderr
    found = set(re.findall(r'alertname=\\*"(\w+)', told))
    assert bool(found) == (result.returncode != 0), told
    return found


def test_every_alert_has_its_edges() -> None:
    assert {*EDGES, GONE} == set(ALERTS)


@pytest.mark.system
def test_alerts_are_quiet_below_their_edges_and_fire_above(require_program, tmp_path: Path) -> None:
    assert failing(require_program("promtool"), tmp_path) == set()
