"""The worker threads that compute; an endpoint awaits them and never computes itself."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

Result = TypeVar("Result")


class Workers:
    """Runs blocking calls in threads, so many at a time and no more; further callers wait their turn."""

    def __init__(self, count: int) -> None:
        self._limiter = anyio.CapacityLimiter(count)
        self.count = count

    async def run(self, call: Callable[[], Result]) -> Result:
        """Return what a blocking call returns; its request id goes with it."""
        return await anyio.to_thread.run_sync(call, limiter=self._limiter)
