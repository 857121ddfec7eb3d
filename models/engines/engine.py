"""What an engine does: run one piece of work over blocks, in their order; and the engine that does it here."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from service.pipeline import FacePipeline

BATCH_SIZE = 32
"""Crops of one run, always: the last digits of an embedding depend on the size of the batch it was computed in."""

Block_contra = TypeVar("Block_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)
AnyBlock = TypeVar("AnyBlock")
AnyResult = TypeVar("AnyResult")

Done = Callable[[int], object]
"""Told how many more items of the present block are done."""


def unheard(_: int) -> None:
    """Take no notice."""


class Work(Protocol[Block_contra, Result_co]):
    """What is done to a block. Can be pickled, and so can its blocks and results."""

    def __call__(self, pipeline: FacePipeline, block: Block_contra, done: Done, /) -> Result_co:
        """Return what a block gives; the same block gives the same result, to the byte, wherever it is."""
        ...


class Engine(Protocol):
    """Runs work over blocks."""

    def map(
        self, work: Work[AnyBlock, AnyResult], blocks: Iterable[AnyBlock], done: Done = unheard
    ) -> Iterator[AnyResult]:
        """Yield the result of every block, in the blocks' order.

        Args:
            work: what is done.
            blocks: to what.
            done: told of items as they are done, where the engine knows before their block is.

        Raises:
            IdaError: as the work says.
        """
        ...


class LocalEngine:
    """Works in this process, on one block after the other."""

    def __init__(self, pipeline: FacePipeline) -> None:
        self._pipeline = pipeline

    def map(
        self, work: Work[AnyBlock, AnyResult], blocks: Iterable[AnyBlock], done: Done = unheard
    ) -> Iterator[AnyResult]:
        """Yield the result of every block; see ``Engine.map``."""
        for block in blocks:
            yield work(self._pipeline, block, done)
