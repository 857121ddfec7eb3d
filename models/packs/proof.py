"""The proof that a rewritten network computes in batches what the published one computes alone."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from models.packs.convert.graph_form import EXPORT_ADVICE
from models.tool_errors import GraphNotConvertible
from service.arrays import Floats32, Floats64
from service.errors import InferenceFailed
from service.inference.runs import RunGraph
from service.pack import Proof

# Kernels for one row and for many may add in another order, which moves the last bits of a float32; a wrong
# rewrite mixes rows or values and moves far more than this.
MINIMUM_COSINE = 0.999999
MAXIMUM_RELATIVE_DIFFERENCE = 1e-4


# Another engine sums in another order throughout. Where a whole output is near 0, as the scores of a detector are at a
# stride where it sees no face, that moves every digit of it and decides nothing.
OTHER_ENGINE_MAGNITUDE = 0.1


def prove_equal(
    source: RunGraph,
    stored: RunGraph,
    inputs: Floats32,
    *,
    batch_sizes: Sequence[int],
    name: str,
    least_magnitude: float = 0.0,
) -> Proof:
    """Run both graphs on the same real inputs and compare every output, the source one input at a time.

    Args:
        source: the graph as it was published.
        stored: the graph as it will be served.
        inputs: (n, channels, height, width) float32, preprocessed.
        batch_sizes: the sizes in which ``stored`` takes the inputs, each in 1..n.
        name: what an error message calls the graph.
        least_magnitude: what a difference is compared with at least.

    Raises:
        GraphNotConvertible: if ``stored`` fails, or an output differs by more than float32 rounding explains.
        InferenceFailed: if ``source`` fails.
    """
    proof = compare(source, stored, inputs, batch_sizes=batch_sizes, name=name, least_magnitude=least_magnitude)
    cosine, relative = proof.minimum_cosine, proof.maximum_relative_difference
    if not (cosine > MINIMUM_COSINE and relative < MAXIMUM_RELATIVE_DIFFERENCE):
        raise GraphNotConvertible(
            f"{name} computes something else in batches than alone (least cosine {cosine:.7f}, greatest "
            f"relative difference {relative:.1e}). {EXPORT_ADVICE}"
        )
    return proof


def compare(
    source: RunGraph,
    stored: RunGraph,
    inputs: Floats32,
    *,
    batch_sizes: Sequence[int],
    name: str,
    least_magnitude: float = 0.0,
) -> Proof:
    """Return how far the outputs of both graphs lie apart, whatever that is; arguments and errors as ``prove_equal``.

    Raises:
        GraphNotConvertible: if ``stored`` fails, or gives outputs of another shape.
        InferenceFailed: if ``source`` fails.
    """
    expected = [source(inputs[row : row + 1]) for row in range(len(inputs))]
    cosine, absolute, relative = 1.0, 0.0, 0.0
    for size in batch_sizes:
        for start in range(0, len(inputs), size):
            rows = slice(start, start + size)
            try:
                outputs = stored(inputs[rows])
            except InferenceFailed as error:
                raise GraphNotConvertible(
                    f"{name} fails on a batch of {size}: {error.message} {EXPORT_ADVICE}"
                ) from error
            for wanted, got in _matching_rows(expected[rows], outputs, name):
                difference = float(np.max(np.abs(wanted - got), initial=0.0))
                greatest = max(float(np.max(np.abs(wanted), initial=0.0)), least_magnitude)
                cosine = _worst(min, cosine, _cosine(wanted, got))
                absolute = _worst(max, absolute, difference)
                relative = _worst(max, relative, difference / greatest if difference else 0.0)
    return Proof(
        inputs=len(inputs),
        batches=list(batch_sizes),
        minimum_cosine=cosine,
        maximum_difference=absolute,
        maximum_relative_difference=relative,
    )


def _matching_rows(
    expected: Sequence[Sequence[Floats32]], outputs: Sequence[Floats32], name: str
) -> Iterator[tuple[Floats64, Floats64]]:
    for position, output in enumerate(outputs):
        wanted_rows = [row[position] for row in expected]
        if len(expected) == 1 and output.shape == wanted_rows[0].shape:
            # Run one at a time, a detector may do without a batch axis, as insightface's published ones do.
            yield np.ravel(wanted_rows[0]).astype(np.float64), np.ravel(output).astype(np.float64)
            continue
        if any(len(wanted) != 1 for wanted in wanted_rows) or output.shape != (
            len(expected),
            *wanted_rows[0].shape[1:],
        ):
            raise GraphNotConvertible(
                f"{name} gives an output of shape {output.shape} for a batch of {len(expected)}, and "
                f"{wanted_rows[0].shape} for one. {EXPORT_ADVICE}"
            )
        for wanted, got in zip(wanted_rows, output, strict=True):
            yield np.ravel(wanted).astype(np.float64), np.ravel(got).astype(np.float64)


def _cosine(wanted: Floats64, got: Floats64) -> float:
    norms = float(np.linalg.norm(wanted) * np.linalg.norm(got))
    if norms == 0:
        return 1.0 if np.array_equal(wanted, got) else 0.0
    return float(np.dot(wanted, got)) / norms


def _worst(pick: Callable[[float, float], float], so_far: float, value: float) -> float:
    """Keep a NaN once there is one, so that it fails the proof instead of vanishing in min or max."""
    return value if np.isnan(value) else so_far if np.isnan(so_far) else pick(so_far, value)
