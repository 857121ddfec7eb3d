"""From a pack's manifest to a face extractor: the one place that knows which adapter a name means."""

from collections.abc import Callable, Mapping

from service.choices import DEFAULT_MAX_FULL_IMAGE_PIXELS, DEFAULT_MAX_IMAGE_SIDE, DamagedImages
from service.faces.detectors.detector import Detector
from service.faces.detectors.scrfd import ScrfdDetector
from service.faces.detectors.second_look import SecondLook
from service.faces.detectors.ultra_light import UltraLightDetector
from service.faces.detectors.yunet import YunetDetector
from service.faces.extract import FaceExtractor
from service.faces.landmarks import Face68Landmarker, Landmarker, OnetLandmarker
from service.inference.runs import RunGraph
from service.pack import DetectorFile, LandmarksFile, PackManifest

_DETECTORS: Mapping[str, Callable[[RunGraph, DetectorFile], Detector]] = {
    "ultra-light": UltraLightDetector,
    "scrfd": ScrfdDetector,
    "yunet": YunetDetector,
}
_LANDMARKERS: Mapping[str, Callable[[RunGraph, LandmarksFile], Landmarker]] = {
    "face-68": Face68Landmarker,
    "mtcnn-onet": OnetLandmarker,
}


def build_extractor(
    manifest: PackManifest,
    runners: Mapping[str, RunGraph],
    *,
    min_face_pixels: int,
    max_image_bytes: int,
    max_image_pixels: int,
    max_full_image_pixels: int = DEFAULT_MAX_FULL_IMAGE_PIXELS,
    max_image_side: int = DEFAULT_MAX_IMAGE_SIDE,
    damaged_images: DamagedImages = "refuse",
) -> FaceExtractor:
    """Return the extractor that a pack describes.

    Args:
        manifest: the pack.
        runners: its networks, ready to run, by role: ``detector``, and ``landmarks`` where the pack has them.
        min_face_pixels: least length of the shorter side of a face's box.
        max_image_bytes: largest file, in bytes.
        max_image_pixels: largest image, in pixels.
        max_full_image_pixels: the same for those that are held whole while they are decoded.
        max_image_side: longest width or height, in pixels.
        damaged_images: what becomes of a JPEG with damaged data.

    Raises:
        PackInvalid: if an adapter cannot work with what the manifest says.
    """
    detector = _DETECTORS[manifest.detector.adapter](runners["detector"], manifest.detector)
    landmarker = None
    if manifest.landmarks is not None:
        landmarker = _LANDMARKERS[manifest.landmarks.adapter](runners["landmarks"], manifest.landmarks)
    return FaceExtractor(
        SecondLook(detector),
        landmarker,
        min_face_pixels=min_face_pixels,
        max_image_bytes=max_image_bytes,
        max_image_pixels=max_image_pixels,
        max_full_image_pixels=max_full_image_pixels,
        max_image_side=max_image_side,
        damaged_images=damaged_images,
        detector_size=(manifest.detector.preprocessing.width, manifest.detector.preprocessing.height),
    )
