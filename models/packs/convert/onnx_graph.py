"""A graph while it is rewritten: its constants, who makes a value and who takes it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from service.arrays import Floats
from service.inference.small_weights import all_nodes

Constant = NDArray[np.generic]

_DEFAULT_DOMAIN = ("", "ai.onnx")
_FIRST_IR_WITH_CONSTANT_WEIGHTS = 4


class Network:
    """The top level of a graph. Replaced nodes give the same values by the same names."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Take a model, which the passes change in place."""
        self._model = model
        self._graph = model.graph
        self._constants = {tensor.name: tensor for tensor in self._graph.initializer}
        for node in self._graph.node:
            value = next((entry.t for entry in node.attribute if entry.name == "value"), None)
            if node.op_type == "Constant" and value is not None:
                self._constants[node.output[0]] = value

    def nodes(self, operator: str) -> list[onnx.NodeProto]:
        """Return the nodes of an operator of ONNX itself, in the graph's order."""
        return [node for node in self._graph.node if is_operator(node, operator)]

    def constant(self, node: onnx.NodeProto, position: int) -> Constant | None:
        """Return the input of a node at a position if it never changes, else None."""
        name = node.input[position] if position < len(node.input) else ""
        tensor = self._constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def maker(self, value: str) -> onnx.NodeProto | None:
        """Return the node that gives a value; None for inputs and weights."""
        return next((node for node in self._graph.node if value in node.output), None)

    def uses(self, value: str) -> int:
        """Return how often a value is taken: by nodes, those of inner graphs too, and as an output of the graph."""
        taken: int = sum(list(node.input).count(value) for node in all_nodes(self._graph))
        given: int = sum(output.name == value for output in self._graph.output)
        return taken + given

    def add_constant(self, name: str, value: Floats) -> str:
        """Add float32 weights and return their name."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name)
        self._graph.initializer.append(tensor)
        self._constants[name] = tensor
        return name

    def replace(self, old: Sequence[onnx.NodeProto], new: Sequence[onnx.NodeProto]) -> None:
        """Put new nodes where the last of the old ones was."""
        nodes = list(self._graph.node)
        place = max(nodes.index(node) for node in old)
        kept = [node for node in nodes[:place] if node not in old]
        del self._graph.node[:]
        self._graph.node.extend([*kept, *new, *nodes[place + 1 :]])

    def drop_unused_weights(self) -> None:
        """Leave out the weights that no node takes any more."""
        taken = {name for node in all_nodes(self._graph) for name in node.input}
        taken.update(output.name for output in self._graph.output)
        kept = [tensor for tensor in self._graph.initializer if tensor.name in taken]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def make_weights_constant(self) -> int:
        """Take the weights out of the graph's inputs, where a caller could change them; return how many there were."""
        weights = {tensor.name for tensor in self._graph.initializer}
        inputs = [value for value in self._graph.input if value.name not in weights]
        removed: int = len(self._graph.input) - len(inputs)
        if removed:
            del self._graph.input[:]
            self._graph.input.extend(inputs)
            self._model.ir_version = max(self._model.ir_version, _FIRST_IR_WITH_CONSTANT_WEIGHTS)
        return removed


def is_operator(node: onnx.NodeProto, operator: str) -> bool:
    """Say whether a node is of an operator of ONNX itself."""
    return node.op_type == operator and node.domain in _DEFAULT_DOMAIN


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """Return a node's attribute, or the default where it has none of the name."""
    found = next((entry for entry in node.attribute if entry.name == name), None)
    return default if found is None else helper.get_attribute_value(found)
