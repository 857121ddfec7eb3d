"""What surrounds every request: its id, its metrics, its log line, its size limit, and the opaque 500."""

import logging
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import INTERNAL_DETAIL, RequestTooLarge, problem_response
from service.telemetry import Metrics, access_line, request_id, tell
from service.telemetry.logs import METHODS, POLLED
from service.telemetry.metrics import exemplar

logger = logging.getLogger("service.access")

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_FAILED = 400
# What nginx logs for it too; it goes to nobody.
_CLIENT_GONE = 499


class RequestScope:
    """Gives each request its id, counts and times it, logs one line, and turns an unforeseen fault into a 500.

    A caller's own ``X-Request-ID`` is kept where it is short and plain; the answer always carries the id.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with access_line() as told:
            await self._serve(scope, receive, send, told)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, told: Mapping[str, Any]) -> None:
        offered = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        identifier = offered if _ACCEPTED_ID.fullmatch(offered) else uuid.uuid4().hex
        token = request_id.set(identifier)
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", identifier.encode())]
            await send(message)

        started = time.perf_counter()
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            self._metrics.failures.labels("client_disconnected").inc()
        except Exception:
            logger.exception("unforeseen fault")
            self._metrics.failures.labels("internal_error").inc()
            if status is None:
                await problem_response(500, "internal_error", INTERNAL_DETAIL)(scope, receive, send_with_id)
        finally:
            self._metrics.in_flight.dec()
            self._record(scope, status or _CLIENT_GONE, time.perf_counter() - started, told)
            request_id.reset(token)

    def _record(self, scope: Scope, status: int, seconds: float, told: Mapping[str, Any]) -> None:
        # The route's template, not the path: a path is the caller's text and would make labels without end.
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        self._metrics.request_seconds.labels(route).observe(seconds, exemplar())
        level = logging.DEBUG if route in POLLED and status < _FAILED else logging.INFO
        known = {"route": route, "method": method, "status": status, "seconds": round(seconds, 6)}
        logger.log(level, "request", extra={**told, **known})


class BodyLimit:
    """Refuses a body above its path's limit, by its announced length and as it arrives, when an endpoint reads it.

    Other paths are left alone: what reads their bodies, if anything does, has a limit of its own.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, limits: Mapping[str, int]) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        limit = self._limits.get(scope["path"]) if scope["type"] == "http" else None
        if limit is None:
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        is_announced_too_large = announced.isdigit() and int(announced) > limit
        received = 0

        async def limited_receive() -> Message:
            nonlocal received
            # Before the first byte is taken: a client that waits for "100 Continue" then sends none.
            if is_announced_too_large:
                raise _refusal(limit)
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    raise _refusal(limit)
            return message

        await self._app(scope, limited_receive, send)
        if received:
            self._metrics.body_bytes.observe(received)
            tell(body_bytes=received)


def _refusal(limit: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"The request's body is larger than {limit} bytes. Send smaller images, or raise IDA_MAX_IMAGE_BYTES."
    )
