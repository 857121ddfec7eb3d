"""The two public-domain photographs as faces whose quality is measured, their landmarks set down by hand."""

import numpy as np

from service.faces.align import align
from service.faces.quality.components import measure_quality
from service.faces.quality.seen_face import SeenFace

COLLINS = np.array([[203.1, 100.5], [246.5, 103.3], [224.8, 127.7], [202.0, 139.2], [244.5, 141.1]], np.float32)
HOPPER = np.array([[220.4, 191.4], [307.8, 187.1], [267.6, 239.8], [232.4, 277.1], [304.2, 272.5]], np.float32)


def seen(image, landmarks=COLLINS, **facts) -> SeenFace:
    """A face of a photograph (rows, columns, 3), alone in it."""
    image = np.ascontiguousarray(image)
    landmarks = np.asarray(landmarks, np.float32)
    return SeenFace(image, landmarks, align(image, landmarks), **{"areas": [1.0], **facts})


def scores(image, landmarks=COLLINS, **facts):
    """The components of a face's quality by their names."""
    return measure_quality(seen(image, landmarks, **facts)).components
