"""Manifest sections of small networks, for adapters that are fed hand-made outputs."""

import pytest

from service.pack import DetectorFile, LandmarksFile


def part(width, height, colour="rgb", mean=0.0, scale=1.0):
    return {
        "file": "net.onnx",
        "sha256": "0" * 64,
        "bytes": 1,
        "licence": "none",
        "output": "hand-made",
        "preprocessing": {"width": width, "height": height, "colour": colour, "mean": mean, "scale": scale},
    }


@pytest.fixture
def detector_file():
    """Give a detector's manifest section."""

    def make(adapter, width, height, *, colour="rgb", score_threshold=0.5, nms_iou=0.4):
        return DetectorFile(
            adapter=adapter, score_threshold=score_threshold, nms_iou=nms_iou, **part(width, height, colour)
        )

    return make


@pytest.fixture
def landmarks_file():
    """A 68-point network's manifest section."""
    return LandmarksFile(adapter="face-68", **part(64, 64, "grey"))
