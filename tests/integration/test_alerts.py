"""The alert rules fire when they should and only then, and each leads to a text that says what to do."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from rule_tests import RULES, alert_rules, run_rule_tests

from service.telemetry import Metrics

REPOSITORY = Path(__file__).parents[2]
TESTS = sorted((REPOSITORY / "deploy" / "prometheus" / "tests").glob("*.yml"))
ALERTS = alert_rules()


@pytest.mark.long
@pytest.mark.system
@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_rules_do_what_their_tests_say(require_program, file: Path) -> None:
    result = run_rule_tests(require_program("promtool"), file)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_is_tested_to_fire_and_to_stay_quiet() -> None:
    expected: dict[str, set[bool]] = {}
    for file in TESTS:
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]:
            for case in test.get("alert_rule_test", []):
                expected.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    assert expected == {alert["alert"]: {True, False} for alert in ALERTS}


def test_rules_ask_only_for_metrics_that_the_service_has() -> None:
    names = set()
    for family in Metrics(CollectorRegistry()).registry.collect():
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {family.name + ending for ending in endings}
    assert set(re.findall(r"\bida_\w+", RULES.read_text("utf-8"))) <= names


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_leads_to_what_to_do(alert: dict) -> None:
    address, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    # The address of the file below is the operator's to say; promtool's tests fill it in.
    assert address == '{{ or $externalLabels.runbooks "deploy/README.md" }}'
    headings = re.findall(r"^#+ (.+)$", (REPOSITORY / "deploy" / "README.md").read_text("utf-8"), re.MULTILINE)
    # As GitHub makes an anchor of a heading.
    anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert anchor in anchors
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["summary"].endswith(".")
