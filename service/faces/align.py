"""From five landmarks to the aligned crop: one similarity transform onto the template that backbones are trained on."""

import numpy as np

from service.arrays import Floats, Floats32, Floats64, ImageArray
from service.errors import NoFace
from service.faces.types import CROP_SIZE, Box
from service.faces.warp import warp

ARCFACE_TEMPLATE: Floats32 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float32,
)
"""(5, 2) float32, (x, y) in pixels of the 112x112 crop, in the order of landmarks: ArcFace's reference points."""

CROP_BOX = Box(16.0, 8.0, 96.0, 112.0)
"""Where an aligned crop has the face's box, as detectors give it: in pixels of the crop."""


def similarity_transform(landmarks: Floats, template: Floats) -> Floats64:
    """Return the rotation, uniform scale and shift that bring landmarks nearest to a template in the least squares.

    Mirroring is not among the candidates.

    Args:
        landmarks: (n, 2), (x, y), n >= 2.
        template: (n, 2), (x, y).

    Returns:
        (2, 3) float64 matrix M with ``M @ (x, y, 1)`` the place of (x, y) in the template.

    Raises:
        NoFace: if all landmarks coincide or one is not finite.
    """
    # As complex numbers a similarity is w = a z + b, whose least squares solution is the ordinary regression line.
    z = landmarks[:, 0] + 1j * landmarks[:, 1].astype(np.float64)
    w = template[:, 0] + 1j * template[:, 1].astype(np.float64)
    z_mean, w_mean = z.mean(), w.mean()
    spread = np.vdot(z - z_mean, z - z_mean).real
    if not (np.isfinite(spread) and spread > 0):
        raise NoFace("The face found has no distinguishable landmarks. Send a clearer picture of the face.")
    a = np.vdot(z - z_mean, w - w_mean) / spread
    b = w_mean - a * z_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(image: ImageArray, landmarks: Floats32) -> ImageArray:
    """Return the aligned crop of the face with these landmarks; what lies outside the image is black.

    Args:
        image: (height, width, 3) uint8, RGB.
        landmarks: (5, 2) float32, (x, y) in pixels of the image.

    Returns:
        (112, 112, 3) uint8, RGB.

    Raises:
        NoFace: if the landmarks all coincide.
    """
    matrix = similarity_transform(landmarks, ARCFACE_TEMPLATE)
    return warp(image, matrix, CROP_SIZE, CROP_SIZE)
