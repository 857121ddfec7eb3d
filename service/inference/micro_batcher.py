"""Cross-request micro-batching: rows of several requests in one run of a network."""

import threading
import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from service.arrays import Floats32
from service.errors import InferenceFailed
from service.inference.runs import RunGraph

# Weight of the newest run in the mean number of callers: the last half dozen count.
_NEWEST = 0.2


class _Caller:
    """Rows that wait for a run, and what became of them."""

    def __init__(self, inputs: Floats32) -> None:
        self.inputs = inputs
        self.outputs: Sequence[Floats32] | None = None
        self.error: Exception | None = None

    @property
    def is_answered(self) -> bool:
        return self.outputs is not None or self.error is not None


class MicroBatcher:
    """Runs one batch at a time, made of the rows of whoever waits. Call it from several threads.

    Who comes while a run is under way waits for it, and the next run takes all who wait, in their order: under load the
    batches grow by themselves. A run is held back for others only where the last runs had several callers, until as
    many are there again or the delay is over; a caller who has been alone for a few runs waits for nobody.
    """

    def __init__(self, run: RunGraph, *, most: int, delay: float) -> None:
        """Start with nobody waiting.

        Args:
            run: the network; rows of equal shape. It is never called by two threads at once.
            most: rows of one run, 1 or more; a caller with more rows has a run of his own.
            delay: seconds for which a run is held back at most, 0 or more.
        """
        self._run = run
        self._most = most
        self._delay = delay
        self._turn = threading.Condition()
        self._waiting: deque[_Caller] = deque()
        self._is_running = False
        self._mean_callers = 1.0

    def __call__(self, inputs: Floats32) -> Sequence[Floats32]:
        """Return the network's outputs for these rows.

        Args:
            inputs: (n, ...) float32, n >= 1.

        Raises:
            InferenceFailed: if the run that they were part of failed.
        """
        caller = _Caller(inputs)
        with self._turn:
            self._waiting.append(caller)
            self._turn.notify_all()  # a run may be held back for this one
            while self._is_running and not caller.is_answered:
                self._turn.wait()
            while not caller.is_answered:
                # Whoever finds nobody running runs for all; it may not come to its own rows at the first time.
                self._lead()
                while self._is_running and not caller.is_answered:
                    self._turn.wait()
        if caller.error is not None:
            raise InferenceFailed(str(caller.error)) from caller.error
        assert caller.outputs is not None  # noqa: S101  (answered, and not by an error)
        return caller.outputs

    def _lead(self) -> None:
        """Run the rows of those who wait; called with the turn taken, which is given up while the network runs."""
        self._is_running = True
        try:
            self._hold_back()
            taken = self._take()
            self._turn.release()
            try:
                self._answer(taken)
            finally:
                self._turn.acquire()
            self._mean_callers += _NEWEST * (len(taken) - self._mean_callers)
        finally:
            self._is_running = False
            self._turn.notify_all()

    def _hold_back(self) -> None:
        wanted = round(self._mean_callers)
        end = time.monotonic() + self._delay
        while len(self._waiting) < wanted and sum(len(caller.inputs) for caller in self._waiting) < self._most:
            remaining = end - time.monotonic()
            if remaining <= 0:
                return
            self._turn.wait(remaining)

    def _take(self) -> list[_Caller]:
        first = self._waiting.popleft()
        taken, rows = [first], len(first.inputs)
        while self._waiting and rows + len(self._waiting[0].inputs) <= self._most:
            taken.append(self._waiting.popleft())
            rows += len(taken[-1].inputs)
        return taken

    def _answer(self, callers: Sequence[_Caller]) -> None:
        try:
            together = callers[0].inputs if len(callers) == 1 else np.concatenate([one.inputs for one in callers])
            outputs = self._run(together)
            if any(len(output) != len(together) for output in outputs):
                raise InferenceFailed(f"A network gave {[len(o) for o in outputs]} rows for {len(together)}.")
        except Exception as error:
            for caller in callers:
                caller.error = error
            return
        start = 0
        for caller in callers:
            end = start + len(caller.inputs)
            caller.outputs = [output[start:end] for output in outputs]
            start = end
