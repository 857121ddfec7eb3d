"""Traces by OpenTelemetry (the extra ``otel``): a span for each request and each of its stages, sent by OTLP.

Imported only where traces are asked for; everything else is told by OpenTelemetry's own variables, which its SDK reads.
"""

import time
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# Of one request: a batch of large pictures has many looks, and a trace that nobody can read helps nobody.
_MOST_STAGES = 256
_FAILED = 500


class RequestTrace:
    """The span of one request, and those of its stages. Safe to use from several threads.

    Attributes:
        trace_id: 32 hexadecimal digits.
        is_sampled: whether it is sent anywhere.
        traceparent: what says to others that they work on this request's behalf.
    """

    def __init__(self, tracer: Tracer, span: Span) -> None:
        context = span.get_span_context()
        self._tracer = tracer
        self._span = span
        self._within = set_span_in_context(span)
        self._offset = time.time_ns() - time.perf_counter_ns()
        self._stages = 0
        self.trace_id = f"{context.trace_id:032x}"
        self.is_sampled = context.trace_flags.sampled
        self.traceparent = f"00-{self.trace_id}-{context.span_id:016x}-{context.trace_flags:02x}"

    def stage(self, name: str, began: float, ended: float) -> None:
        """Add the span of a stage, its times by ``time.perf_counter``."""
        self._stages += 1
        if self._stages <= _MOST_STAGES and self.is_sampled:
            span = self._tracer.start_span(name, self._within, start_time=self._offset + int(began * 1e9))
            span.end(self._offset + int(ended * 1e9))

    def finish(self, name: str, attributes: Mapping[str, str | int]) -> None:
        """End the request's span.

        Args:
            name: of method and route.
            attributes: by OpenTelemetry's names; values from closed lists, never a caller's text.
        """
        self._span.update_name(name)
        self._span.set_attributes(dict(attributes))
        if int(attributes.get("http.response.status_code", 0)) >= _FAILED:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class Tracing:
    """Makes spans and sends them, in a thread of its own and several at a time."""

    def __init__(self, processor: SpanProcessor, version: str) -> None:
        """Start.

        Args:
            processor: takes the spans that end.
            version: of the service.
        """
        named = Resource.create({"service.name": "ida-verify", "service.version": version})
        # Merged in the other order, OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES would change nothing.
        self._provider = TracerProvider(resource=named.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("ida-verify", version)
        self._taken = TraceContextTextMapPropagator()

    def begin(self, headers: Mapping[str, str]) -> RequestTrace:
        """Begin the span of a request, within the caller's where its ``traceparent`` names one.

        Args:
            headers: the request's, by names in small letters.
        """
        span = self._tracer.start_span("request", self._taken.extract(headers), SpanKind.SERVER)
        return RequestTrace(self._tracer, span)

    def close(self) -> None:
        """Send what waits, and no more."""
        self._provider.shutdown()


def open_tracing(version: str) -> Tracing:
    """Return what sends traces where OpenTelemetry's variables say."""
    return Tracing(BatchSpanProcessor(OTLPSpanExporter()), version)
