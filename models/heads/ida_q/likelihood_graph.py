"""A trained likelihood network as an ONNX file."""

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from models.heads.head_graph import head_file
from models.heads.ida_q.likelihood_weights import SPREADS, LikelihoodWeights


def likelihood_graph(weights: LikelihoodWeights) -> bytes:
    """Return the ONNX file: ``statistics`` (n, d) float32 to ``line`` (n, 4) float32, slope, middle, look, offset."""
    constants: dict[str, NDArray[np.generic]] = {
        "mean": weights.mean,
        "spread": weights.spread,
        "least": np.array(-SPREADS),
        "most": np.array(SPREADS),
        "first": weights.first,
        "first_bias": weights.first_bias,
        # The hidden values and the way past them in one layer.
        "second": np.concatenate([weights.second, weights.straight], axis=1),
        "second_bias": weights.second_bias,
    }
    nodes = [
        helper.make_node("Sub", ["statistics", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "spread"], ["unbounded"]),
        helper.make_node("Clip", ["unbounded", "least", "most"], ["told"]),
        helper.make_node("Gemm", ["told", "first", "first_bias"], ["before"], transB=1),
        helper.make_node("Tanh", ["before"], ["hidden"]),
        helper.make_node("Concat", ["hidden", "told"], ["both"], axis=1),
        helper.make_node("Gemm", ["both", "second", "second_bias"], ["line"], transB=1),
    ]
    rounded = {name: np.asarray(value, np.float32) for name, value in constants.items()}
    return head_file(
        "likelihood", nodes, rounded, len(weights.mean), ("line", ("n", len(weights.second_bias))), takes="statistics"
    )
