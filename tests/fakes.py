"""Small stand-ins for the networks, so that the HTTP interface is tested without weights.

The pictures say what the fake networks find: a picture whose corners' red value is n holds n faces, the largest as many
hundredths of its shorter side as the green value says (80 where it says 0); a face in blue is a live one.
"""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from declared import DeclaredClient
from PIL import Image
from tiny_packs import liveness_manifest

from service.activation.loading import BundleLoader
from service.activation.start import start
from service.app import create_app
from service.faces.extract import FaceExtractor
from service.faces.finder import FaceFinder
from service.faces.liveness import LivenessCheck
from service.faces.types import Box, DetectedFace
from service.inference.backbone import Backbone
from service.inference.runs import observed
from service.loaded import LoadedService
from service.pack import FaceStandards, PackManifest
from service.pipeline import FacePipeline
from service.settings import Settings
from service.store.bundle_store import open_store
from service.store.local_copies import LocalCopies

DIMENSION = 32
_DIGEST = "0" * 64


def fake_manifest(dimension: int = DIMENSION) -> PackManifest:
    """A pack's manifest that names files which do not exist."""
    part = {
        "sha256": _DIGEST,
        "bytes": 1,
        "licence": "none",
        "output": "fake",
        "preprocessing": {"width": 112, "height": 112, "colour": "rgb", "mean": 127.5, "scale": 127.5},
    }
    return PackManifest.model_validate(
        {
            "format": 1,
            "name": "fake",
            "description": "fake networks",
            "detector": {**part, "file": "detector.onnx", "adapter": "yunet", "score_threshold": 0.5, "nms_iou": 0.5},
            "backbone": {**part, "file": "backbone.onnx", "dimension": dimension},
        }
    )


class FakeDetector:
    """Finds as many faces as the red value of the first pixel says, side by side, the first the largest.

    Its green value, where it is above 0, is the size of the largest in hundredths of the picture's shorter side. A grey
    one lies beside a picture that is shown rolled: then it finds none.
    """

    def detect(self, image):
        height, width = image.shape[:2]
        if (image[0, 0] == image[0, 0, 0]).all() and image[0, 0, 0]:
            return []
        faces = []
        for index in range(int(image[0, 0, 0])):
            size = min(height, width) * ((int(image[0, 0, 1]) or 80) / 100 - 0.2 * index)
            left, top = width * 0.1 + index * 3, height * 0.1
            unit = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
            landmarks = (unit * size + (left, top)).astype(np.float32)
            faces.append(DetectedFace(Box(left, top, left + size, top + size), 0.9 - 0.1 * index, landmarks))
        return faces


class FakeBackboneSession:
    """Projects a crop's 16x16 thumbnail onto fixed random directions: alike pictures give alike embeddings."""

    provider = "FakeExecutionProvider"

    def __init__(self, dimension: int = DIMENSION):
        self._directions = np.random.default_rng(7).standard_normal((3 * 16 * 16, dimension)).astype(np.float32)
        self.fail_with = None

    def run(self, inputs):
        if self.fail_with is not None:
            raise self.fail_with
        thumbnails = inputs.reshape(len(inputs), 3, 16, 7, 16, 7).mean(axis=(3, 5)).reshape(len(inputs), -1)
        return [thumbnails @ self._directions + 1e-3]


class FakeLivenessNetwork:
    """Calls a crop live by as much as it is blue, and counts its runs."""

    def __init__(self):
        self.runs = 0

    def __call__(self, inputs):
        self.runs += 1
        blue = inputs[:, 0].mean(axis=(1, 2)) / 255
        return [np.stack([8 * blue - 4, 4 - 8 * blue, np.full(len(inputs), -9.0)], axis=1).astype(np.float32)]


def fake_pipeline(
    settings: Settings,
    session: FakeBackboneSession | None = None,
    observe: Callable[[int], None] = int,
    liveness: FakeLivenessNetwork | None = None,
) -> FacePipeline:
    """A pipeline of the service's own code around fake networks."""
    check = None if liveness is None else LivenessCheck(liveness, liveness_manifest())
    manifest, session = fake_manifest(), session or FakeBackboneSession()

    def run(inputs):  # looked up at every call: tests change it
        return session.run(inputs)

    return FacePipeline(
        extractor=FaceExtractor(
            FaceFinder(FakeDetector(), None, FaceStandards(), (640, 640)), settings.gates, liveness=check
        ),
        backbone=Backbone([observed(run, observe)], manifest.backbones),
        manifest=manifest,
        provider="FakeExecutionProvider",
        threads=1,
        gates=settings.gates,
        liveness_id=None if check is None else check.liveness_id,
    )


def picture(
    faces: int = 1,
    *,
    seed: int = 0,
    width: int = 160,
    height: int = 160,
    kind: str = "PNG",
    hundredths: int = 0,
    blue: int | None = None,
) -> bytes:
    """A picture that holds a number of fake faces, its other pixels drawn from a seed.

    ``hundredths`` says how large the largest is, ``blue`` how blue all of it is.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).copy()
    if blue is not None:
        pixels[..., 2] = blue
    # Whichever corner a quarter turn brings to the first place, it tells the same.
    # A JPEG mixes the pixels of a block, a square of 16 where its colours are halved.
    side = 16 if kind == "JPEG" else 1
    for rows in (slice(side), slice(-side, None)):
        for columns in (slice(side), slice(-side, None)):
            pixels[rows, columns] = (faces, hundredths, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def serving(settings, bundle, session, change=lambda snapshot: snapshot, liveness=None, tracing=None):
    """A client of an application that serves a bundle, its snapshot changed."""

    def load(settings, metrics):
        pipeline = fake_pipeline(settings, session, metrics.batch_size.observe, liveness)
        store = open_store(settings.store_location, is_made=not settings.store)
        copies = LocalCopies(settings.cache_folder)
        started = start(BundleLoader(settings, pipeline, metrics.count_lookups), store, copies, bundle)
        loaded = replace(started.loaded, snapshot=change(started.loaded.snapshot))
        return LoadedService(pipeline, store, copies, replace(started, loaded=loaded))

    app = create_app(settings.model_copy(update={"bundle": bundle}), load, tracing=tracing)
    return DeclaredClient(app, raise_server_exceptions=False)


def stage_runs(client, stage: str) -> float:
    """How often a stage ran, as the metrics tell."""
    found = client.app_state["service"].metrics.registry.get_sample_value("ida_stage_seconds_count", {"stage": stage})
    return found or 0.0
