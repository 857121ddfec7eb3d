"""Admission: the one gate through which a request comes to be worked on, or is turned away."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import TypeVar

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.body import Body, read_body
from service.api.places import Place
from service.api.problems import InvalidRequest, Overloaded, SlowRequest, error_response
from service.api.workers import Workers
from service.settings import Settings
from service.telemetry import Metrics

BodyT = TypeVar("BodyT")

_DEADLINE_HEADER = "x-deadline-seconds"
# How long a body may be on its way before it has to make room for another where there is none.
_GRACE_SECONDS = 2.0


class Gate:
    """Lets requests in while there is room: for their bodies in memory, and in the queue before the workers.

    A request is asked to stop before its body is read; once the body is here the queue is looked at again, which may
    have filled meanwhile. Where there is no room for another body, the one that has been arriving for longest is given
    up, if it had time enough; else the newcomer is turned away. Used in the event loop's thread alone.
    """

    def __init__(self, settings: Settings, workers: Workers, metrics: Metrics) -> None:
        """Start with nobody let in.

        Args:
            settings: how many may wait, how many bodies and bytes are held, and for how long a request may last.
            workers: by whom the requests are worked on.
            metrics: where bodies are counted.
        """
        self._settings = settings
        self._workers = workers
        self._metrics = metrics
        self._held: dict[Arrival, None] = {}  # in the order in which they began to arrive
        self._bytes = 0

    @contextmanager
    def arrival(self, headers: Mapping[str, str]) -> Iterator["Arrival"]:
        """Let a request in whose body was not read; its body is held until the context is left.

        Raises:
            InvalidRequest: if its deadline is none.
            Overloaded: if the queue is full, its turn would come too late, or there is no room for a body.
        """
        arrival = Arrival(self, _seconds_allowed(headers, self._settings.deadline_seconds))
        self._check_queue(arrival.deadline)
        if len(self._held) >= self._settings.max_bodies and not self._give_one_up():
            raise Overloaded(f"{len(self._held)} requests are on their way already. Try again in 1 s.")
        self._held[arrival] = None
        self._count()
        try:
            yield arrival
        finally:
            del self._held[arrival]
            self._bytes -= arrival.bytes
            self._count()

    def admitted(self, request: Request) -> AbstractAsyncContextManager[tuple[Body, Place]]:
        """Give the body of a request that ``Door`` let in, and its place among those that are worked on.

        Raises: as ``admitted_as`` says.
        """
        return self.admitted_as(request, read_body)

    @asynccontextmanager
    async def admitted_as(
        self, request: Request, read: Callable[[Request], Awaitable[BodyT]]
    ) -> AsyncIterator[tuple[BodyT, Place]]:
        """Give the body of a request that ``Door`` let in, as ``read`` reads it, and its place.

        Raises:
            SlowRequest: if the body does not arrive before the deadline, or too slowly while others wait.
            Overloaded: if there is no room for the body, or the queue is full.
            InvalidRequest, UnsupportedMediaType: if the body cannot be used.
            DeadlineExceeded, ClientDisconnect: of the place's calls, as ``Place.run`` says.
        """
        arrival: Arrival = request.scope["arrival"]
        received = [await arrival.receive_as(request, read)]
        self._check_queue(arrival.deadline)
        async with self._workers.place(arrival.deadline, partial(_hung_up, request)) as place:
            yield received.pop(), place  # nothing here holds the body on: who works on it may let it go

    def take(self, count: int) -> None:
        """Take some bytes of a body.

        Raises:
            Overloaded: if there is no room for them.
        """
        self._bytes += count
        self._count()
        if self._bytes > self._settings.max_body_bytes and not self._give_one_up():
            raise Overloaded(
                f"The requests on their way hold {self._bytes} bytes already. Try again in 1 s, or send smaller images."
            )

    def _check_queue(self, deadline: float) -> None:
        waiting, wait = self._workers.waiting, self._workers.expected_wait
        is_late = time.monotonic() + wait + self._workers.mean_seconds > deadline
        if waiting >= self._settings.queue or (waiting and is_late):
            seconds = max(1, math.ceil(wait))
            raise Overloaded(
                f"{waiting} requests wait already, {wait:.1f} s of work. Try again in {seconds} s, or at another "
                "replica.",
                seconds,
            )

    def _give_one_up(self) -> bool:
        return any(arrival.give_up() for arrival in self._held)

    def _count(self) -> None:
        self._metrics.bodies.set(len(self._held))
        self._metrics.held_bytes.set(self._bytes)


class Arrival:
    """One request that was let in, and its body, which arrives and is held then.

    Attributes:
        deadline: when its caller gives up, by ``time.monotonic``.
        bytes: of the body that are here.
    """

    def __init__(self, gate: Gate, seconds: float) -> None:
        self.bytes = 0
        self._gate = gate
        self._seconds = seconds
        self._began = time.monotonic()
        self.deadline = self._began + seconds
        self._limit: asyncio.Timeout | None = None  # while it arrives
        self._is_given_up = False

    async def receive(self, request: Request) -> Body:
        """Return the request's body; counted as it comes.

        Raises: as ``receive_as`` says.
        """
        return await self.receive_as(request, read_body)

    async def receive_as(self, request: Request, read: Callable[[Request], Awaitable[BodyT]]) -> BodyT:
        """Return the request's body as ``read`` reads it; counted as it comes.

        Raises:
            SlowRequest: if it does not come before the deadline, or was given up for another.
            Overloaded: if there is no room for it.
            InvalidRequest, UnsupportedMediaType: as ``read_body`` says.
        """

        async def counted() -> Message:
            message = await request.receive()
            count = len(message.get("body", b""))
            self.bytes += count
            self._gate.take(count)
            return message

        try:
            async with asyncio.timeout(self.deadline - time.monotonic()) as self._limit:
                return await read(Request(request.scope, counted))
        except TimeoutError as error:
            why = "while others waited for its room" if self._is_given_up else f"within {self._seconds:g} s"
            raise SlowRequest(
                f"The request's body did not arrive {why}. Send it faster, or allow more time "
                "(X-Deadline-Seconds, IDA_DEADLINE_SECONDS)."
            ) from error
        finally:
            self._limit = None

    def give_up(self) -> bool:
        """Stop waiting for a body that had time enough to arrive; return whether it is one."""
        if self._limit is None or self._is_given_up or time.monotonic() - self._began < _GRACE_SECONDS:
            return False
        self._is_given_up = True
        self._limit.reschedule(asyncio.get_running_loop().time())
        return True


class Door:
    """Stands before routing, and asks the gate on the paths that compute.

    A service that is asked for more than it can do must spend its time on what it lets in.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str], metrics: Metrics) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        gate: Gate = scope["state"]["service"].gate
        with ExitStack() as held:
            try:
                scope["arrival"] = held.enter_context(gate.arrival(Headers(scope=scope)))
            except (Overloaded, InvalidRequest) as error:
                self._metrics.failures.labels(error.code).inc()
                scope["route"] = SimpleNamespace(path=scope["path"])  # not looked for, and counted all the same
                await error_response(error)(scope, receive, send)
                return
            await self._app(scope, receive, send)


def _seconds_allowed(headers: Mapping[str, str], most: float) -> float:
    """Return for how many seconds the caller waits: what its header says, and no more than the service allows."""
    text = headers.get(_DEADLINE_HEADER)
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InvalidRequest("X-Deadline-Seconds must be a number of seconds above 0, such as 1.5.")
    return min(seconds, most)


async def _hung_up(request: Request) -> None:
    """Return when the client of a request whose body was read has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
