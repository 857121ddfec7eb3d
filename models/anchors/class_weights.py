"""Anchors from the weights of a classifier's last layer, one row a class: the paper's "weights of FC layers"."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from models.tool_errors import AnchorSourceInvalid
from service.arrays import Floats32
from service.errors import InvalidEmbedding
from service.scoring.similarity import normalise

_BLOCK = 65_536


def read_class_weights(path: Path, dimension: int, *, array: str | None = None) -> Floats32:
    """Return the directions of the classes.

    Args:
        path: a .npy with a matrix, an .npz or an .onnx with one among others.
        dimension: values of an embedding of the backbone; the matrix may have its classes along either axis.
        array: name of the matrix in an .npz or .onnx; None where only one can be meant.

    Returns:
        (n, dimension) float32, unit norm.

    Raises:
        AnchorSourceInvalid: if there is no such matrix, or more than one.
    """
    try:
        matrices = _matrices(path)
    except Exception as error:  # NumPy, zipfile, protobuf and onnx each raise classes of their own
        raise AnchorSourceInvalid(f"{path} cannot be read as class weights: {error}") from error
    if array is not None:
        if array not in matrices:
            raise AnchorSourceInvalid(f"{path} has no matrix {array}; it has {_listed(matrices)}.")
        matrices = {array: matrices[array]}
    fitting = {name: matrix for name, matrix in matrices.items() if dimension in matrix.shape}
    if len(fitting) != 1:
        raise AnchorSourceInvalid(
            f"Class weights are a matrix with {dimension} values a class, and {path} has {len(fitting)} that could be "
            f"({_listed(fitting or matrices)}): name it with --array, or give another file."
        )
    matrix = next(iter(fitting.values()))
    # Square: by rows, as PyTorch and insightface store them.
    rows = matrix if matrix.shape[1] == dimension else matrix.T
    unit = np.empty(rows.shape, np.float32)
    try:
        for start in range(0, len(rows), _BLOCK):
            unit[start : start + _BLOCK] = normalise(rows[start : start + _BLOCK])
    except InvalidEmbedding as error:
        raise AnchorSourceInvalid(f"{path} has a class without a direction. {error.message}") from error
    return unit


def _matrices(path: Path) -> dict[str, NDArray[Any]]:
    """Return the two-dimensional float arrays of a file by name."""
    if path.suffix == ".onnx":
        graph = onnx.load(str(path)).graph
        # A Reshape's or Gather's integers are initializers too, and no weights.
        named = {item.name: item for item in graph.initializer if len(item.dims) == 2}
        found = {name: numpy_helper.to_array(item) for name, item in named.items()}
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    else:
        found = {path.stem: np.load(path, mmap_mode="r", allow_pickle=False)}
    return {name: matrix for name, matrix in found.items() if matrix.ndim == 2 and matrix.dtype.kind == "f"}


def _listed(matrices: dict[str, NDArray[Any]]) -> str:
    return ", ".join(f"{name} {matrix.shape[0]}x{matrix.shape[1]}" for name, matrix in matrices.items()) or "none"
