"""A pack's network, ready for any number of rows and callers: how batches are made is decided here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.inference.bound_run import BoundRun
from service.inference.micro_batcher import MicroBatcher
from service.inference.providers import Placement
from service.inference.runs import RunGraph, in_buckets, in_parts, observed
from service.inference.session import OnnxSession

# What the layers of four crops pass on stays in the caches of a CPU; a batch of 32 in one run takes a quarter longer.
_CPU_ROWS_PER_RUN = 4
_GPU_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Batching:
    """How rows become batches.

    Attributes:
        joins_requests: whether rows of several requests share a run.
        buckets: the sizes of batches, ascending; none for the device's own: on a CPU any up to four.
        delay: seconds for which a run is held back for others at most.
    """

    joins_requests: bool = False
    buckets: tuple[int, ...] = ()
    delay: float = 0.0


def open_network(
    path: Path,
    placement: Placement,
    *,
    row_shape: Sequence[int],
    takes_batches: bool = True,
    batching: Batching | None = None,
    observe: Callable[[int], None] | None = None,
) -> RunGraph:
    """Load a network and return its run, safe to call from several threads.

    Args:
        path: the ONNX file.
        placement: where it runs.
        row_shape: shape of one row of its input.
        takes_batches: whether its batch axis is dynamic; else rows run one by one.
        batching: how rows become batches; each request by itself where it is None.
        observe: told the number of rows of each run, those that fill up a batch not counted.

    Raises:
        DeviceUnavailable, PackInvalid: as ``OnnxSession`` says.
        InferenceFailed: if it fails on a batch of one of the sizes.
    """
    batching = batching or Batching()
    session = OnnxSession(path, placement)
    sizes = batching.buckets or (_GPU_BUCKETS if placement.device == "cuda" else ())
    if not takes_batches:
        sizes = (1,) if sizes else ()
    most = sizes[-1] if sizes else _CPU_ROWS_PER_RUN if takes_batches else 1
    if placement.device == "cuda":
        run = in_buckets({size: BoundRun(session, (size, *row_shape)) for size in sizes})
    elif sizes:
        run = in_buckets(dict.fromkeys(sizes, session.run))
    else:
        run = session.run
    if observe is not None:
        run = observed(run, observe)
    run = in_parts(run, most)
    if batching.joins_requests and most > 1:
        run = MicroBatcher(run, most=most, delay=batching.delay)
    return run
