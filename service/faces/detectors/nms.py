"""Non-maximum suppression: of boxes that overlap, the best scored one stays."""

import cv2
import numpy as np
from numpy.typing import NDArray

from service.arrays import Floats32


def keep_best(boxes: Floats32, scores: Floats32, *, score_threshold: float, iou: float) -> NDArray[np.intp]:
    """Return the rows that survive, best score first.

    A row survives if its score is at least the threshold and it overlaps no better scored survivor by more than
    ``iou``. Of equal scores the earlier row counts as the better.

    Args:
        boxes: (n, 4) float32: left, top, right, bottom, in one unit.
        scores: (n,) float32.
        score_threshold: least score.
        iou: most intersection over union of two survivors.

    Returns:
        (m,) row numbers, m <= n.
    """
    rows = np.flatnonzero(scores >= score_threshold)
    if rows.size == 0:
        return rows
    # OpenCV takes left, top, width, height; its own score filter (which drops equality) is left nothing to do.
    rectangles = np.concatenate([boxes[rows, :2], boxes[rows, 2:] - boxes[rows, :2]], axis=1).astype(np.float64)
    survivors = cv2.dnn.NMSBoxes(rectangles, scores[rows], 0.0, iou)  # type: ignore[arg-type]
    return rows[np.asarray(survivors, dtype=np.intp)]
