"""Who is let in: the door before routing, then the body, then a place among those who are worked on."""

import math
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.body import Body
from service.api.places import Place
from service.api.problems import InvalidRequest, Overloaded, overloaded_response
from service.api.state import State
from service.errors import InputError
from service.telemetry import Metrics

_HEADER = "x-deadline-seconds"


@asynccontextmanager
async def admitted(request: Request, state: State) -> AsyncIterator[tuple[Body, Place]]:
    """Give a request's body once it has arrived, and the request's place among those that are worked on.

    Raises:
        SlowRequest: if the body does not arrive before the deadline, or too slowly while others wait.
        Overloaded: if there is no room for the body, or the queue is full.
        InvalidRequest, UnsupportedMediaType: if the deadline or the body cannot be used.
        DeadlineExceeded, ClientDisconnect: of the place's calls, as ``Place.run`` says.
    """
    seconds = seconds_allowed(request.headers, state["settings"].deadline_seconds)
    deadline = time.monotonic() + seconds
    with state["bodies"].arrival() as arrival:
        body = await arrival.receive(request, seconds)
        async with state["workers"].place(deadline, partial(_hung_up, request)) as place:
            yield body, place


def seconds_allowed(headers: Mapping[str, str], most: float) -> float:
    """Return for how many seconds the caller waits: what its header says, and no more than the service allows.

    Raises:
        InvalidRequest: if the header is no number above 0.
    """
    text = headers.get(_HEADER)
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InvalidRequest("X-Deadline-Seconds must be a number of seconds above 0, such as 1.5.")
    return min(seconds, most)


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


async def _hung_up(request: Request) -> None:
    """Return when the client of a request whose body was read has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
