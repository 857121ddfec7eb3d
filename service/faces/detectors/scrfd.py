"""The SCRFD family of detectors with five landmarks (insightface's det_500m, det_2.5g, det_10g)."""

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
_ANCHORS = 2  # per cell, both at the cell's corner


class ScrfdDetector:
    """Decodes, for each stride, scores (n, 1), distances to the box's sides (n, 4) and landmark offsets (n, 10).

    The nine outputs may come in any order, with or without a leading batch axis of 1: their last axis tells the kind
    and their number of rows the stride. The image is letterboxed to the network's size. Safe to call from several
    threads if ``run`` is.
    """

    def __init__(self, run: RunGraph, spec: DetectorFile) -> None:
        self._run = run
        self._spec = spec
        size = spec.preprocessing
        self._centres = {stride: _cell_corners(size.width, size.height, stride) for stride in _STRIDES}

    def detect(self, image: ImageArray) -> list[DetectedFace]:
        """Return the faces found, best score first (see ``Detector``)."""
        size = self._spec.preprocessing
        fitted = letterbox(image, size.width, size.height)
        outputs = self._by_shape(self._run(to_input([fitted.canvas], size)))
        boxes, scores, landmarks = [], [], []
        for stride, centres in self._centres.items():
            rows = len(centres)
            score = outputs[rows, 1][:, 0]
            # Decoding only candidates saves most of the work: nearly all cells are background.
            hits = np.flatnonzero(score >= self._spec.score_threshold)
            centre = centres[hits]
            reach = outputs[rows, 4][hits] * stride
            boxes.append(np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], axis=1))
            landmarks.append(centre[:, None] + outputs[rows, 10][hits].reshape(-1, 5, 2) * stride)
            scores.append(score[hits])
        return collect_of_strides(boxes, scores, landmarks, fitted.scale, self._spec)

    def _by_shape(self, outputs: Sequence[Floats32]) -> dict[tuple[int, int], Floats32]:
        found = {output.shape[-2:]: output.reshape(output.shape[-2:]) for output in outputs if output.ndim >= 2}
        expected = {(len(centres), width) for centres in self._centres.values() for width in (1, 4, 10)}
        if not expected <= found.keys():
            raise PackInvalid(
                f"{self._spec.file} is no SCRFD detector with five landmarks at "
                f"{self._spec.preprocessing.width}x{self._spec.preprocessing.height}: its outputs are "
                f"{[output.shape for output in outputs]}, expected (rows, columns) of each of {sorted(expected)}."
            )
        return found


SCRFD = DetectorAdapter("scrfd", ScrfdDetector, gives_landmarks=True)


def _cell_corners(width: int, height: int, stride: int) -> Floats32:
    """Return the anchors of one stride in the network's order, row by row: (rows * columns * anchors, 2)."""
    down, across = np.mgrid[: -(-height // stride), : -(-width // stride)]
    corners = np.stack([across, down], axis=-1).reshape(-1, 2) * stride
    return np.repeat(corners, _ANCHORS, axis=0).astype(np.float32)
