"""Building an anchor bundle from a folder of generated faces: detect, align, embed, write."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from models.image_folder import IMAGE_SUFFIXES, Extraction, ImageFolder, extract_crops, scan
from service.bundle.create import BundleFacts, create_bundle
from service.bundle.writer import refuse_existing
from service.errors import TooFewAnchors
from service.faces.types import ImageArray
from service.pipeline import FacePipeline
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters

# Always this many, since the last digits of an embedding depend on the size of the batch it was computed in.
BATCH_SIZE = 32

StoredType = Literal["float16", "float32"]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a bundle is built.

    Attributes:
        parameters: k, tau and strength of the bundle.
        default_method: the method of a request that names none.
        stored_type: type in which the embeddings are stored.
        seed: chooses the golden pairs.
        description: what the images are, in the builder's words.
    """

    parameters: Parameters = field(default_factory=Parameters)
    default_method: str = "ida-r"
    stored_type: StoredType = "float16"
    seed: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is.

    Attributes:
        images: images looked at.
        total: images there are.
        anchors: embeddings so far.
        rejected: images without an embedding by reason.
    """

    images: int
    total: int
    anchors: int
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Built:
    """A bundle that was built.

    Attributes:
        bundle_id: its id.
        anchors: how many there are.
        images: how many were looked at.
        rejected: images without an anchor by reason.
        other_files: files below the folder that are no images.
    """

    bundle_id: str
    anchors: int
    images: int
    rejected: Mapping[str, int]
    other_files: int


def check_build(out: Path, options: BuildOptions) -> None:
    """Refuse at once what would fail only after every image was embedded.

    Raises:
        BundleExists: if the bundle's folder is there already.
        UnknownMethod: if the default method does not exist.
    """
    refuse_existing(out)
    find_method(options.default_method)


def build_bundle(
    pipeline: FacePipeline,
    images: Path,
    out: Path,
    options: BuildOptions,
    *,
    workers: int,
    max_image_bytes: int,
    progress: Callable[[Progress], object] = lambda _: None,
) -> Built:
    """Embed the largest face of every image below a folder and write the bundle of them.

    The same images, options and pipeline give the same bundle, whatever the number of workers.

    Args:
        pipeline: the service's own.
        images: the folder, walked with all that is below it.
        out: the bundle's folder; must not exist.
        options: how it is built.
        workers: threads that decode, detect and align.
        max_image_bytes: the largest file that is read.
        progress: told after every batch.

    Raises:
        BundleExists, BundleNotWritten, UnknownMethod: as ``create_bundle`` says.
        TooFewAnchors: if there are no images, or fewer than k of them gave an anchor.
        InferenceFailed: if a network fails.
    """
    check_build(out, options)
    folder = scan(images)
    if len(folder.images) < max(options.parameters.k, 2):
        raise TooFewAnchors(
            f"There are {len(folder.images)} images ({', '.join(IMAGE_SUFFIXES)}) in {images}, and k = "
            f"{options.parameters.k} needs as many anchors: add images, or choose a smaller k."
        )
    tally = _Tally(total=len(folder.images))

    def extract(content: bytes) -> ImageArray:
        return pipeline.extract(content, "largest").crop

    extractions = extract_crops(folder, extract, workers=workers, max_image_bytes=max_image_bytes)
    batches: list[NDArray[Any]] = []
    for crops in _batches(tally.counting(extractions)):
        batches.append(pipeline.embed(crops).astype(options.stored_type))
        progress(tally.progress())
    progress(tally.progress())
    if tally.anchors < max(options.parameters.k, 2):
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(tally.rejected.items()))
        raise TooFewAnchors(
            f"{tally.anchors} of {tally.total} images gave an anchor (rejected: {reasons}), and k = "
            f"{options.parameters.k} needs more: add images, or choose a smaller k."
        )
    facts = BundleFacts(
        backbone_id=pipeline.backbone_id,
        pipeline_id=pipeline.pipeline_id,
        parameters=options.parameters,
        default_method=options.default_method,
        provenance=_provenance(folder, pipeline, options, tally),
        created_by=_created_by(),
        seed=options.seed,
    )
    bundle_id = create_bundle(out, np.concatenate(batches), facts, pipeline.embed)
    return Built(bundle_id, tally.anchors, tally.total, dict(tally.rejected), folder.other_files)


class _Tally:
    """Counts what became of the images, by the folder they came from."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.images = self.anchors = 0
        self.rejected: Counter[str] = Counter()
        self._by_source: dict[str, tuple[Counter[str], Counter[str]]] = {}

    def counting(self, extractions: Iterator[Extraction]) -> Iterator[ImageArray]:
        """Pass on the crops and count everything."""
        for extraction in extractions:
            counts, rejected = self._by_source.setdefault(extraction.source, (Counter(), Counter()))
            self.images += 1
            counts["images"] += 1
            if extraction.crop is not None:
                self.anchors += 1
                counts["anchors"] += 1
                yield extraction.crop
            else:
                self.rejected[str(extraction.rejected)] += 1
                rejected[str(extraction.rejected)] += 1

    def progress(self) -> Progress:
        return Progress(self.images, self.total, self.anchors, dict(self.rejected))

    def sources(self) -> list[JsonValue]:
        """Return the counts by source, sorted by its name."""
        return [
            {
                "folder": source,
                "images": counts["images"],
                "anchors": counts["anchors"],
                "rejected": dict(sorted(rejected.items())),
            }
            for source, (counts, rejected) in sorted(self._by_source.items())
        ]


def _batches(crops: Iterator[ImageArray]) -> Iterator[ImageArray]:
    """Yield crops stacked (n, 112, 112, 3), n being the batch size or, at the end, less."""
    while batch := list(islice(crops, BATCH_SIZE)):
        yield np.stack(batch)


def _provenance(
    folder: ImageFolder, pipeline: FacePipeline, options: BuildOptions, tally: _Tally
) -> dict[str, JsonValue]:
    """Tell where the anchors came from; names of folders only, never a path of the machine that built them."""
    return {
        "command": "ida-verify anchors build",
        "description": options.description,
        "options": {
            "k": options.parameters.k,
            "tau": options.parameters.tau,
            "strength": options.parameters.strength,
            "dtype": options.stored_type,
            "seed": options.seed,
        },
        "images": folder.root.resolve().name,
        "other_files": folder.other_files,
        "sources": tally.sources(),
        "recipe": {
            "steps": ["decode", "detect", "align", "embed"],
            "face_policy": "largest",
            "batch_size": BATCH_SIZE,
        },
        "pack": pipeline.manifest.name,
        "pipeline_id": pipeline.pipeline_id,
    }


def _created_by() -> str:
    try:
        return f"ida-verify {version('ida-verify')}"
    except PackageNotFoundError:
        return "ida-verify, run from its source tree"
