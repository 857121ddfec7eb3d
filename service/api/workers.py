"""The worker threads that compute; an endpoint awaits them and never computes itself."""

import math
import time
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from service.api.problems import DeadlineExceeded, Overloaded
from service.telemetry import Metrics

Result = TypeVar("Result")

# Weight of the newest call in the mean time of one: the last dozen count.
_NEWEST = 0.08


class Workers:
    """Runs blocking calls in threads, so many at a time and no more; a bounded number of callers wait their turn."""

    def __init__(self, count: int, queue: int, metrics: Metrics) -> None:
        """Start with nobody waiting.

        Args:
            count: calls that run at the same time.
            queue: callers that may wait; who comes beyond is turned away.
            metrics: where those that wait are counted.
        """
        self._slots = anyio.Semaphore(count)
        self._limiter = anyio.CapacityLimiter(count)
        self._queue = queue
        self._metrics = metrics
        self._waiting = 0
        self._mean_seconds = 0.0
        self.count = count
        metrics.workers.set(count)

    def check(self, deadline: float = math.inf) -> None:
        """Turn a request away that would find the queue full, or its deadline past before its turn.

        Args:
            deadline: when its caller gives up, by ``time.monotonic``.

        Raises:
            Overloaded: saying when to come again.
        """
        wait = (self._waiting + 1) * self._mean_seconds / self.count if self._waiting else 0.0
        is_late = time.monotonic() + wait + self._mean_seconds > deadline
        if self._waiting >= self._queue or (self._waiting and is_late):
            seconds = max(1, math.ceil(wait))
            raise Overloaded(
                f"{self._waiting} requests wait already, {wait:.1f} s of work. Try again in {seconds} s, or at another "
                "replica.",
                seconds,
            )

    async def run(self, call: Callable[[], Result], deadline: float = math.inf, *, is_part: bool = False) -> Result:
        """Return what a blocking call returns; its request id goes with it.

        Args:
            call: what runs in a thread.
            deadline: when its caller gives up, by ``time.monotonic``; a call that has begun is finished.
            is_part: whether it belongs to a request that was let in already.

        Raises:
            Overloaded: if the queue is full.
            DeadlineExceeded: if its turn does not come in time.
        """
        if not is_part:
            self.check(deadline)
        await self._turn(deadline)
        began = time.monotonic()
        try:
            return await anyio.to_thread.run_sync(call, limiter=self._limiter)
        finally:
            taken = time.monotonic() - began
            self._mean_seconds += (_NEWEST if self._mean_seconds else 1.0) * (taken - self._mean_seconds)
            self._slots.release()

    async def _turn(self, deadline: float) -> None:
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            self._waiting += 1
            try:
                with self._metrics.waiting.track_inprogress(), anyio.fail_after(_remaining(deadline)):
                    await self._slots.acquire()
            except TimeoutError as error:
                raise DeadlineExceeded(
                    "The request's turn did not come before its deadline. Try again later, or allow more time "
                    "(X-Deadline-Seconds, IDA_DEADLINE_SECONDS)."
                ) from error
            finally:
                self._waiting -= 1


def _remaining(deadline: float) -> float | None:
    return None if deadline == math.inf else max(0.0, deadline - time.monotonic())
