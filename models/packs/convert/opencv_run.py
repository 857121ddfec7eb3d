"""OpenCV's run of a published network: what a folded one is compared with."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from service.arrays import Floats32
from service.errors import InferenceFailed
from service.inference.runs import RunGraph


def opencv_run(path: Path, *, input_name: str, output_names: Sequence[str]) -> RunGraph:
    """Return OpenCV's run of an ONNX file, which reads weights in blocks of 8 bits as they are.

    Args:
        path: the published file.
        input_name: its image input; such files may list weights among the inputs.
        output_names: its outputs, in the order in which they are returned.

    Raises:
        InferenceFailed: if OpenCV cannot read it; and, by the run, if it cannot compute it.
    """
    try:
        network = cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise InferenceFailed(f"OpenCV cannot read {path.name}: {error}") from error

    def run(inputs: Floats32) -> Sequence[Floats32]:
        try:
            network.setInput(inputs, input_name)
            return [np.asarray(output, dtype=np.float32) for output in network.forward(list(output_names))]
        except cv2.error as error:
            raise InferenceFailed(f"OpenCV failed on {path.name}: {error}") from error

    return run
