"""Insightface's packs as they are: which of their networks does what, told from the graphs as insightface tells it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.packs.own.embedding_length import embedding_length
from models.packs.own.insightface_manifest import (
    DetectionTask,
    InsightfaceManifest,
    RecognitionTask,
    network_of,
    read_insightface_manifest,
    stated_licence,
)
from models.packs.own.manifest_text import NetworkSection
from models.packs.own.network_facts import NetworkFacts, read_facts
from service.errors import PackInvalid
from service.pack import CROP_SIDE, Preprocessing

NON_COMMERCIAL = "insightface: for non-commercial research only"

Kind = Literal["detection", "landmarks", "attributes", "swapping", "recognition"]

# What insightface's router goes by: sides of the inputs, and outputs of a detector.
_LEAST_DETECTION_OUTPUTS = 5
_LANDMARK_SIDE, _ATTRIBUTE_SIDE, _SWAPPING_SIDE = 192, 96, 128
_SCRFD_OUTPUTS = 9
# What its FaceAnalysis is used with where a detector takes pictures of any size.
_DETECTOR_SIDE = 640
_SCORE_THRESHOLD, _NMS_IOU = 0.5, 0.4
_DETECTOR_FEEDING, _RECOGNITION_FEEDING, _RAW = (127.5, 128.0), (127.5, 127.5), (0.0, 1.0)
_MOST_NETWORKS = 50


@dataclass(frozen=True, slots=True)
class InsightfacePack:
    """The networks of a pack that are needed here.

    Attributes:
        sections: the detector's and the backbone's, for a manifest.
        licence: what the pack states.
        left: what is not needed, a sentence each.
        notes: what else to know.
    """

    sections: tuple[NetworkSection, NetworkSection]
    licence: str
    left: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    detectors: list[tuple[Path, NetworkFacts]] = field(default_factory=list)
    backbones: list[tuple[Path, NetworkFacts]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def kind_of(facts: NetworkFacts) -> Kind | None:
    """Return what insightface's router takes a network for; None for none that it knows."""
    height, width = facts.size
    if len(facts.outputs) >= _LEAST_DETECTION_OUTPUTS:
        return "detection"
    if (height, width) == (_LANDMARK_SIDE, _LANDMARK_SIDE):
        return "landmarks"
    if (height, width) == (_ATTRIBUTE_SIDE, _ATTRIBUTE_SIDE):
        return "attributes"
    if facts.inputs > 1:
        return "swapping" if (height, width) == (_SWAPPING_SIDE, _SWAPPING_SIDE) else None
    if height is not None and height == width and height >= CROP_SIDE and height % 16 == 0:
        return "recognition"
    return None


def read_insightface(folder: Path, *, licence: str | None = None) -> InsightfacePack:
    """Find the detector and the backbone in the folder of a pack.

    Args:
        folder: where its networks lie.
        licence: under which they are used; None for what the pack states.

    Raises:
        PackInvalid: if one of the two is not there, or none that this service can use.
    """
    manifest = read_insightface_manifest(folder)
    if manifest is None:
        return _by_the_graphs(folder, licence or NON_COMMERCIAL)
    return _by_the_manifest(folder, manifest, licence or stated_licence(folder, manifest))


def _by_the_graphs(folder: Path, licence: str) -> InsightfacePack:
    found = _Found()
    # Insightface takes the first of each kind by name.
    paths = sorted(folder.glob("*.onnx"))
    if len(paths) > _MOST_NETWORKS:
        raise PackInvalid(f"{folder} holds {len(paths)} networks; a pack of insightface has five.")
    for path in paths:
        facts = read_facts(path)
        kind = kind_of(facts)
        if kind == "detection":
            found.detectors.append((path, facts))
        elif kind == "recognition":
            found.backbones.append((path, facts))
        else:
            found.left.append(f"{path.name} ({kind or 'of no kind that is known'})")
    detector = _usable_detector(folder, found)
    backbone, facts = _usable_backbone(folder, found)
    mean, scale, note = _recognition_feeding(facts)
    return InsightfacePack(
        (
            _detector_section(*detector, licence, _DETECTOR_FEEDING),
            _backbone_section(backbone, facts, licence, (mean, scale)),
        ),
        licence,
        tuple(found.left),
        (f"{backbone.name} is fed {note}",),
    )


