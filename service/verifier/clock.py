"""The time that each stage of one call takes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_STAGES = ("decode", "detect", "align", "liveness", "embed", "search", "predict", "score")


class Clock:
    """Adds up the milliseconds of each stage of one call; the stages that did not run stay at 0.

    Safe to use from several threads, whose times are added up.
    """

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._turn = threading.Lock()
        self.timings_ms = dict.fromkeys(_STAGES, 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time of the context to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._turn:
                self.timings_ms[stage] += (time.perf_counter() - started) * 1000

    def stop(self) -> dict[str, float]:
        """Add the stage ``total``, and return the milliseconds by stage."""
        self.timings_ms["total"] = (time.perf_counter() - self._started) * 1000
        return self.timings_ms
