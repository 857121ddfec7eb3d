"""The worker threads that compute; an endpoint awaits them and never computes itself."""

import asyncio
import contextvars
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.requests import ClientDisconnect

from service.api.problems import DeadlineExceeded, Overloaded
from service.telemetry import Metrics

Result = TypeVar("Result")

# Weight of the newest call in the mean time of one: the last dozen count.
_NEWEST = 0.08


class Workers:
    """Runs blocking calls in threads, so many at a time and no more.

    A request has a place, and its calls have their turns: whenever a thread is free the requests that wait are served
    one after the other, one call each, so that a batch of a hundred calls delays a single request by one. A bounded
    number of requests may wait to be begun. Used in the event loop's thread alone.
    """

    def __init__(self, count: int, queue: int, metrics: Metrics) -> None:
        """Start with nobody waiting.

        Args:
            count: calls that run at the same time.
            queue: requests that may wait to be begun; who comes beyond is turned away.
            metrics: where those that wait are counted.
        """
        self.count = count
        self._queue = queue
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._free = count
        self._turns: deque[Place] = deque()  # of those with calls that wait, in the order of their next turns
        self._waiting = 0
        self._mean_seconds = 0.0
        metrics.workers.set(count)

    def check(self, deadline: float = math.inf) -> None:
        """Turn a request away that would find the queue full, or its deadline past before its turn.

        Args:
            deadline: when its caller gives up, by ``time.monotonic``.

        Raises:
            Overloaded: saying when to come again.
        """
        wait = (len(self._turns) + 1) * self._mean_seconds / self.count if self._waiting else 0.0
        is_late = time.monotonic() + wait + self._mean_seconds > deadline
        if self._waiting >= self._queue or (self._waiting and is_late):
            seconds = max(1, math.ceil(wait))
            raise Overloaded(
                f"{self._waiting} requests wait already, {wait:.1f} s of work. Try again in {seconds} s, or at another "
                "replica.",
                seconds,
            )

    @asynccontextmanager
    async def place(
        self, deadline: float = math.inf, hung_up: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncIterator["Place"]:
        """Give a request its place; what it has not begun when the context is left is dropped.

        Args:
            deadline: when its caller gives up, by ``time.monotonic``.
            hung_up: returns when the caller has hung up; awaited only while the request waits. None for who never does.

        Raises:
            Overloaded: if the queue is full.
        """
        self.check(deadline)
        place = Place(self, deadline, hung_up)
        try:
            yield place
        finally:
            place.leave()

    def close(self) -> None:
        """End the threads once they are done."""
        self._threads.shutdown()

    def take(self, place: "Place") -> "asyncio.Future[None] | None":
        """Take a free thread for a place, or else have it wait: return what is done when its turn has come."""
        if self._free and not self._turns:
            self._free -= 1
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place.waiting.append(turn)
        if place not in self._turns:
            self._queue_up(place)
        return turn

    def give_back(self) -> None:
        """Give a thread to the next in turn, or keep it free."""
        while self._turns:
            place = self._turns.popleft()
            place.is_overtaken = False
            turn = place.waiting.popleft() if place.waiting else None
            if place.waiting:
                self._turns.append(place)
            if turn is not None and not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _queue_up(self, place: "Place") -> None:
        """Have a place wait behind the others; one that had no turn yet may overtake one that had, once for each turn.

        Else a single request would wait for a batch that had its turn just before.
        """
        last = self._turns[-1] if self._turns else None
        if last is None or place.is_begun or not last.is_begun or last.is_overtaken:
            self._turns.append(place)
            return
        last.is_overtaken = True
        self._turns.insert(len(self._turns) - 1, place)

    def start(self, call: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Start a call in the thread that was taken for it; when it ends the thread is given back."""
        began = time.monotonic()

        def ended(finished: "asyncio.Future[Result]") -> None:
            taken = time.monotonic() - began
            self._mean_seconds += (_NEWEST if self._mean_seconds else 1.0) * (taken - self._mean_seconds)
            self.give_back()
            if not finished.cancelled():
                finished.exception()  # looked at, also where its request has been answered already

        context = contextvars.copy_context()  # the request's id goes with the call
        running = asyncio.get_running_loop().run_in_executor(self._threads, context.run, call)
        running.add_done_callback(ended)
        return running

    def count_waiting(self, change: int) -> None:
        """Count a request that waits to be begun, or that does no longer."""
        self._waiting += change
        self._metrics.waiting.set(self._waiting)


class Place:
    """One request's place among those that are worked on.

    Attributes:
        waiting: turns of its calls that have not come.
        is_begun: whether one of its calls was begun.
        is_overtaken: whether another request went ahead of it since its last turn.
    """

    def __init__(self, workers: Workers, deadline: float, hung_up: Callable[[], Awaitable[None]] | None = None) -> None:
        self.waiting: deque[asyncio.Future[None]] = deque()
        self._workers = workers
        self._deadline = deadline
        self._hung_up = hung_up
        self._watching: asyncio.Task[None] | None = None
        self.is_begun = False
        self.is_overtaken = False
        self._is_counted = False
        self._has_hung_up = False

    async def run(self, call: Callable[[], Result]) -> Result:
        """Return what a blocking call returns, in a thread when its turn comes.

        A call that runs past the deadline is left to end by itself; nobody waits for it.

        Raises:
            DeadlineExceeded: if it is not done by the deadline.
            ClientDisconnect: if its caller hung up before its turn.
        """
        await self._turn()
        self._begin()
        running = self._workers.start(call)
        try:
            async with asyncio.timeout(self._remaining()):
                return await asyncio.shield(running)
        except TimeoutError as error:
            if running.done():  # the call's own failure
                raise
            raise _too_late() from error

    async def run_all(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """Return what blocking calls return, in their order; if one fails, those that have not begun are dropped.

        Raises:
            DeadlineExceeded, ClientDisconnect: as ``run`` says.
        """
        tasks = [asyncio.ensure_future(self.run(call)) for call in calls]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def leave(self) -> None:
        """Drop what waits."""
        self._begin()
        for turn in self.waiting:
            turn.cancel()
        self.waiting.clear()
        if self._watching is not None:
            self._watching.cancel()

    async def _turn(self) -> None:
        if self._has_hung_up:
            raise ClientDisconnect
        if time.monotonic() >= self._deadline:
            raise _too_late()
        turn = self._workers.take(self)
        if turn is None:
            return
        if not self.is_begun and not self._is_counted:
            self._is_counted = True
            self._workers.count_waiting(1)
        if self._watching is None and self._hung_up is not None:
            self._watching = asyncio.ensure_future(self._watch(self._hung_up))
        try:
            async with asyncio.timeout(self._remaining()):
                await turn
        except BaseException as error:
            # Its turn may have come at the moment in which it gave up; then another's has.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._workers.give_back()
            if isinstance(error, TimeoutError):
                raise _too_late() from error
            raise

    def _begin(self) -> None:
        self.is_begun = True
        if self._is_counted:
            self._is_counted = False
            self._workers.count_waiting(-1)

    async def _watch(self, hung_up: Callable[[], Awaitable[None]]) -> None:
        await hung_up()
        self._has_hung_up = True
        for turn in self.waiting:
            if not turn.done():
                turn.set_exception(ClientDisconnect())

    def _remaining(self) -> float | None:
        return None if self._deadline == math.inf else max(0.0, self._deadline - time.monotonic())


def _too_late() -> DeadlineExceeded:
    return DeadlineExceeded(
        "The request was not done by its deadline. Try again later, send less at once, or allow more time "
        "(X-Deadline-Seconds, IDA_DEADLINE_SECONDS)."
    )
