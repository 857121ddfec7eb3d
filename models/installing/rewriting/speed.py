"""Every pass over a graph, in order."""

from dataclasses import dataclass

import onnx

from models.installing.rewriting.batch_norm import fold_batch_norms
from models.installing.rewriting.network import Network
from models.installing.rewriting.prelu import replace_prelus
from service.errors import GraphNotConvertible


@dataclass(frozen=True, slots=True)
class FasterGraph:
    """A graph rewritten for speed.

    Attributes:
        content: the ONNX file's bytes.
        changes: what was rewritten, in words; none where there was nothing to rewrite.
    """

    content: bytes
    changes: list[str]


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
    if not changes:
        return FasterGraph(content, [])
    network.drop_unused_weights()
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise GraphNotConvertible(f"{name} is not valid once it is rewritten for speed: {reason}") from error
    return FasterGraph(model.SerializeToString(deterministic=True), changes)
