"""The micro-batcher: who shares a run with whom, in which order, and who waits for nobody.

No test depends on how fast threads are: the network itself waits until those it is to meet have come.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.errors import InferenceFailed
from service.inference.micro_batcher import MicroBatcher

LONG = 30.0


class Gate:
    """A network whose first run does not end before it is opened."""

    def __init__(self):
        self.sizes = []
        self.began = threading.Event()
        self.opened = threading.Event()
        self.at_once = 0
        self.most_at_once = 0

    def __call__(self, inputs):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.sizes.append(len(inputs))
        self.began.set()
        assert self.opened.wait(LONG)
        self.at_once -= 1
        return [inputs * 10, inputs.sum(axis=1)]


def rows(value, count=1):
    return np.full((count, 2), value, np.float32)


def all_wait(batcher, count):
    """Wait until so many callers wait for a run."""
    end = time.monotonic() + LONG
    while len(batcher._waiting) < count:
        assert time.monotonic() < end
        threading.Event().wait(0.001)


def call_during_a_run(batcher, gate, others):
    """Call once, then with each of the others while that runs; return all outputs in the order of the calls."""
    with ThreadPoolExecutor(1 + len(others)) as pool:
        first = pool.submit(batcher, rows(1))
        assert gate.began.wait(LONG)
        rest = []
        for place, inputs in enumerate(others, start=1):
            rest.append(pool.submit(batcher, inputs))
            all_wait(batcher, place)
        gate.opened.set()
        return [future.result(LONG) for future in (first, *rest)]


def test_callers_who_come_during_a_run_share_the_next_one():
    gate = Gate()
    found = call_during_a_run(MicroBatcher(gate, most=8, delay=0), gate, [rows(2), rows(3, 2), rows(4)])
    assert gate.sizes == [1, 4]
    assert gate.most_at_once == 1
    for (tens, sums), (value, count) in zip(found, [(1, 1), (2, 1), (3, 2), (4, 1)], strict=True):
        np.testing.assert_array_equal(tens, rows(10 * value, count))
        np.testing.assert_array_equal(sums, np.full(count, 2 * value))


def test_run_takes_no_more_rows_than_it_may_and_keeps_the_order():
    gate = Gate()
    found = call_during_a_run(MicroBatcher(gate, most=3, delay=0), gate, [rows(2, 2), rows(3, 2), rows(4)])
    assert gate.sizes == [1, 2, 3]
    assert [float(tens[0, 0]) for tens, _ in found] == [10, 20, 30, 40]


def test_caller_with_more_rows_than_a_run_may_have_is_answered():
    gate = Gate()
    gate.opened.set()
    (tens, _) = MicroBatcher(gate, most=2, delay=0)(rows(5, 7))
    assert tens.shape == (7, 2)


def test_failed_run_fails_each_caller_of_it_and_no_other():
    gate = Gate()

    def failing_together(inputs):
        outputs = gate(inputs)
        if len(inputs) > 1:
            raise InferenceFailed("out of memory")
        return outputs

    batcher = MicroBatcher(failing_together, most=8, delay=0)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batcher, rows(1))
        assert gate.began.wait(LONG)
        both = [pool.submit(batcher, rows(2)), pool.submit(batcher, rows(3))]
        all_wait(batcher, 2)
        gate.opened.set()
        assert float(first.result(LONG)[0][0, 0]) == 10
        errors = [future.exception(LONG) for future in both]
    assert [str(error) for error in errors] == ["out of memory"] * 2
    assert errors[0] is not errors[1]
    assert float(batcher(rows(7))[0][0, 0]) == 70


def test_network_that_loses_rows_is_an_error():
    batcher = MicroBatcher(lambda inputs: [inputs[:1]], most=8, delay=0)
    with pytest.raises(InferenceFailed, match="rows for 2"):
        batcher(rows(1, 2))


def test_lone_caller_waits_for_nobody():
    gate = Gate()
    gate.opened.set()
    batcher = MicroBatcher(gate, most=8, delay=LONG)
    began = time.monotonic()
    for _ in range(20):
        batcher(rows(1))
    assert time.monotonic() - began < LONG
    assert gate.sizes == [1] * 20


def test_run_is_held_back_for_as_many_as_shared_the_last_ones():
    gate = Gate()
    batcher = MicroBatcher(gate, most=8, delay=LONG)
    batcher._mean_callers = 3.0
    gate.opened.set()
    began = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(batcher, [rows(1), rows(2), rows(3)]))
    assert gate.sizes == [3]
    # It goes on when the last of them comes, not when the delay is over.
    assert time.monotonic() - began < LONG


def test_run_that_was_held_back_in_vain_goes_on_after_the_delay():
    gate = Gate()
    gate.opened.set()
    batcher = MicroBatcher(gate, most=8, delay=0.001)
    batcher._mean_callers = 3.0
    batcher(rows(1))
    assert gate.sizes == [1]


def test_many_threads_get_their_own_rows():
    batcher = MicroBatcher(lambda inputs: [inputs + 1], most=5, delay=0.001)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda value: batcher(rows(value, 1 + value % 4))[0], range(400)))
    for value, output in enumerate(found):
        np.testing.assert_array_equal(output, rows(value + 1, 1 + value % 4))
