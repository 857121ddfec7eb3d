"""The worker threads that compute; an endpoint awaits them and never computes itself."""

import asyncio
import contextvars
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from service.api.places import Place, Result
from service.telemetry import Metrics

# Weight of the newest call in the mean time of one: the last dozen count.
_NEWEST = 0.08


class Workers:
    """Runs blocking calls in threads, so many at a time and no more.

    A request has a place, and its calls have their turns: whenever a thread is free the requests that wait are served
    one after the other, one call each, so that a batch of a hundred calls delays a single request by one. How many
    may wait is the gate's to say. Used in the event loop's thread alone.

    Attributes:
        count: calls that run at the same time.
        waiting: requests that wait to be begun.
        mean_seconds: how long a call took of late; 0 before the first.
    """

    def __init__(self, count: int, metrics: Metrics) -> None:
        """Start with nobody waiting.

        Args:
            count: calls that run at the same time.
            metrics: where those that wait are counted.
        """
        self.count = count
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._free = count
        self._large = 0  # calls of large pictures that run
        self._turns: deque[Place] = deque()  # of those with calls that wait, in the order of their next turns
        self.waiting = 0
        self.mean_seconds = 0.0
        metrics.workers.set(count)

    @property
    def expected_wait(self) -> float:
        """Seconds after which another request's turn would come, by the calls of late; 0 while none waits."""
        return (len(self._turns) + 1) * self.mean_seconds / self.count if self.waiting else 0.0

    @property
    def idle(self) -> int:
        """Threads for which nobody waits."""
        return 0 if self._turns else self._free

    @asynccontextmanager
    async def place(
        self, deadline: float = math.inf, hung_up: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncIterator[Place]:
        """Give a request its place; what it has not begun when the context is left is dropped.

        Args:
            deadline: when its caller gives up, by ``time.monotonic``.
            hung_up: returns when the caller has hung up; awaited only while the request waits. None for who never does.
        """
        place = Place(self, deadline, hung_up)
        try:
            yield place
        finally:
            place.leave()

    def close(self) -> None:
        """End the threads once they are done."""
        self._threads.shutdown()

    def take(self, place: Place, *, is_large: bool) -> "asyncio.Future[None] | None":
        """Take a free thread for a place, or else have it wait: return what is done when its turn has come."""
        if self._free and self._has_room(is_large):
            self._occupy(is_large)
            return None
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place.waiting.append((turn, is_large))
        if place not in self._turns:
            self._queue_up(place)
        return turn

    def give_back(self, *, is_large: bool) -> None:
        """Free a thread, and give it to the first in turn that may begin."""
        self._free += 1
        self._large -= is_large
        while self._free:
            place = next(
                (place for place in self._turns if place.drop_given_up() or self._has_room(place.next_is_large)), None
            )
            if place is None:
                return
            self._turns.remove(place)
            if not place.waiting:
                continue
            place.is_overtaken = False
            turn, is_next_large = place.waiting.popleft()
            if place.waiting:
                self._turns.append(place)
            self._occupy(is_next_large)
            turn.set_result(None)

    def _has_room(self, is_large: bool) -> bool:
        # One thread is never taken by what is large, where there are two: others need not wait for it.
        return not is_large or self._large < max(1, self.count - 1)

    def _occupy(self, is_large: bool) -> None:
        self._free -= 1
        self._large += is_large

    def _queue_up(self, place: Place) -> None:
        """Have a place wait behind the others; one that had no turn yet may overtake one that had, once for each turn.

        Else a single request would wait for a batch that had its turn just before.
        """
        last = self._turns[-1] if self._turns else None
        if last is None or place.is_begun or not last.is_begun or last.is_overtaken:
            self._turns.append(place)
            return
        last.is_overtaken = True
        self._turns.insert(len(self._turns) - 1, place)

    def start(self, call: Callable[[], Result], *, is_large: bool) -> "asyncio.Future[Result]":
        """Start a call in the thread that was taken for it; when it ends the thread is given back."""
        began = time.monotonic()

        def ended(finished: "asyncio.Future[Result]") -> None:
            taken = time.monotonic() - began
            self.mean_seconds += (_NEWEST if self.mean_seconds else 1.0) * (taken - self.mean_seconds)
            self.give_back(is_large=is_large)
            if not finished.cancelled():
                finished.exception()  # looked at, also where its request has been answered already

        context = contextvars.copy_context()  # the request's id goes with the call
        running = asyncio.get_running_loop().run_in_executor(self._threads, context.run, call)
        running.add_done_callback(ended)
        return running

    def count_waiting(self, change: int) -> None:
        """Count a request that waits to be begun, or that does no longer."""
        self.waiting += change
        self._metrics.waiting.set(self.waiting)
