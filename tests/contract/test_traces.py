"""Traces over HTTP: a span for the request and each stage, in the caller's trace; in the log; beside the histograms."""

import base64
import io
import json
import logging
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fakes import picture, serving
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from service.errors import SettingsInvalid
from service.settings import traces_are_asked_for
from service.telemetry import configure_logging, traces
from service.telemetry.logs import trace_of_request
from service.telemetry.traces import Tracing, open_tracing

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FILES = {"probe": picture(seed=1), "reference": picture(seed=2)}
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


@pytest.fixture(autouse=True)
def _nothing_of_opentelemetry_is_set(monkeypatch):
    for name in ("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def traced(settings, bundle, backbone_session, spans):
    tracing = Tracing(SimpleSpanProcessor(spans), "1.2.3")
    with serving(settings, bundle, backbone_session, tracing=tracing) as client:
        yield client


def taken(spans):
    """The request's span and those of its stages."""
    found = spans.get_finished_spans()
    (request,) = (span for span in found if span.kind is SpanKind.SERVER)
    return request, [span for span in found if span is not request]


def hexadecimal(context):
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def test_request_and_each_stage_have_a_span_in_the_callers_trace(traced, spans):
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = traced.post("/verify", files=FILES, headers=headers)
    request, stages = taken(spans)
    assert request.name == "POST /verify"
    assert hexadecimal(request.context)[0] == TRACE
    assert hexadecimal(request.parent)[1] == PARENT
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/verify",
        "http.response.status_code": 200,
    }
    assert {span.name for span in stages} == {"decode", "detect", "align", "embed", "search", "score"}
    for span in stages:
        assert hexadecimal(span.parent) == hexadecimal(request.context)
        assert request.start_time <= span.start_time <= span.end_time <= request.end_time
    assert answer.headers["traceparent"] == "00-{}-{}-01".format(*hexadecimal(request.context))
    assert request.resource.attributes["service.name"] == "ida-verify"
    assert request.resource.attributes["service.version"] == "1.2.3"


def test_request_that_fails_has_its_stages_too_and_a_callers_mistake_is_no_error(traced, spans, backbone_session):
    traced.post("/embed", files={"image": picture(faces=0)})
    request, stages = taken(spans)
    assert request.attributes["http.response.status_code"] == 422
    assert request.status.status_code is StatusCode.UNSET
    assert {span.name for span in stages} == {"decode", "detect"}
    spans.clear()
    backbone_session.fail_with = RuntimeError("broken")
    traced.post("/embed", files={"image": picture()})
    assert taken(spans)[0].status.status_code is StatusCode.ERROR


def test_stages_of_a_batch_are_bounded(traced, spans, monkeypatch):
    monkeypatch.setattr(traces, "_MOST_STAGES", 3)
    faces = [{"image": base64.b64encode(picture(seed=number)).decode()} for number in range(4)]
    assert traced.post("/embed/batch", json={"faces": faces}).status_code == 200
    assert len(taken(spans)[1]) == 3


def test_what_polls_and_what_strangers_make_up_leaves_nothing_of_theirs(traced, spans):
    for path in ("/healthz", "/readyz", "/metrics"):
        traced.get(path)
    assert spans.get_finished_spans() == ()
    traced.get("/made-up", headers={"traceparent": "00-made-up", "user-agent": "jane-doe"})
    request, _ = taken(spans)
    assert request.name == "GET unmatched"
    assert request.parent is None
    assert "jane" not in request.to_json() + str(request.resource.to_json())


def test_log_has_the_id_of_the_trace(traced, spans, monkeypatch):
    stream, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr(sys, "stderr", stream)
    before = root.handlers, root.level
    configure_logging("info")
    try:
        traced.post("/verify", files=FILES)
        traced.get("/healthz")
    finally:
        logging.captureWarnings(False)
        root.handlers, _ = before
        root.setLevel(before[1])
    (line,) = (line for line in map(json.loads, stream.getvalue().splitlines()) if line.get("route") == "/verify")
    assert line["trace_id"] == hexadecimal(taken(spans)[0].context)[0]
    assert trace_of_request.get() is None


def test_histograms_lead_to_the_trace_where_it_is_asked_for(traced, spans):
    traced.post("/verify", files=FILES)
    trace = hexadecimal(taken(spans)[0].context)[0]
    text = traced.get("/metrics", headers=OPENMETRICS).text
    assert re.search(rf'ida_request_seconds_bucket.*route="/verify".* # {{trace_id="{trace}"}}', text)
    assert re.search(rf'ida_stage_seconds_bucket.*stage="embed".* # {{trace_id="{trace}"}}', text)
    assert trace not in traced.get("/metrics").text


def test_trace_that_is_not_sampled_is_told_in_the_log_alone(settings, bundle, backbone_session, spans, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracing = Tracing(SimpleSpanProcessor(spans), "1.2.3")
    with serving(settings, bundle, backbone_session, tracing=tracing) as client:
        answer = client.post("/verify", files=FILES)
        assert answer.headers["traceparent"].endswith(("-00", "-02")), "02 says that its id was drawn"
        assert "trace_id" not in client.get("/metrics", headers=OPENMETRICS).text
    assert spans.get_finished_spans() == ()


def test_without_traces_nothing_of_them_is_there(client):
    answer = client.post("/verify", files=FILES, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert "traceparent" not in answer.headers
    assert client.get("/metrics", headers=OPENMETRICS).headers["content-type"].startswith("text/plain")
    script = (
        "import sys, service.app, models.commands.serve; print([m for m in sys.modules if 'opentelemetry.sdk' in m])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


@pytest.mark.parametrize(
    ("set_to", "asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "faces"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
    ids=str,
)
def test_variables_of_opentelemetry_ask_for_traces(monkeypatch, set_to, asked):
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    assert traces_are_asked_for() is asked


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_TRACES_EXPORTER", "jaeger"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
)
def test_way_of_sending_that_is_not_there_is_told(monkeypatch, name, value):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid, match=name):
        traces_are_asked_for()


def test_spans_are_sent_to_the_collector_that_the_variables_name(settings, bundle, backbone_session, monkeypatch):
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "faces-of-the-shop")
        with serving(settings, bundle, backbone_session, tracing=open_tracing("1.2.3")) as client:
            client.post("/verify", files=FILES)
        collector.shutdown()
    (path, sent), *_ = received
    resource = {found.key: found.value.string_value for found in sent.resource_spans[0].resource.attributes}
    names = {span.name for found in sent.resource_spans for scope in found.scope_spans for span in scope.spans}
    assert path == "/v1/traces"
    assert resource["service.name"] == "faces-of-the-shop"
    assert {"POST /verify", "decode", "embed", "score"} <= names
    assert json.dumps(resource).count("1.2.3") == 1
