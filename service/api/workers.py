"""The worker threads that compute; an endpoint awaits them and never computes itself."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from service.telemetry import Metrics

Result = TypeVar("Result")


class Workers:
    """Runs blocking calls in threads, so many at a time and no more; further callers wait their turn."""

    def __init__(self, count: int, metrics: Metrics) -> None:
        self._slots = anyio.Semaphore(count)
        self._limiter = anyio.CapacityLimiter(count)
        self._waiting = metrics.waiting
        self.count = count
        metrics.workers.set(count)

    async def run(self, call: Callable[[], Result]) -> Result:
        """Return what a blocking call returns; its request id goes with it."""
        with self._waiting.track_inprogress():
            await self._slots.acquire()
        try:
            return await anyio.to_thread.run_sync(call, limiter=self._limiter)
        finally:
            self._slots.release()