def _by_the_manifest(folder: Path, manifest: InsightfaceManifest, licence: str) -> InsightfacePack:
    tasks = manifest.tasks
    if tasks.detection is None or tasks.recognition is None:
        lacking = "detection" if tasks.detection is None else "recognition"
        raise PackInvalid(f"{manifest.model_id} has no task {lacking!r}, which a model pack needs.")
    if tasks.recognition.input_size != (CROP_SIDE, CROP_SIDE):
        raise PackInvalid(
            f"{tasks.recognition.file} takes crops of {tasks.recognition.input_size}, and the service makes such of "
            f"{CROP_SIDE}x{CROP_SIDE}."
        )
    found = _Found()
    for task, into in ((tasks.detection, found.detectors), (tasks.recognition, found.backbones)):
        path = network_of(folder, task)
        into.append((path, read_facts(path)))
    detector = _usable_detector(folder, found)
    backbone, facts = _usable_backbone(folder, found)
    taken = {detector[0].resolve(), backbone.resolve()}
    left = sorted(path.name for path in folder.rglob("*.onnx") if path.resolve() not in taken)[:_MOST_NETWORKS]
    return InsightfacePack(
        (
            _detector_section(*detector, licence, _stated_feeding(tasks.detection)),
            _backbone_section(backbone, facts, licence, _stated_feeding(tasks.recognition)),
        ),
        licence,
        tuple(left),
        (f"{backbone.name} is fed as the manifest of {manifest.model_id} says",),
    )


def _stated_feeding(task: DetectionTask | RecognitionTask) -> tuple[float, float]:
    if task.preprocessing == "embedded":
        return _RAW
    return task.preprocessing.mean, task.preprocessing.std


def _usable_detector(folder: Path, found: _Found) -> tuple[Path, NetworkFacts]:
    usable = [(path, facts) for path, facts in found.detectors if len(facts.outputs) == _SCRFD_OUTPUTS]
    if not usable:
        seen = ", ".join(f"{path.name} with {len(facts.outputs)} outputs" for path, facts in found.detectors)
        raise PackInvalid(
            f"{folder} has no detector with five landmarks (SCRFD, {_SCRFD_OUTPUTS} outputs)"
            f"{f', but {seen}' if seen else ''}. Take a pack of insightface as it is published, such as buffalo_l."
        )
    found.left += [f"{path.name} (another detector)" for path, _ in found.detectors if path != usable[0][0]]
    return usable[0]


def _usable_backbone(folder: Path, found: _Found) -> tuple[Path, NetworkFacts]:
    usable = [(path, facts) for path, facts in found.backbones if facts.size == (CROP_SIDE, CROP_SIDE)]
    if not usable:
        seen = ", ".join(f"{path.name} of {facts.size}" for path, facts in found.backbones)
        raise PackInvalid(
            f"{folder} has no recognition network of {CROP_SIDE}x{CROP_SIDE}{f', but {seen}' if seen else ''}. Take a "
            "pack of insightface as it is published, such as buffalo_l."
        )
    found.left += [f"{path.name} (another recognition network)" for path, _ in found.backbones if path != usable[0][0]]
    return usable[0]


def _recognition_feeding(facts: NetworkFacts) -> tuple[float, float, str]:
    """Return mean and scale, and how they were told: insightface looks whether the graph begins with its own."""
    if facts.leading is not None and facts.leading.takes is not None:
        return *facts.leading.takes, f"pixels as they are, since it begins with {facts.leading.in_words}"
    if facts.named_like_it:
        return *_RAW, "pixels as they are, since its first nodes are named as a subtraction and a multiplication"
    return *_RECOGNITION_FEEDING, "RGB by (pixel - 127.5) / 127.5, as insightface feeds it"


def _detector_section(path: Path, facts: NetworkFacts, licence: str, feeding: tuple[float, float]) -> NetworkSection:
    height, width = facts.size
    return NetworkSection(
        "detector",
        path,
        file="detector.onnx",
        licence=licence,
        output="SCRFD: scores, distances to the box's sides and five landmarks of each stride",
        preprocessing=_feeding(width or _DETECTOR_SIDE, height or _DETECTOR_SIDE, feeding),
        fields=(("adapter", "scrfd"), ("score_threshold", _SCORE_THRESHOLD), ("nms_iou", _NMS_IOU)),
        notes=(f"Published as {path.name}.",),
    )


def _backbone_section(path: Path, facts: NetworkFacts, licence: str, feeding: tuple[float, float]) -> NetworkSection:
    shape = facts.outputs[0] if facts.outputs else ()
    stated = shape[-1] if shape else None
    dimension = embedding_length(path, channels=3) if stated is None else stated
    return NetworkSection(
        "backbone",
        path,
        file="backbone.onnx",
        licence=licence,
        output=f"(n, {dimension}) embedding, not normalised",
        preprocessing=_feeding(CROP_SIDE, CROP_SIDE, feeding),
        fields=(("dimension", dimension),),
        notes=(f"Published as {path.name}.",),
    )


def _feeding(width: int, height: int, feeding: tuple[float, float]) -> Preprocessing:
    return Preprocessing(width=width, height=height, colour="rgb", mean=feeding[0], scale=feeding[1])
