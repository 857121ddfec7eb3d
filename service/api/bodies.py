"""The bodies of requests that are held in memory: how many, how many bytes, and which is given up for another."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request
from starlette.types import Message

from service.api.body import Body, read_body
from service.api.problems import Overloaded, SlowRequest
from service.telemetry import Metrics

# How long a body may be on its way before it has to make room for another where there is none.
_GRACE_SECONDS = 2.0


class Bodies:
    """The bodies that are held in memory, from their first byte until their requests are answered.

    Where there is no room for another, the one that has been arriving for longest is given up, if it had time enough;
    else the newcomer is turned away. Used in the event loop's thread alone.
    """

    def __init__(self, most: int, most_bytes: int, metrics: Metrics) -> None:
        """Start with none.

        Args:
            most: bodies at the same time.
            most_bytes: bytes of all together.
            metrics: where they are counted.
        """
        self._most = most
        self._most_bytes = most_bytes
        self._metrics = metrics
        self._held: dict[Arrival, None] = {}  # in the order in which they began to arrive
        self._bytes = 0

    @contextmanager
    def arrival(self) -> Iterator["Arrival"]:
        """Make room for a body; it is held until the context is left.

        Raises:
            Overloaded: if there is none.
        """
        if len(self._held) >= self._most and not self._give_one_up():
            raise Overloaded(f"{len(self._held)} requests are on their way already. Try again in 1 s.")
        arrival = Arrival(self)
        self._held[arrival] = None
        self._count()
        try:
            yield arrival
        finally:
            del self._held[arrival]
            self._bytes -= arrival.bytes
            self._count()

    def add(self, count: int) -> None:
        """Take some bytes of a body.

        Raises:
            Overloaded: if there is no room for them.
        """
        self._bytes += count
        self._count()
        if self._bytes > self._most_bytes and not self._give_one_up():
            raise Overloaded(
                f"The requests on their way hold {self._bytes} bytes already. Try again in 1 s, or send smaller images."
            )

    def _give_one_up(self) -> bool:
        return any(arrival.give_up() for arrival in self._held)

    def _count(self) -> None:
        self._metrics.bodies.set(len(self._held))
        self._metrics.held_bytes.set(self._bytes)


class Arrival:
    """One body that arrives, and is held then.

    Attributes:
        bytes: of it that are here.
    """

    def __init__(self, bodies: Bodies) -> None:
        self.bytes = 0
        self._bodies = bodies
        self._began = time.monotonic()
        self._limit: asyncio.Timeout | None = None  # while it arrives
        self._is_given_up = False

    async def receive(self, request: Request, seconds: float) -> Body:
        """Return a request's body; counted as it comes.

        Args:
            request: whose body was not read.
            seconds: within which it must arrive.

        Raises:
            SlowRequest: if it does not, or was given up for another.
            Overloaded: if there is no room for it.
            InvalidRequest, UnsupportedMediaType: as ``read_body`` says.
        """

        async def counted() -> Message:
            message = await request.receive()
            count = len(message.get("body", b""))
            self.bytes += count
            self._bodies.add(count)
            return message

        try:
            async with asyncio.timeout(seconds) as self._limit:
                return await read_body(Request(request.scope, counted))
        except TimeoutError as error:
            why = "while others waited for its room" if self._is_given_up else f"within {seconds:g} s"
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
