"""Runs of a network on any number of rows, in parts of the sizes that suit its device."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from service.arrays import Floats32

RunGraph = Callable[[Floats32], Sequence[Floats32]]
"""Runs a network: one float32 input with a leading batch axis to all its outputs, in the graph's order.

A row's outputs depend on that row alone. Whoever needs a network is handed one of these, and never sees the engine.
"""


def in_parts(run: RunGraph, most: int) -> RunGraph:
    """Return a run that takes any number of rows, and gives the network no more than ``most`` at a time.

    Args:
        run: the network.
        most: rows of one run, 1 or more.
    """

    def run_in_parts(inputs: Floats32) -> Sequence[Floats32]:
        return _joined([run(inputs[start : start + most]) for start in range(0, len(inputs), most)])

    return run_in_parts


def in_buckets(runs: Mapping[int, RunGraph]) -> RunGraph:
    """Return a run that gives the network batches of a few fixed sizes alone; it takes as many rows as the largest has.

    A batch that fills no size is filled up with zeros, whose outputs are dropped: a device then keeps memory, kernels
    and captured graphs for these sizes and for no others.

    Args:
        runs: the network's run for each size of batch.
    """
    sizes = sorted(runs)

    def run_filled(inputs: Floats32) -> Sequence[Floats32]:
        size = next(size for size in sizes if size >= len(inputs))
        if size == len(inputs):
            return runs[size](inputs)
        filled = np.zeros((size, *inputs.shape[1:]), inputs.dtype)
        filled[: len(inputs)] = inputs
        return [output[: len(inputs)] for output in runs[size](filled)]

    return run_filled


def observed(run: RunGraph, observe: Callable[[int], None]) -> RunGraph:
    """Return a run that also tells how many rows each batch had."""

    def run_observed(inputs: Floats32) -> Sequence[Floats32]:
        observe(len(inputs))
        return run(inputs)

    return run_observed


def _joined(parts: Sequence[Sequence[Floats32]]) -> Sequence[Floats32]:
    if len(parts) == 1:
        return parts[0]
    return [np.concatenate(outputs) for outputs in itertools.zip_longest(*parts)]
