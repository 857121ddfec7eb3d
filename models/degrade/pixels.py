"""What is done to pixels: turning, covering, relighting, shrinking, compressing. Nothing here draws a number."""

import cv2
import numpy as np

from service.arrays import Floats32, Floats64, ImageArray
from service.faces.types import Box

# The ellipsoid that a face is painted on, in widths and heights of its box: wider than the box, as heads are.
_ELLIPSOID = (0.75, 0.85)
_LEAST_SIDE = 8


def turn(image: ImageArray, box: Box, yaw: float, pitch: float) -> ImageArray:
    """Return the face turned as if it were painted on an upright ellipsoid; the far side repeats the silhouette.

    Args:
        image: (height, width, 3) uint8.
        box: the face.
        yaw: degrees about the vertical axis.
        pitch: degrees about the horizontal axis.
    """
    rows, columns = image.shape[:2]
    (centre_x, centre_y), across, down = box.centre, _ELLIPSOID[0] * box.width, _ELLIPSOID[1] * box.height
    x = (np.arange(columns, dtype=np.float32) - centre_x) / across
    y = (np.arange(rows, dtype=np.float32) - centre_y) / down
    map_x = np.broadcast_to(_turned(x, yaw) * across + centre_x, (rows, columns))
    map_y = np.broadcast_to((_turned(y, pitch) * down + centre_y)[:, None], (rows, columns))
    turned = cv2.remap(
        image,
        np.ascontiguousarray(map_x, np.float32),
        np.ascontiguousarray(map_y, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(turned, dtype=np.uint8)


def _turned(places: Floats32, degrees: float) -> Floats32:
    """Return where, on the axis of a sphere of radius 1, each place is read from; beyond the sphere nothing moves."""
    angles = np.arcsin(np.clip(places, -1, 1)) + np.radians(degrees)
    seen = np.sin(np.clip(angles, -np.pi / 2, np.pi / 2))
    return np.asarray(np.where(np.abs(places) < 1, seen, places), dtype=np.float32)


def cover(image: ImageArray, area: Box, colour: Floats32, *, round_shape: bool) -> ImageArray:
    """Return the image with an area covered.

    Args:
        image: (height, width, 3) uint8.
        area: the rectangle, or the ellipse within it; may reach past the image.
        colour: what it is covered with: broadcast to the image, clipped to 0..255.
        round_shape: whether it is the ellipse.
    """
    mask = np.zeros(image.shape[:2], np.uint8)
    left, top, right, bottom = (round(edge) for edge in (area.left, area.top, area.right, area.bottom))
    if round_shape:
        centre = ((left + right) // 2, (top + bottom) // 2)
        radii = (max((right - left) // 2, 1), max((bottom - top) // 2, 1))
        cv2.ellipse(mask, centre, radii, 0, 0, 360, 255, -1)
    else:
        cv2.rectangle(mask, (left, top), (right, bottom), 255, -1)
    covered = np.clip(np.broadcast_to(colour, image.shape), 0, 255).astype(np.uint8)
    return np.asarray(np.where(mask[..., None] > 0, covered, image), dtype=np.uint8)


def relight(
    image: ImageArray, *, gamma: float, contrast: float, shade: float, direction: float, gains: Floats64
) -> ImageArray:
    """Return the image under another light.

    Args:
        image: (height, width, 3) uint8.
        gamma: exponent on values in [0, 1]; above 1 is darker.
        contrast: factor about mid-grey.
        shade: what a shadow that falls linearly across the image takes at its dark end, in [0, 1].
        direction: where that end is, in radians.
        gains: (3,) factor of each channel.
    """
    rows, columns = image.shape[:2]
    x, y = np.linspace(-1, 1, columns, dtype=np.float32), np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    slope = np.clip((np.cos(direction) * x + np.sin(direction) * y) / 1.4, -1, 1)
    value = (image.astype(np.float32) / 255) ** np.float32(gamma)
    value = (value - 0.5) * np.float32(contrast) + 0.5
    value = value * (1 - shade * (slope[..., None] + 1) / 2) * gains.astype(np.float32)
    return np.asarray(np.clip(value, 0, 1) * 255, dtype=np.uint8)


def grey(image: ImageArray) -> ImageArray:
    """Return the image without its colours, in three equal channels."""
    return np.repeat(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2)


def blur(image: ImageArray, sigma: float) -> ImageArray:
    """Return the image out of focus: a Gaussian of this sigma, in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def shrink(image: ImageArray, factor: float) -> ImageArray:
    """Return the image made smaller by averaging areas; a factor of 1 or more leaves it as it is."""
    if factor >= 1:
        return image
    size = (max(round(image.shape[1] * factor), _LEAST_SIDE), max(round(image.shape[0] * factor), _LEAST_SIDE))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def enlarge(image: ImageArray, size: tuple[int, int], *, cubic: bool) -> ImageArray:
    """Return the image in another size (width, height), interpolated."""
    kernel = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=kernel), dtype=np.uint8)


def jpeg(image: ImageArray, quality: int) -> ImageArray:
    """Return the image as a JPEG file of this quality gives it back."""
    _, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
