"""One request's place among those that are worked on: its calls wait for their turns, and not beyond its deadline."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from starlette.requests import ClientDisconnect

from service.api.problems import DeadlineExceeded

Result = TypeVar("Result")


class Turns(Protocol):
    """Gives threads to places; see ``Workers``."""

    def take(self, place: "Place", *, is_large: bool) -> "asyncio.Future[None] | None":
        """Take a free thread for a place, or else have it wait: return what is done when its turn has come."""
        ...

    def give_back(self, *, is_large: bool) -> None:
        """Free a thread."""
        ...

    def start(self, call: Callable[[], Result], *, is_large: bool) -> "asyncio.Future[Result]":
        """Start a call in the thread that was taken for it."""
        ...

    def count_waiting(self, change: int) -> None:
        """Count a request that waits to be begun, or that does no longer."""
        ...


class Place:
    """One request's place among those that are worked on.

    Attributes:
        waiting: turns of its calls that have not come, and whether each is large.
        is_begun: whether one of its calls was begun.
        is_overtaken: whether another request went ahead of it since its last turn.
    """

    def __init__(self, workers: Turns, deadline: float, hung_up: Callable[[], Awaitable[None]] | None = None) -> None:
        self.waiting: deque[tuple[asyncio.Future[None], bool]] = deque()
        self._workers = workers
        self._deadline = deadline
        self._hung_up = hung_up
        self._watching: asyncio.Task[None] | None = None
        self.is_begun = False
        self.is_overtaken = False
        self._is_counted = False
        self._has_hung_up = False

    async def run(self, call: Callable[[], Result], *, is_large: bool = False) -> Result:
        """Return what a blocking call returns, in a thread when its turn comes.

        A call that runs past the deadline is left to end by itself; nobody waits for it.

        Args:
            call: what runs in a thread.
            is_large: whether it may take the better part of a second; such calls never take all threads.

        Raises:
            DeadlineExceeded: if it is not done by the deadline.
            ClientDisconnect: if its caller hung up before its turn.
        """
        await self._turn(is_large=is_large)
        self._begin()
        running = self._workers.start(call, is_large=is_large)
        try:
            async with asyncio.timeout(self._remaining()):
                return await asyncio.shield(running)
        except TimeoutError as error:
            if running.done():  # the call's own failure, or it ended at the very moment of its deadline
                return running.result()
            raise _too_late() from error

    async def run_sized(self, call: Callable[[bool], Result | None]) -> Result:
        """Return what a blocking call returns that finds out by itself whether its pictures are large.

        Args:
            call: is told whether they may be; returns None, and has done nothing, where they are and may not.

        Raises:
            DeadlineExceeded, ClientDisconnect: as ``run`` says.
        """
        result = await self.run(partial(call, False))
        if result is None:
            result = await self.run(partial(call, True), is_large=True)
        assert result is not None  # noqa: S101  (what may be large is done)
        return result

    async def run_all(self, calls: Sequence[Callable[[bool], Result | None]]) -> list[Result]:
        """Return what calls as for ``run_sized`` return, in their order; if one fails, the rest is dropped.

        Raises:
            DeadlineExceeded, ClientDisconnect: as ``run`` says.
        """
        tasks = [asyncio.ensure_future(self.run_sized(call)) for call in calls]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def leave(self) -> None:
        """Drop what waits."""
        self._begin()
        for turn, _ in self.waiting:
            turn.cancel()
        self.waiting.clear()
        if self._watching is not None:
            self._watching.cancel()

    def drop_given_up(self) -> bool:
        """Drop turns at the head that nobody waits for any more; return whether none is left."""
        while self.waiting and self.waiting[0][0].done():
            self.waiting.popleft()
        return not self.waiting

    @property
    def next_is_large(self) -> bool:
        """Whether the call whose turn comes next is large."""
        return self.waiting[0][1]

    async def _turn(self, *, is_large: bool) -> None:
        if self._has_hung_up:
            raise ClientDisconnect
        if time.monotonic() >= self._deadline:
            raise _too_late()
        turn = self._workers.take(self, is_large=is_large)
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
                self._workers.give_back(is_large=is_large)
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
        for turn, _ in self.waiting:
            if not turn.done():
                turn.set_exception(ClientDisconnect())

    def _remaining(self) -> float | None:
        return None if self._deadline == math.inf else max(0.0, self._deadline - time.monotonic())


def _too_late() -> DeadlineExceeded:
    return DeadlineExceeded(
        "The request was not done by its deadline. Try again later, send less at once, or allow more time "
        "(X-Deadline-Seconds, IDA_DEADLINE_SECONDS)."
    )
