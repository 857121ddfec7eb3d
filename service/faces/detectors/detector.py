"""The seam that every face detector stands behind, and what adapters share: fitting an image in, collecting faces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from service.arrays import Floats32, ImageArray
from service.faces.detectors.nms import keep_best
from service.faces.types import Box, DetectedFace
from service.inference.runs import RunGraph
from service.pack import DetectorFile


class Detector(Protocol):
    """Finds the faces in an image. Implementations are safe to call from several threads."""

    def detect(self, image: ImageArray) -> list[DetectedFace]:
        """Return the faces found, best score first; an empty list where there is none.

        Args:
            image: (height, width, 3) uint8, RGB, upright.

        Returns:
            Faces in pixels of the image; boxes may reach past it.

        Raises:
            InferenceFailed: if the network fails.
            PackInvalid: if its outputs are not what the adapter decodes.
        """
        ...


@dataclass(frozen=True, slots=True)
class DetectorAdapter:
    """A kind of detector that packs may name.

    Attributes:
        name: what ``pack.toml`` calls it.
        build: makes the detector of a network; raises PackInvalid where what the pack says does not fit.
        gives_landmarks: whether a pack with it needs no landmark network.
        looks_again: whether it misses faces that fill the picture, and is asked again with a border around it (see
            ``SecondLook``).
    """

    name: str
    build: Callable[[RunGraph, DetectorFile], Detector]
    gives_landmarks: bool
    looks_again: bool = True


@dataclass(frozen=True, slots=True)
class Letterboxed:
    """An image shrunk or grown with its shape kept, in the top left corner of a black canvas.

    Attributes:
        canvas: (height, width, 3) uint8, RGB.
        scale: pixels of the canvas per pixel of the image.
    """

    canvas: ImageArray
    scale: float


def letterbox(image: ImageArray, width: int, height: int) -> Letterboxed:
    """Return an image fitted into a canvas of another size, its shape kept."""
    rows, columns = image.shape[:2]
    scale = min(width / columns, height / rows)
    inner = resize(image, max(1, min(width, round(columns * scale))), max(1, min(height, round(rows * scale))))
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    canvas[: inner.shape[0], : inner.shape[1]] = inner
    return Letterboxed(canvas, scale)


def resize(image: ImageArray, width: int, height: int) -> ImageArray:
    """Return an image in another size: averaged where it shrinks, interpolated where it grows."""
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def collect(boxes: Floats32, scores: Floats32, landmarks: Floats32 | None, spec: DetectorFile) -> list[DetectedFace]:
    """Return the faces among a detector's candidates, best score first.

    Args:
        boxes: (n, 4) float32: left, top, right, bottom, in pixels of the image.
        scores: (n,) float32 in [0, 1].
        landmarks: (n, 5, 2) float32 in pixels of the image, or None.
        spec: whose score threshold and overlap limit hold.
    """
    # A network may give a side that is negative or not a number: such a box holds nothing.
    solid = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    scores = np.where(solid, scores, np.float32(0))
    rows = keep_best(boxes, scores, score_threshold=spec.score_threshold, iou=spec.nms_iou)
    return [
        DetectedFace(
            box=Box(*boxes[row].tolist()),
            score=float(scores[row]),
            landmarks=None if landmarks is None else landmarks[row].astype(np.float32),
        )
        for row in rows
    ]


def collect_of_strides(
    boxes: Sequence[Floats32],
    scores: Sequence[Floats32],
    landmarks: Sequence[Floats32],
    scale: float,
    spec: DetectorFile,
) -> list[DetectedFace]:
    """Return the faces among the candidates of a letterboxed detector's strides; see ``collect``.

    Args:
        boxes: of each stride, (n, 4) float32 in pixels of the canvas.
        scores: of each stride, (n,) float32.
        landmarks: of each stride, (n, 5, 2) float32 in pixels of the canvas.
        scale: pixels of the canvas per pixel of the image.
        spec: whose score threshold and overlap limit hold.
    """
    return collect(
        (np.concatenate(boxes) / scale).astype(np.float32),
        np.concatenate(scores),
        (np.concatenate(landmarks) / scale).astype(np.float32),
        spec,
    )
