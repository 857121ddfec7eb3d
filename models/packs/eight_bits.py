"""A proven network written anew in 8 bits: how far its embeddings move, and what it saves on this machine."""

import time
from collections.abc import Sequence
from pathlib import Path

from models.packs.convert.quantize import quantize
from models.packs.proof import compare, prove_equal
from models.tool_errors import GraphNotConvertible
from service.arrays import Floats32
from service.errors import PackInvalid
from service.inference.providers import Placement
from service.inference.runs import RunGraph
from service.inference.session import OnnxSession
from service.pack import Proof
from service.pack.quantization import Quantization

# Unsuitable ranges move embeddings much further.
MINIMUM_COSINE = 0.95
_RUNS = 8


def store_in_eight_bits(
    stored: Path, quantization: Quantization, inputs: Floats32, *, batch_sizes: Sequence[int], name: str
) -> tuple[Proof, float]:
    """Write a stored float32 network anew in 8 bits, and compare both.

    Args:
        stored: the network; it is written over.
        quantization: the ranges of its activations.
        inputs: (n, channels, height, width) float32, real ones.
        batch_sizes: the sizes in which it is to give what it gives alone, each in 1..n.
        name: what an error message calls it.

    Returns:
        How far its embeddings lie from those in float32, and its time for one face over that in float32, on one
        thread of this machine.

    Raises:
        GraphNotConvertible: if it cannot be written so, or embeds faces otherwise than float32 does.
        InferenceFailed: if it fails.
    """
    placement = Placement(threads=1)
    exact = OnnxSession(stored, placement)
    stored.write_bytes(quantize(stored.read_bytes(), quantization, name=name))
    try:
        rounded = OnnxSession(stored, placement)
    except PackInvalid as error:
        raise GraphNotConvertible(f"In 8 bits, {error.message}") from error
    prove_equal(rounded.run, rounded.run, inputs, batch_sizes=batch_sizes, name=f"{name} in 8 bits")
    proof = compare(exact.run, rounded.run, inputs, batch_sizes=batch_sizes, name=name)
    if not proof.minimum_cosine >= MINIMUM_COSINE:
        raise GraphNotConvertible(
            f"{name} in 8 bits embeds real faces otherwise than in float32: least cosine {proof.minimum_cosine:.3f}, "
            f"where {MINIMUM_COSINE} is asked. Measure the ranges of [backbone.quantization] on more faces, with the "
            "preprocessing that the manifest names: `poe bench activation_ranges`."
        )
    in_float, in_bytes = _least_seconds([exact.run, rounded.run], inputs[:1])
    return proof, in_bytes / in_float


def _least_seconds(runs: Sequence[RunGraph], inputs: Floats32) -> list[float]:
    """Return the least time of each run, taken in turns."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(_RUNS):
        for times, run in zip(taken, runs, strict=True):
            began = time.perf_counter()
            run(inputs)
            times.append(time.perf_counter() - began)
    return [min(times) for times in taken]
