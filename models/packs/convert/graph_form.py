"""ONNX graphs rewritten to take batches; ``models.packs.proof`` shows that they compute the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import external_data_helper, numpy_helper

from models.tool_errors import GraphNotConvertible
from service.arrays import Ints
from service.errors import PackInvalid

BATCH_AXIS = "batch"

EXPORT_ADVICE = (
    "Export it again with a dynamic batch axis: torch.onnx.export(..., dynamo=True, "
    'dynamic_shapes=({0: torch.export.Dim("batch")},)), or dynamic_axes={"input": {0: "batch"}} with dynamo=False.'
)


@dataclass(frozen=True, slots=True)
class BatchedGraph:
    """A graph whose leading axis is symbolic.

    Attributes:
        content: the ONNX file's bytes.
        changes: what was rewritten, in words; none where the batch axis was dynamic already.
    """

    content: bytes
    changes: list[str]


def read_graph(path: Path) -> onnx.ModelProto:
    """Read and check an ONNX file that holds all its weights.

    Raises:
        PackInvalid: if it is no valid ONNX graph of one image input, or keeps its weights in another file.
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise PackInvalid(f"{path.name} is not an ONNX file.") from error
    if any(external_data_helper.uses_external_data(tensor) for tensor in model.graph.initializer):
        raise PackInvalid(
            f"{path.name} keeps its weights in another file. Save it as one: "
            "onnx.save(onnx.load(path), path, save_as_external_data=False)."
        )
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise PackInvalid(f"{path.name} is not a valid ONNX graph: {_first_line(error)}") from error
    _image_input(model.graph, path.name)
    return model


def make_batch_dynamic(model: onnx.ModelProto, *, name: str) -> BatchedGraph:
    """Return a graph with its batch axis symbolic: an exact rewrite, the weights are untouched.

    Args:
        model: a graph that ``read_graph`` gave; it is changed in place.
        name: what an error message calls it.

    Raises:
        GraphNotConvertible: if the batch axis is fixed in a way that this rewrite does not know.
    """
    graph = model.graph
    changes: list[str] = []
    batch = _image_input(graph, name).type.tensor_type.shape.dim[0]
    if batch.HasField("dim_value"):
        if batch.dim_value != 1:
            raise GraphNotConvertible(
                f"{name} is fixed to batches of {batch.dim_value}; only a batch of 1 can be made dynamic. "
                f"{EXPORT_ADVICE}"
            )
        batch.dim_param = BATCH_AXIS
        changes.append("input: batch axis 1 made dynamic")
        changes.extend(_free_reshapes(graph))
    for output in graph.output:
        changes.extend(_free_output(output, name))
    # Shapes that the exporter noted for batch 1 contradict the new axis; a loader infers them again.
    del graph.value_info[:]
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise GraphNotConvertible(
            f"The batch axis of {name} could not be made dynamic: {_first_line(error)} {EXPORT_ADVICE}"
        ) from error
    return BatchedGraph(content=model.SerializeToString(deterministic=True), changes=changes)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") + "."


def _image_input(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1 or len(inputs[0].type.tensor_type.shape.dim) != 4:
        shapes = [len(value.type.tensor_type.shape.dim) for value in inputs]
        raise PackInvalid(
            f"{name} has inputs of {shapes} axes; one input of 4 axes (batch, channels, height, width) is needed."
        )
    image: onnx.ValueInfoProto = inputs[0]
    return image


def _free_output(output: onnx.ValueInfoProto, name: str) -> list[str]:
    axes = output.type.tensor_type.shape.dim
    if not axes or (axes[0].HasField("dim_value") and axes[0].dim_value != 1):
        rows = axes[0].dim_value if axes else "no"
        raise GraphNotConvertible(
            f"{name} has {rows} rows in output {output.name} where the batch axis belongs. {EXPORT_ADVICE}"
        )
    if not axes[0].HasField("dim_value"):
        return []
    axes[0].dim_param = BATCH_AXIS
    return [f"output {output.name}: batch axis 1 made dynamic"]


def _free_reshapes(graph: onnx.GraphProto) -> list[str]:
    """Let every Reshape of the image's data whose constant target begins with 1 keep the batch instead."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants.update(_constant_nodes(graph))
    changes: list[str] = []
    for node in _nodes_on_image_data(graph):
        if node.op_type != "Reshape" or len(node.input) < 2 or node.input[1] not in constants:
            continue
        target = [int(size) for size in np.ravel(constants[node.input[1]])]
        if len(target) < 2 or target[0] != 1:
            continue
        allow_zero = next((attribute for attribute in node.attribute if attribute.name == "allowzero"), None)
        if -1 not in target:
            freed = [-1, *target[1:]]
        else:
            # A target may hold one -1 only; 0 copies the axis of the same place, which is the batch.
            freed = [0, *target[1:]]
            if allow_zero is not None:
                node.attribute.remove(allow_zero)
        # The constant may be shared with another node, so it is left as it is and a new one is added.
        shape_name = f"{node.output[0]}_batched_shape"
        graph.initializer.append(numpy_helper.from_array(np.asarray(freed, dtype=np.int64), shape_name))
        node.input[1] = shape_name
        changes.append(f"Reshape to {node.output[0]}: target {target} became {freed}")
    return changes


def _constant_nodes(graph: onnx.GraphProto) -> Iterator[tuple[str, Ints]]:
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    yield node.output[0], numpy_helper.to_array(attribute.t)
                elif attribute.name == "value_ints":
                    yield node.output[0], np.asarray(attribute.ints, dtype=np.int64)


def _nodes_on_image_data(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Give the nodes that take values computed from the image, not from weights or shapes alone."""
    weights = {tensor.name for tensor in graph.initializer}
    carriers = {value.name for value in graph.input} - weights
    for node in graph.node:
        if node.op_type in {"Shape", "Size"}:
            continue
        data = node.input[:1] if node.op_type == "Reshape" else node.input
        if carriers.intersection(data):
            carriers.update(node.output)
            yield node
