"""The time that each stage of one call takes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_STAGES = ("decode", "detect", "align", "liveness", "embed", "search", "predict", "score")

stage_listener: ContextVar[Callable[[str, float, float], None] | None] = ContextVar("stage_listener", default=None)
"""Told each stage of the current request once it has ended: its name, when it began and ended (``perf_counter``)."""


class Clock:
    """Adds up the milliseconds of each stage of one call; the stages that did not run stay at 0.

    Safe to use from several threads, whose times are added up.
    """

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._turn = threading.Lock()
        self._listener = stage_listener.get()
        self.timings_ms = dict.fromkeys(_STAGES, 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time of the context to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            ended = time.perf_counter()
            with self._turn:
                self.timings_ms[stage] += (ended - started) * 1000
            if self._listener is not None:
                self._listener(stage, started, ended)

    def stop(self) -> dict[str, float]:
        """Add the stage ``total``, and return the milliseconds by stage."""
        self.timings_ms["total"] = (time.perf_counter() - self._started) * 1000
        return self.timings_ms
