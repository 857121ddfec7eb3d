"""Each alert is quiet just below its thresholds and its duration, and fires just above."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_edges import EDGES, GONE, WEEK, gone
from alert_series import STEP, STEPS, Series
from rule_tests import alert_rules, run_rule_tests

ALERTS = {rule["alert"]: rule for rule in alert_rules()}


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


def cases() -> Iterator[tuple[int, dict[str, Any]]]:
    """Return each case, and after how many seconds the rules are looked at in it: seldom where it does not matter."""
    for alert, edges in EDGES.items():
        for one in edges.thresholds:
            for series, fires in ((one.below, False), (one.above, True)):
                yield 4 * STEP, case(alert, one.beside | series, STEPS * STEP, fires, f"{STEP}s")
        fires_at = edges.since + duration(alert)
        for seconds, fires in ((fires_at - STEP, False), (fires_at, True)):
            yield STEP, case(alert, edges.lasting, seconds, fires, f"{STEP}s")
    for before, now, fires in ((1000, 51, False), (1000, 49, True), (490, 0, False), (510, 0, True)):
        yield 300, case(GONE, gone(before, now), 60 * (WEEK + 50), fires, "1m")
    for minutes, fires in ((0, False), (5, True)):
        yield 300, case(GONE, gone(1000, 0), 60 * (WEEK + minutes) + duration(GONE), fires, "1m")


def failing(promtool: str, folder: Path) -> set[str]:
    """Return the alerts of which a case fails."""
    # Each alert by itself, since every rule of a file is evaluated for each of its cases.
    of_file: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for looks, one in cases():
        of_file.setdefault((one["name"], looks), []).append(one)
    files = []
    for (alert, looks), tests in of_file.items():
        rules = {"groups": [{"name": "edges", "rules": [ALERTS[alert]]}]}
        (folder / f"{alert}-rules.yml").write_text(yaml.safe_dump(rules))
        document = {"rule_files": [f"{alert}-rules.yml"], "evaluation_interval": f"{looks}s", "tests": tests}
        files.append(folder / f"{alert}-{looks}.yml")
        files[-1].write_text(yaml.safe_dump(document, sort_keys=False))
    result = run_rule_tests(promtool, *files)
    told = result.stdout + result.stderr
    found = set(re.findall(r'alertname=\\*"(\w+)', told))
    assert bool(found) == (result.returncode != 0), told
    return found


def test_every_alert_has_its_edges() -> None:
    assert {*EDGES, GONE} == set(ALERTS)


@pytest.mark.long
@pytest.mark.system
def test_alerts_are_quiet_below_their_edges_and_fire_above(require_program, tmp_path: Path) -> None:
    assert failing(require_program("promtool"), tmp_path) == set()
