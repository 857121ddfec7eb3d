"""Every pass over a graph, in order."""

from dataclasses import dataclass

import onnx

from models.packs.convert.batch_norm import fold_batch_norms
from models.packs.convert.onnx_graph import Network
from models.packs.convert.prelu import replace_prelus
from models.tool_errors import GraphNotConvertible
from service.inference.small_weights import flush_small_weights


@dataclass(frozen=True, slots=True)
class FasterGraph:
    """A graph rewritten for speed.

    Attributes:
        content: the ONNX file's bytes.
        changes: what was rewritten, in words; none where there was nothing to rewrite.
        flushed: weights too small to matter that were set to 0.
    """

    content: bytes
    changes: list[str]
    flushed: int = 0


def rewrite_for_speed(content: bytes, *, to_the_bit: bool, name: str) -> FasterGraph:
    """Return the graph in the form that ONNX Runtime runs fastest; equal up to the rounding of float32.

    Args:
        content: the bytes of a valid ONNX file.
        to_the_bit: write each PRelu in the form that is exact to the bit, though it is not the fastest.
        name: what an error message calls it.

    Raises:
        GraphNotConvertible: if the rewritten graph is not valid.
    """
    model = onnx.load_from_string(content)
    network = Network(model)
    changes: list[str] = []
    if weights := network.make_weights_constant():
        changes.append(f"{weights} weights taken out of the graph's inputs, so that they are constant")
    if norms := fold_batch_norms(network):
        changes.append(f"{norms} BatchNormalization folded into the convolutions before them")
    prelus = replace_prelus(network, to_the_bit=to_the_bit)
    for count, form in (
        (prelus.leaky, "LeakyRelu"),
        (prelus.folded, "slope*x + relu((1-slope)*x), folded into depthwise convolutions"),
        (prelus.summed, "slope*x + relu((1-slope)*x)"),
        (prelus.parted, "relu(x) - slope*relu(-x)"),
    ):
        if count:
            changes.append(f"{count} PRelu written as {form}")
    if changes:
        network.drop_unused_weights()
    # Last: folding makes weights smaller still.
    flushed = _flush(model, changes)
    if not changes:
        return FasterGraph(content, [])
    return FasterGraph(_valid(model, name), changes, flushed)


def flush_alone(content: bytes, *, name: str) -> FasterGraph:
    """Return the graph with only the weights that are too small to matter set to 0.

    Args:
        content: the bytes of a valid ONNX file.
        name: what an error message calls it.

    Raises:
        GraphNotConvertible: if the graph is not valid.
    """
    model = onnx.load_from_string(content)
    changes: list[str] = []
    flushed = _flush(model, changes)
    return FasterGraph(_valid(model, name), changes, flushed) if flushed else FasterGraph(content, [])


def _flush(model: onnx.ModelProto, changes: list[str]) -> int:
    small = flush_small_weights(model)
    if small.count:
        changes.append(f"{small.count} weights too small to matter set to 0, {small.subnormal} of them subnormal")
    return small.count


def _valid(model: onnx.ModelProto, name: str) -> bytes:
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise GraphNotConvertible(f"{name} is not valid once it is rewritten for speed: {reason}") from error
    content: bytes = model.SerializeToString(deterministic=True)
    return content
