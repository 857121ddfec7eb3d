"""Anchors of other kinds beside a bundle's own, in a temporary folder: real faces, and the weights of classes."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from models.anchors.build import build_bundle, build_from_embeddings
from models.anchors.build_options import BuildOptions
from models.anchors.source import RealFacesSource
from models.anchors.steps import AnchorSteps, Shared
from models.commands.anchor_input import SourceOptions, given_embeddings
from models.degrade.copies import CopyPlan
from models.evaluation.paper.paper_document import AnchorKind
from models.images.image_folder import ImageFolder, scan
from models.labelled.files.labelled_npz import read_arrays
from models.progress import Stage
from models.tool_errors import AnchorSourceInvalid
from service.arrays import Floats32
from service.bundle.bundle_manifest import Manifest
from service.bundle.reader import read_manifest
from service.cpus import usable_cpus
from service.pipeline import FacePipeline
from service.scoring.similarity import normalise
from service.settings import Settings

_CONSENT = "in a temporary folder, to measure what real anchors are worth; deleted with it"


@dataclass(frozen=True, slots=True)
class OtherAnchors:
    """Anchors that a bundle's own are compared with.

    Attributes:
        real_faces: a folder with a folder for each person, or an .npz of embeddings; None for none.
        class_weights: a file with the weights of a classifier; None for none.
        array: name of the matrix in it; None where only one can be meant.
    """

    real_faces: Path | None = None
    class_weights: Path | None = None
    array: str | None = None


class KindBuilder:
    """Builds bundles with the parameters of another, so that nothing but the kind of their anchors differs."""

    def __init__(self, like: Path, pipeline: FacePipeline, settings: Settings, stage: Stage, seed: int) -> None:
        """Take the bundle that they are like, and what embeds.

        Raises:
            BundleInvalid: if it is no bundle.
        """
        self._manifest = read_manifest(like)
        self._pipeline = pipeline
        self._settings = settings
        self._stage = stage
        self._seed = seed

    def real_db(self, people: Path, evaluated: Collection[str], out: Path) -> AnchorKind:
        """Build anchors of one picture of each person, whoever is evaluated left out.

        Args:
            people: a folder with a folder for each person, or an .npz of embeddings.
            evaluated: names of the people evaluated: an anchor of theirs would be no stranger to them.
            out: folder of the bundle; must not exist.

        Raises:
            AnchorSourceInvalid, LabelsInvalid: if there is nobody left, or an image belongs to nobody.
            TooFewAnchors, InferenceFailed, BundleNotWritten: as ``build_bundle`` says.
        """
        known = {name_key(name) for name in evaluated}
        if people.suffix == ".npz":
            rows, left_out = _one_of_each(people, known)
            built = build_from_embeddings(
                self._pipeline,
                rows,
                out,
                self._options(),
                {"real_faces": people.name, "people": len(rows), "consent": _CONSENT},
                pipeline_id=self._manifest.pipeline_id,
                stage=self._stage,
            )
        else:
            folder, left_out = _without(scan(people), known)
            tick = self._stage(f"anchors of {people.name}")
            source = RealFacesSource(
                folder, max_image_bytes=self._settings.max_image_bytes, seed=self._seed, consent=_CONSENT
            )
            built = build_bundle(
                self._pipeline,
                source,
                out,
                self._options(),
                workers=self._settings.workers or usable_cpus(),
                progress=lambda done: tick(done.images / max(done.total, 1)),
                stage=self._stage,
            )
        note = f"{left_out:,} people were left out, since they are in the data." if left_out else ""
        return AnchorKind(out.name, "real-db", built.anchors, note)

    def class_weights(self, path: Path, array: str | None, out: Path) -> AnchorKind:
        """Build anchors of the weights of a classifier's last layer.

        Raises:
            AnchorSourceInvalid: if the file holds no fitting matrix.
            TooFewAnchors, BundleNotWritten: as ``build_from_embeddings`` says.
        """
        given = given_embeddings(SourceOptions(class_weights=path, array=array), self._pipeline)
        built = build_from_embeddings(
            self._pipeline, given.embeddings, out, self._options(), given.facts, stage=self._stage
        )
        return AnchorKind(out.name, "class weights", built.anchors)

    def _options(self) -> BuildOptions:
        """Return the other bundle's parameters, and what was done to its embeddings as a set; no degraded copies."""
        options = BuildOptions(
            parameters=self._manifest.parameters, plan=CopyPlan(None, 1, self._seed), seed=self._seed
        )
        return replace(options, steps=AnchorSteps(shared=shared_of(self._manifest)))


def shared_of(manifest: Manifest) -> Shared:
    """Return what was removed of a bundle's anchors, by its provenance; nothing where it does not say."""
    done = manifest.provenance.get("set")
    asked = done.get("asked") if isinstance(done, dict) else None
    shared = asked.get("shared") if isinstance(asked, dict) else None
    return cast(Shared, shared) if shared in ("none", "mean", "principal") else "none"


def name_key(name: str) -> str:
    """Return what a person is known by in another set: the name, however it is composed or written large."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _without(folder: ImageFolder, known: Collection[str]) -> tuple[ImageFolder, int]:
    """Return a folder of people without some of them, and how many those were.

    Raises:
        AnchorSourceInvalid: if nobody is left.
    """
    names = {image.parts[0] for image in folder.images if len(image.parts) > 1}
    shared = {name for name in names if name_key(name) in known}
    if names and shared == names:
        raise AnchorSourceInvalid(f"Everybody in {folder.root} is in the data too, and nobody is left to be an anchor.")
    kept = [image for image in folder.images if image.parts[0] not in shared]
    return ImageFolder(folder.root, kept, folder.other_files), len(shared)


def _one_of_each(path: Path, known: Collection[str]) -> tuple[Floats32, int]:
    """Return the first embedding (n, d) of each person of an .npz, some people left out, and how many those were.

    Raises:
        LabelsInvalid: if it cannot be read.
        AnchorSourceInvalid: if nobody is left.
    """
    embeddings, listing = read_arrays(path)
    present = np.flatnonzero(np.any(embeddings, axis=1))
    people, first = np.unique(listing.identities[present], return_index=True)
    strangers = [name_key(listing.identity_names[person]) not in known for person in people]
    if not any(strangers):
        raise AnchorSourceInvalid(f"Everybody in {path} is in the data too, and nobody is left to be an anchor.")
    rows = present[first[strangers]]
    return normalise(embeddings[rows]).astype(np.float32), int(np.count_nonzero(~np.array(strangers)))
