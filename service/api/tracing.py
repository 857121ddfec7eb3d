"""Around each request its trace, where traces are asked for."""

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.telemetry.logs import METHODS, POLLED, TraceOfRequest, trace_of_request
from service.verifier.clock import stage_listener

if TYPE_CHECKING:
    from service.telemetry.traces import Tracing

_NEITHER_ANSWERED = 499


class TraceScope:
    """Gives each request a span, within the caller's ``traceparent``, and its answer the span's own.

    What polls every few seconds is not traced.
    """

    def __init__(self, app: ASGIApp, tracing: "Tracing") -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in POLLED:
            await self._app(scope, receive, send)
            return
        trace = self._tracing.begin(Headers(scope=scope))
        status = _NEITHER_ANSWERED

        async def send_with_trace(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"traceparent", trace.traceparent.encode())]
            await send(message)

        known = trace_of_request.set(TraceOfRequest(trace.trace_id, trace.is_sampled))
        heard = stage_listener.set(trace.stage)
        try:
            await self._app(scope, receive, send_with_trace)
        finally:
            stage_listener.reset(heard)
            trace_of_request.reset(known)
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in METHODS else "other"
            trace.finish(
                f"{method} {route}",
                {"http.request.method": method, "http.route": route, "http.response.status_code": status},
            )
