"""The Ultra-Light (RFB-320) family of detectors: boxes, no landmarks."""

import numpy as np

from service.arrays import ImageArray
from service.errors import PackInvalid
from service.faces.detectors.detector import DetectorAdapter, collect, resize
from service.faces.types import DetectedFace
from service.inference.preprocessing import to_input
from service.inference.runs import RunGraph
from service.pack import DetectorFile


class UltraLightDetector:
    """Decodes scores (1, n, 2) and boxes (1, n, 4), whose corners are in 0..1 of the image.

    The image is resized to the network's size without keeping its shape, as the network was trained. Safe to call
    from several threads if ``run`` is.
    """

    def __init__(self, run: RunGraph, spec: DetectorFile) -> None:
        self._run = run
        self._spec = spec

    def detect(self, image: ImageArray) -> list[DetectedFace]:
        """Return the faces found, best score first (see ``Detector``)."""
        size = self._spec.preprocessing
        outputs = self._run(to_input([resize(image, size.width, size.height)], size))
        scores = [output for output in outputs if output.ndim == 3 and output.shape[2] == 2]
        boxes = [output for output in outputs if output.ndim == 3 and output.shape[2] == 4]
        if len(scores) != 1 or len(boxes) != 1 or scores[0].shape[1] != boxes[0].shape[1]:
            raise PackInvalid(
                f"{self._spec.file} is no ultra-light detector: its outputs are "
                f"{[output.shape for output in outputs]}, expected scores (1, n, 2) and boxes (1, n, 4)."
            )
        rows, columns = image.shape[:2]
        corners = boxes[0][0] * np.array([columns, rows, columns, rows], dtype=np.float32)
        # Class 0 is the background, class 1 the face.
        return collect(corners, scores[0][0, :, 1], None, self._spec)


ULTRA_LIGHT = DetectorAdapter("ultra-light", UltraLightDetector, gives_landmarks=False)
