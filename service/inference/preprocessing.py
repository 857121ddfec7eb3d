"""Images as networks want them: colour order, mean and scale applied, channels first."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from service.arrays import Floats32
from service.pack import Preprocessing


def to_input(images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], preprocessing: Preprocessing) -> Floats32:
    """Return images of one size as a network's input batch, ``(pixel - mean) / scale``.

    Args:
        images: n >= 1 images, each (height, width, 3) uint8, RGB.
        preprocessing: the network's colour order, and the mean and scale of its channels in that order; the images
            keep their size.

    Returns:
        (n, 3, height, width) float32, or (n, 1, height, width) for a grey input.
    """
    mean = np.broadcast_to(np.asarray(preprocessing.mean, dtype=np.float64), 3)
    factor = 1.0 / np.broadcast_to(np.asarray(preprocessing.scale, dtype=np.float64), 3)
    parameters = cv2.dnn.Image2BlobParams()
    parameters.scalefactor = (*factor.tolist(), 1.0)
    parameters.mean = (*mean.tolist(), 0.0)
    if preprocessing.colour == "grey":
        planes = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    else:
        planes = list(images)
        parameters.swapRB = preprocessing.colour == "bgr"
    # One pass in C++ that converts, scales and reorders: a third of the time of the same steps in NumPy.
    return np.asarray(cv2.dnn.blobFromImagesWithParams(planes, parameters), dtype=np.float32)
