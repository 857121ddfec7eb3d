"""The dashboard asks for metrics that the service has, and a real Prometheus answers every panel."""

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily

from service.telemetry import Metrics

REPOSITORY = Path(__file__).parents[2]
DASHBOARD = json.loads((REPOSITORY / "deploy/grafana/dashboards/ida-verify.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel, target) for panel in PANELS for target in panel["targets"]]
DEADLINE_S = 60


def metric_names() -> set[str]:
    """Every name under which a sample of the service can appear."""
    names = set()
    for family in Metrics(CollectorRegistry()).registry.collect():
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {family.name + ending for ending in endings}
    return names


def test_dashboard_asks_only_for_metrics_that_the_service_has() -> None:
    asked = set(re.findall(r"\bida_\w+", json.dumps(DASHBOARD)))
    assert asked <= metric_names()


def test_dashboard_shows_every_metric_of_the_service() -> None:
    families = {family.name for family in Metrics(CollectorRegistry()).registry.collect()}
    text = json.dumps(DASHBOARD)
    assert {name for name in families if name not in text} == set()


def test_dashboard_uses_the_provisioned_datasource_everywhere() -> None:
    file = REPOSITORY / "deploy/grafana/provisioning/datasources/prometheus.yml"
    (provisioned,) = yaml.safe_load(file.read_text("utf-8"))["datasources"]
    used = re.findall(r'"datasource": (\{.*?\})', json.dumps(DASHBOARD))
    assert {json.loads(source)["uid"] for source in used} == {provisioned["uid"]}


def test_dashboard_panels_have_own_ids_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def serve_requests(metrics: Metrics) -> None:
    """Count what some requests would have counted."""
    metrics.ready.set(1)
    metrics.connections.labels("main").set(3)
    metrics.connections_closed.labels("displaced").inc()
    metrics.bodies.set(2)
    metrics.held_bytes.set(1e6)
    metrics.in_flight.set(2)
    metrics.anchor_set_generation.set(3)
    metrics.anchor_set_size.set(50_000)
    metrics.anchor_set_info.labels(anchor_set_id="b", anchors_digest="a", backbone_id="m").set(1)
    metrics.build_info.labels(version="1", revision="a", python="3", onnxruntime="1", faiss="1", provider="cpu").set(1)
    for status in ("200", "422", "429", "499", "500", "504"):
        metrics.requests.labels(route="/verify", method="POST", status=status).inc()
    for reason in ("no_face", "key_unknown", "rate_limited"):
        metrics.failures.labels(reason=reason).inc()
    metrics.audit_records.labels("written").inc()
    metrics.certificate_begins.set(time.time() - 86400)
    metrics.certificate_expires.set(time.time() + 86400)
    metrics.item_failures.labels(reason="low_quality").inc()
    metrics.request_seconds.labels(route="/verify").observe(0.03)
    for stage in ("decode", "detect", "total"):
        metrics.stage_seconds.labels(stage=stage).observe(0.01)
    metrics.body_bytes.observe(200_000)
    metrics.batch_size.observe(2)
    metrics.similarity.observe(0.4)
    metrics.score.labels(method="ida-r").observe(0.3)
    metrics.observe_face("ida-r", 0.2, 3.5)
    metrics.observe_photograph(face_pixels=210.0, detection_score=0.91, rotated_by=90, unified=74.0)
    for decision, reason in (("match", ""), ("inconclusive", "poor_picture"), ("none", "no_operating_point")):
        metrics.count_decision("fmr_1e-4", "ida-r", decision, reason)
    metrics.count_liveness("live", "uncertain")
    metrics.crowding_difference.observe(0.003)
    metrics.agreement_samples.labels(outcome="compared").inc()
    metrics.count_lookups(1, 2)
    metrics.newest_generation.set(3)
    metrics.store_info.labels(store_id="s").set(1)
    metrics.store_seen.set_to_current_time()
    metrics.swaps.labels(result="swapped").inc()
    metrics.swap_seconds.observe(1.5)
    metrics.load_failures.labels(reason="bundle_invalid").inc()


class Kubelet:
    """Tells of a container what the kubelet's cAdvisor tells: counters that are higher each time."""

    def __init__(self) -> None:
        self._periods = 0.0

    def collect(self) -> Iterator[CounterMetricFamily]:
        self._periods += 10
        for what, share in (("periods", 1.0), ("throttled_periods", 0.2)):
            name = f"container_cpu_cfs_{what}"
            family = CounterMetricFamily(name, name, labels=["namespace", "pod", "container"])
            family.add_metric(["ida-verify", "ida-verify-0", "ida-verify"], share * self._periods)
            yield family


class Prometheus:
    """A running Prometheus, asked through its HTTP interface."""

    def __init__(self, address: str) -> None:
        self._address = address

    def query(self, expression: str) -> list[dict]:
        """Return the answer's series; none while Prometheus is starting.

        Raises:
            ValueError: if Prometheus refuses the expression.
        """
        query = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"http://{self._address}/api/v1/query?{query}", timeout=10) as response:
                return json.load(response)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return []
            raise ValueError(f"{expression}: {error.read().decode()}") from error
        except urllib.error.URLError:
            return []


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, require_program) -> Iterator[Prometheus]:
    """Prometheus with the project's configuration, but for where the service is and how often it is asked."""
    program = require_program("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    metrics = Metrics(CollectorRegistry())
    ProcessCollector(registry=metrics.registry)
    metrics.registry.register(Kubelet())
    exporter, exporter_thread = start_http_server(0, "127.0.0.1", metrics.registry)
    config = yaml.safe_load((REPOSITORY / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "ida-verify")
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{exporter.server_port}"]}]
    config["scrape_configs"] = [job]
    config["rule_files"] = [str(REPOSITORY / "deploy/prometheus/rules/*.yml")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen([program, *arguments], stdout=log, stderr=log) as process:
        try:
            server = Prometheus(address)
            wait_for_scrapes(server, metrics)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)
            exporter.shutdown()
            exporter_thread.join()


def wait_for_scrapes(server: Prometheus, metrics: Metrics) -> None:
    """Serve requests until Prometheus has seen their counters grow."""
    deadline = time.monotonic() + DEADLINE_S
    while not any(float(series["value"][1]) > 0 for series in server.query("increase(ida_similarity_count[1h])")):
        assert time.monotonic() < deadline, "Prometheus did not scrape in time"
        serve_requests(metrics)
        time.sleep(0.2)  # the time that passes between two requests


def filled_in(expression: str) -> str:
    """Replace Grafana's variables, and last week by now."""
    return re.sub(r"\$(instance|route|method)\b", ".*", expression.replace("$__rate_interval", "1h")).replace(
        " offset 1w", ""
    )


@pytest.mark.system
@pytest.mark.parametrize(
    ("panel", "target"), TARGETS, ids=[f"{panel['title']}-{target['refId']}" for panel, target in TARGETS]
)
def test_panel_has_numbers_and_the_labels_it_shows(prometheus: Prometheus, panel: dict, target: dict) -> None:
    result = prometheus.query(filled_in(target["expr"]))
    assert result
    assert all(np.isfinite(float(series["value"][1])) for series in result)
    shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    for transformation in panel.get("transformations", []):
        shown |= set(transformation["options"]["include"]["names"])
    assert all(shown <= series["metric"].keys() for series in result)


@pytest.mark.system
@pytest.mark.parametrize("variable", DASHBOARD["templating"]["list"], ids=lambda variable: variable["name"])
def test_variable_offers_values(prometheus: Prometheus, variable: dict) -> None:
    query = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
    assert query is not None
    expression, label = query.groups()
    assert all(series["metric"].get(label) for series in prometheus.query(expression))
    assert prometheus.query(expression)


@pytest.mark.system
def test_annotations_are_expressions_that_prometheus_takes(prometheus: Prometheus) -> None:
    for annotation in DASHBOARD["annotations"]["list"]:
        prometheus.query(annotation["expr"])
