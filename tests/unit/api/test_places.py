"""A place's calls at the very moment of its deadline."""

import asyncio
import threading
import time

import pytest
from prometheus_client import CollectorRegistry

from service.api.workers import Workers
from service.telemetry import Metrics


def at_the_deadline(call):
    """What a place gives whose call ends while the event loop is busy, and stays so until the deadline is over."""

    async def run():
        workers = Workers(1, Metrics(CollectorRegistry()))
        may_end = threading.Event()
        deadline = time.monotonic() + 0.05

        def slow():
            may_end.wait(5)
            return call()

        def busy():
            may_end.set()
            workers.close()  # returns when the call has ended
            while time.monotonic() < deadline + 0.01:
                pass

        async with workers.place(deadline) as place:
            asyncio.get_running_loop().call_later(0.02, busy)
            return await place.run(slow)

    return asyncio.run(run())


def fail():
    raise TimeoutError("of its own")


def test_call_that_ends_as_its_deadline_passes_is_answered():
    assert at_the_deadline(lambda: "done") == "done"


def test_failure_of_a_call_that_ends_as_its_deadline_passes_is_its_own():
    with pytest.raises(TimeoutError, match="of its own"):
        at_the_deadline(fail)
