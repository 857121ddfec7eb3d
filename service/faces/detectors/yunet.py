"""The YuNet detector with five landmarks."""

from collections.abc import Sequence

import numpy as np

from service.arrays import Floats32, ImageArray
from service.errors import PackInvalid
from service.faces.detectors.detector import DetectorAdapter, collect_of_strides, letterbox
from service.faces.types import DetectedFace
from service.inference.preprocessing import to_input
from service.inference.runs import RunGraph
from service.pack import DetectorFile

_STRIDES = (8, 16, 32)


class YunetDetector:
    """Decodes, for each stride, class and object scores (n, 1), boxes (n, 4) and landmarks (n, 10).

    An output's last axis tells the kind and its number of rows the stride. Class and object scores look alike, and
    need not be told apart: only their product is used. The image is letterboxed to the network's size, whose sides
    are multiples of 32. Safe to call from several threads if ``run`` is.
    """

    def __init__(self, run: RunGraph, spec: DetectorFile) -> None:
        """Prepare the adapter.

        Args:
            run: the network.
            spec: what the pack says of it.

        Raises:
            PackInvalid: if the input size is not a multiple of the largest stride.
        """
        size = spec.preprocessing
        if size.width % _STRIDES[-1] or size.height % _STRIDES[-1]:
            raise PackInvalid(
                f"{spec.file}: the input size {size.width}x{size.height} of a YuNet detector must be multiples of "
                f"{_STRIDES[-1]}."
            )
        self._run = run
        self._spec = spec
        # The threshold itself is kept by ``collect``; a score that rounding leaves just at it must not be lost before.
        self._least_product = 0.999 * spec.score_threshold**2
        self._cells = {stride: _cells(size.width, size.height, stride) for stride in _STRIDES}
        self._expected = {
            (len(cells), width): count for cells in self._cells.values() for width, count in ((1, 2), (4, 1), (10, 1))
        }

    def detect(self, image: ImageArray) -> list[DetectedFace]:
        """Return the faces found, best score first (see ``Detector``)."""
        size = self._spec.preprocessing
        fitted = letterbox(image, size.width, size.height)
        outputs = self._by_shape(self._run(to_input([fitted.canvas], size)))
        boxes, scores, landmarks = [], [], []
        for stride, cells in self._cells.items():
            rows = len(cells)
            one, other = outputs[rows, 1]
            # Decoding only candidates saves most of the work: nearly all cells are background.
            hits = np.flatnonzero(one[:, 0] * other[:, 0] >= self._least_product)
            if hits.size == 0:
                continue
            cell, raw = cells[hits], outputs[rows, 4][0][hits]
            centre, half = (cell + raw[:, :2]) * stride, np.exp(raw[:, 2:]) * (stride / 2)
            boxes.append(np.concatenate([centre - half, centre + half], axis=1))
            landmarks.append((cell[:, None] + outputs[rows, 10][0][hits].reshape(-1, 5, 2)) * stride)
            scores.append(np.sqrt(np.clip(one[hits, 0], 0, 1) * np.clip(other[hits, 0], 0, 1)))
        if not boxes:
            return []
        return collect_of_strides(boxes, scores, landmarks, fitted.scale, self._spec)

    def _by_shape(self, outputs: Sequence[Floats32]) -> dict[tuple[int, int], list[Floats32]]:
        found: dict[tuple[int, int], list[Floats32]] = {}
        for output in outputs:
            if output.ndim >= 2:
                found.setdefault(output.shape[-2:], []).append(output.reshape(output.shape[-2:]))
        if {shape: len(same) for shape, same in found.items()} != self._expected:
            raise PackInvalid(
                f"{self._spec.file} is no YuNet detector at "
                f"{self._spec.preprocessing.width}x{self._spec.preprocessing.height}: its outputs are "
                f"{[output.shape for output in outputs]}, expected (rows, columns): count of {self._expected}."
            )
        return found


YUNET = DetectorAdapter("yunet", YunetDetector, gives_landmarks=True)


def _cells(width: int, height: int, stride: int) -> Floats32:
    """Return the (x, y) of each cell of one stride in the network's order, row by row: (rows * columns, 2)."""
    down, across = np.mgrid[: height // stride, : width // stride]
    return np.stack([across, down], axis=-1).reshape(-1, 2).astype(np.float32)
