"""The door: who would wait too long is turned away before anything else is done for the request."""

import time
from collections.abc import Collection
from types import SimpleNamespace

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.problems import Overloaded, overloaded_response
from service.api.receiving import seconds_allowed
from service.api.state import State
from service.errors import InputError
from service.telemetry import Metrics


class Door:
    """Answers 429 on the paths that compute, while the queue is full or a request's turn would come too late.

    That happens before routing and before the body is read: a service that is asked for more than it can do must spend
    its time on what it lets in.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str], metrics: Metrics) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            state: State = scope["state"]
            try:
                seconds = seconds_allowed(Headers(scope=scope), state["settings"].deadline_seconds)
                state["workers"].check(time.monotonic() + seconds)
            except Overloaded as error:
                self._metrics.failures.labels(error.code).inc()
                scope["route"] = SimpleNamespace(path=scope["path"])  # not looked for, and counted all the same
                await overloaded_response(error)(scope, receive, send)
                return
            except InputError:
                pass  # a deadline that is none: the endpoint says so
        await self._app(scope, receive, send)
