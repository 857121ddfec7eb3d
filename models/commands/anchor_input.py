"""What ``ida-verify anchors build`` makes anchors from: exactly one of the options that name a source."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from models.anchors.class_weights import read_class_weights
from models.anchors.source import AnchorSource, FolderSource, GeneratorSource, RealFacesSource
from models.generate.generator import GeneratorFile
from models.images.image_folder import scan
from models.tool_errors import AnchorSourceInvalid
from service.arrays import Floats32
from service.bundle.bundle_manifest import EMBEDDINGS
from service.bundle.reader import Bundle, read_bundle
from service.pack import file_sha256
from service.pipeline import FacePipeline
from service.scoring.parameters import Parameters
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """The options that name a source, and those that only one of them reads.

    Attributes:
        images: a folder of generated faces.
        generator: a generator and how it is run.
        count: images that the generator makes.
        class_weights: a file with a matrix.
        array: name of the matrix in it.
        real_faces: a folder of people.
        consent: what they agreed to.
        bundles: bundles whose anchors are taken.
        seed: chooses the image of each person.
    """

    images: Path | None = None
    generator: GeneratorFile | None = None
    count: int = 0
    class_weights: Path | None = None
    array: str | None = None
    real_faces: Path | None = None
    consent: str = ""
    bundles: tuple[Path, ...] = ()
    seed: int = 0

    def check(self) -> None:
        """Refuse none, and more than one.

        Raises:
            AnchorSourceInvalid: if not exactly one source is named.
        """
        named = {
            "--images": self.images,
            "--generator": self.generator,
            "--class-weights": self.class_weights,
            "--real-faces": self.real_faces,
            "--bundle": self.bundles or None,
        }
        given = [name for name, value in named.items() if value is not None]
        if len(given) != 1:
            raise AnchorSourceInvalid(
                f"Anchors are made from one source, and {' and '.join(given) or 'none'} is given: name one of "
                f"{', '.join(named)}."
            )
        if self.generator is not None and self.count < 1:
            raise AnchorSourceInvalid("A generator makes as many images as --count says: give it.")


@dataclass(frozen=True, slots=True, eq=False)
class GivenEmbeddings:
    """Anchors that need no image.

    Attributes:
        embeddings: (n, d) float32, unit norm to the precision they were stored in.
        facts: where they come from.
        pipeline_id: everything between photograph and embedding that gave them; None for class weights.
        parameters: those of the bundle they come from; None where there is none.
        default_method: as ``parameters``.
    """

    embeddings: Floats32
    facts: dict[str, JsonValue]
    pipeline_id: str | None = None
    parameters: Parameters | None = None
    default_method: str | None = None


def image_source(options: SourceOptions, pipeline: FacePipeline, settings: Settings) -> AnchorSource | None:
    """Return the source of images that the options name; None where they name embeddings.

    Raises:
        AnchorSourceInvalid, GeneratorInvalid, DeviceUnavailable, ExtraMissing: as the sources say.
    """
    limit = settings.max_image_bytes
    if options.images is not None:
        return FolderSource(scan(options.images), max_image_bytes=limit)
    if options.real_faces is not None:
        return RealFacesSource(
            scan(options.real_faces), max_image_bytes=limit, seed=options.seed, consent=options.consent
        )
    if options.generator is not None:
        run = options.generator.load(device=settings.device, threads=pipeline.threads)
        return GeneratorSource(run, options.count, options.generator.facts())
    return None


def given_embeddings(options: SourceOptions, pipeline: FacePipeline) -> GivenEmbeddings:
    """Return the class weights, or the anchors of the bundles, that the options name.

    Raises:
        AnchorSourceInvalid: if the file holds no fitting matrix, or the bundles do not fit together.
        BundleInvalid, BundleMismatch: if a bundle cannot be used.
    """
    if options.class_weights is not None:
        path = options.class_weights
        weights = read_class_weights(path, pipeline.dimension, array=options.array)
        named: JsonValue = {
            "file": path.name,
            "sha256": file_sha256(path),
            "array": options.array,
            "classes": len(weights),
        }
        return GivenEmbeddings(weights, {"class_weights": named})
    bundles = [read_bundle(folder, backbone_id=pipeline.backbone_id) for folder in options.bundles]
    stored = [_stored(folder, bundle) for folder, bundle in zip(options.bundles, bundles, strict=True)]
    first = bundles[0].manifest
    if len({bundle.manifest.pipeline_id for bundle in bundles}) > 1:
        raise AnchorSourceInvalid(
            "The bundles were made by different pipelines (detector, landmarks or alignment), and no score of theirs "
            "could be calibrated for one: build them again with one model pack."
        )
    facts: list[JsonValue] = [
        {
            "anchor_set_id": bundle.bundle_id,
            "anchors_digest": bundle.manifest.anchors_digest,
            "anchors": bundle.manifest.count,
            "provenance": bundle.manifest.provenance,
        }
        for bundle in bundles
    ]
    return GivenEmbeddings(
        np.concatenate(stored), {"bundles": facts}, first.pipeline_id, first.parameters, first.default_method
    )


def _stored(folder: Path, bundle: Bundle) -> Floats32:
    """Return a bundle's embeddings to the bit as they are stored: anchors that stay are written as the same bytes."""
    return np.asarray(np.load(folder / bundle.manifest.parts[EMBEDDINGS].file, allow_pickle=False), dtype=np.float32)
