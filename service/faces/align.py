"""From five landmarks to the aligned crop: one similarity transform onto the template that backbones are trained on."""

import cv2
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


def share_cut_off(landmarks: Floats32, box: Box, image_size: tuple[int, int]) -> float:
    """Return the share of a face that lies outside its picture, in 0..1.

    Detectors seldom reach past the edge, and draw their box around what is left; so the place that the landmarks give
    the face counts too, whichever lies further outside.

    Args:
        landmarks: (5, 2) float32, (x, y) in pixels of the image.
        box: the detector's, of some area.
        image_size: (width, height) of the image.

    Raises:
        NoFace: if the landmarks all coincide.
    """
    width, height = image_size
    back = cv2.invertAffineTransform(similarity_transform(landmarks, ARCFACE_TEMPLATE))
    left, top, right, bottom = CROP_BOX.left, CROP_BOX.top, CROP_BOX.right, CROP_BOX.bottom
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    place = (corners @ back[:, :2].T + back[:, 2]).astype(np.float32)
    unseen = 0.0
    if not ((place >= 0) & (place <= (width, height))).all():  # else none of it, to the last bit of float32
        picture = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        unseen = 1 - cv2.intersectConvexConvex(place, picture)[0] / cv2.contourArea(place)
    return float(np.clip(max(unseen, box.outside(width, height)), 0.0, 1.0))
