"""From a pack's manifest to a face extractor: the one place that asks which adapter a name means."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from service.choices import Gates
from service.errors import PackInvalid
from service.faces.detectors.adapters import DETECTORS
from service.faces.detectors.detector import DetectorAdapter
from service.faces.detectors.second_look import SecondLook
from service.faces.extract import FaceExtractor
from service.faces.finder import FaceFinder
from service.faces.landmarks import LANDMARKERS, LandmarkAdapter
from service.faces.liveness import LivenessCheck
from service.inference.runs import RunGraph
from service.pack import PackManifest

AdapterT = TypeVar("AdapterT", DetectorAdapter, LandmarkAdapter)


def require_adapters(manifest: PackManifest) -> None:
    """Refuse a pack whose detector, or landmark network, this version cannot read.

    Raises:
        PackInvalid: naming the field and the adapters there are, or that a [landmarks] section is needed.
    """
    _adapters(manifest)


def build_extractor(
    manifest: PackManifest, runners: Mapping[str, RunGraph], gates: Gates, liveness: LivenessCheck | None = None
) -> FaceExtractor:
    """Return the extractor that a pack describes.

    Args:
        manifest: the pack.
        runners: its networks, ready to run, by role: ``detector``, and ``landmarks`` where the pack has them.
        gates: what a photograph must pass.
        liveness: the liveness part, ready to run; None where it is missing.

    Raises:
        PackInvalid: as ``require_adapters`` says, or if an adapter cannot work with what the manifest says.
    """
    adapter, landmarker = _adapters(manifest)
    detector = adapter.build(runners["detector"], manifest.detector)
    located = None
    if landmarker is not None and manifest.landmarks is not None:
        located = landmarker.build(runners["landmarks"], manifest.landmarks)
    size = manifest.detector.preprocessing.width, manifest.detector.preprocessing.height
    finder = FaceFinder(SecondLook(detector) if adapter.looks_again else detector, located, manifest.face, size)
    return FaceExtractor(finder, gates, detector_size=size, liveness=liveness)


def _adapters(manifest: PackManifest) -> tuple[DetectorAdapter, LandmarkAdapter | None]:
    detector = _named(DETECTORS, manifest.detector.adapter, f"{manifest.name}: detector.adapter")
    if manifest.landmarks is not None:
        return detector, _named(LANDMARKERS, manifest.landmarks.adapter, f"{manifest.name}: landmarks.adapter")
    if not detector.gives_landmarks:
        raise PackInvalid(
            f"{manifest.name}: the {detector.name} detector gives no landmarks, so a [landmarks] section is needed."
        )
    return detector, None


def _named(adapters: Sequence[AdapterT], name: str, field: str) -> AdapterT:
    for adapter in adapters:
        if adapter.name == name:
            return adapter
    known = ", ".join(adapter.name for adapter in adapters)
    raise PackInvalid(f"{field} is {name!r}, which this version does not know. Use one of: {known}.")
