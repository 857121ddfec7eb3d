"""A real Alertmanager takes the configuration, and where no replica is ready only that is told."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"
RULES = REPOSITORY / "deploy" / "prometheus" / "rules" / "ida-verify.yml"
ALERTS = {
    rule["alert"]: rule["labels"]["severity"]
    for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
DEADLINE_S = 30

pytestmark = pytest.mark.system


class Alertmanager:
    """A running Alertmanager, asked through its HTTP interface."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, path: str, body: object = None) -> list[dict]:
        """Return the answer, where there is one."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://{self._address}/api/v2/{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read() or b"[]")

    def is_up(self) -> bool:
        try:
            return bool(self.ask("status"))
        except (urllib.error.URLError, ConnectionError):
            return False

    def heard(self) -> dict[str, dict]:
        """Return what it knows of each alert, by name."""
        return {alert["labels"]["alertname"]: alert for alert in self.ask("alerts")}


@pytest.fixture
def alertmanager(tmp_path, require_program) -> Iterator[Alertmanager]:
    program = require_program("prometheus-alertmanager")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = [
        f"--config.file={CONFIG}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([program, *arguments], stdout=log, stderr=log) as process,
    ):
        try:
            server = Alertmanager(address)
            until(server.is_up)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)


def until(condition) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "Alertmanager did not do it in time"
        time.sleep(0.1)  # another process is waited for


def fire(server: Alertmanager, names: list[str]) -> dict[str, dict]:
    """Fire alerts as Prometheus does, and return what Alertmanager makes of each once it has heard them all."""
    labels = [{"alertname": name, "severity": ALERTS[name], "instance": "a:8000"} for name in names]
    server.ask("alerts", [{"labels": of_one, "annotations": {"summary": "."}} for of_one in labels])
    until(
        lambda: (
            server.heard().keys() == set(names)
            and all(alert["status"]["state"] != "unprocessed" for alert in server.heard().values())
        )
    )
    return server.heard()


def test_where_no_replica_is_ready_nothing_else_is_told(alertmanager: Alertmanager) -> None:
    heard = fire(alertmanager, sorted(ALERTS))
    told = {name for name, alert in heard.items() if alert["status"]["state"] == "active"}
    assert told == {"IdaNoReplicaReady"}


def test_otherwise_each_is_told_to_whom_its_severity_calls(alertmanager: Alertmanager) -> None:
    heard = fire(alertmanager, sorted(ALERTS.keys() - {"IdaNoReplicaReady", "IdaShedLoad"}))
    assert {alert["status"]["state"] for alert in heard.values()} == {"active"}
    for name, alert in heard.items():
        receiver = "somebody-gets-up" if ALERTS[name] == "critical" else "somebody-looks"
        assert [found["name"] for found in alert["receivers"]] == [receiver]


def test_example_of_a_receiver_in_the_documents_is_one(tmp_path, require_program) -> None:
    text = (REPOSITORY / "deploy" / "README.md").read_text("utf-8").split("### Who is called", 1)[1]
    receivers = yaml.safe_load(text.split("```yaml\n", 1)[1].split("```", 1)[0])["receivers"]
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    assert {receiver["name"] for receiver in receivers} == {receiver["name"] for receiver in config["receivers"]}
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config | {"receivers": receivers}))
    result = subprocess.run(
        [require_program("amtool"), "check-config", file], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
