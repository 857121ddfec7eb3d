"""The greatest inner products of 8-bit rows: one ONNX graph that multiplies and selects."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.arrays import Ints
from service.errors import SearchFailed
from service.inference.onnx_runtime import ort

# A query's values lie around this, so that they fit an unsigned byte.
QUERY_ZERO = 64
# On a CPU without VNNI the kernel adds two products in 16 bits: 2 * 127 * 127 fits, 2 * 127 * 255 would be cut off.
QUERY_LIMIT = 63

_OPSET = 21
_IR_VERSION = 10


class IntegerProduct:
    """Multiplies 8-bit queries with fixed 8-bit rows and selects the greatest products.

    Safe to call from several threads at once, as ONNX Runtime sessions are.
    """

    def __init__(self, columns: NDArray[np.int8], *, threads: int) -> None:
        """Build the graph; ONNX Runtime keeps a copy of the rows in the order in which its kernel reads them.

        Args:
            columns: (d, n) int8 in [-127, 127], C order: the n rows, transposed.
            threads: CPU threads of one run, 1 or more.

        Raises:
            SearchFailed: if ONNX Runtime does not take it.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # An idle spinning pool burns the CPU time that other requests need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The matrix of all products is as large as the set: a pool that keeps it would grow with every batch size.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        try:
            # Handed over as they lie in memory: a model with the rows inside would be copied twice, with the
            # interpreter held, and every request would wait.
            options.add_external_initializers(["rows"], [ort.OrtValue.ortvalue_from_numpy(columns)])
            model = _graph(columns.shape)
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise SearchFailed(f"ONNX Runtime cannot index {columns.shape[1]} anchors: {error}") from error

    def greatest(self, queries: NDArray[np.uint8], count: int) -> tuple[NDArray[np.int32], Ints]:
        """Return the ``count`` greatest products of each query and the rows that give them.

        Args:
            queries: (m, d) uint8, each value at most QUERY_LIMIT from QUERY_ZERO, which stands for 0.
            count: from 1 to n.

        Returns:
            (m, count) int32 in descending order, and (m, count) int64.

        Raises:
            SearchFailed: if ONNX Runtime fails.
        """
        try:
            products, rows = self._session.run(None, {"queries": queries, "count": np.array([count], np.int64)})
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise SearchFailed(f"ONNX Runtime failed to search for {len(queries)} faces: {error}") from error
        return products, rows


def _graph(shape: tuple[int, ...]) -> bytes:
    # Here, because it takes a tenth of a second that a service with few anchors need not wait.
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    dimension, count = shape
    nodes = [
        helper.make_node("MatMulInteger", ["queries", "rows", "zero"], ["integers"]),
        helper.make_node("TopK", ["integers", "count"], ["greatest", "indices"]),
    ]
    graph = helper.make_graph(
        nodes,
        "integer_product",
        [
            helper.make_tensor_value_info("queries", TensorProto.UINT8, ["m", dimension]),
            helper.make_tensor_value_info("count", TensorProto.INT64, [1]),
        ],
        [
            helper.make_tensor_value_info("greatest", TensorProto.INT32, ["m", "c"]),
            helper.make_tensor_value_info("indices", TensorProto.INT64, ["m", "c"]),
        ],
        [
            _given("rows", TensorProto.INT8, (dimension, count)),
            numpy_helper.from_array(np.array(QUERY_ZERO, np.uint8), "zero"),
        ],
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString()
    return content


def _given(name: str, kind: int, shape: tuple[int, ...]) -> Any:
    """Return an initializer whose values are given to the session beside the model."""
    from onnx import TensorProto  # noqa: PLC0415

    tensor = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="given to the session")
    return tensor
