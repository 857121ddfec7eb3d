"""Making a new bundle of embeddings: its ids, its golden pairs and its files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from service.bundle.anchors_part import Anchors, StoredArray
from service.bundle.bundle_manifest import EMBEDDINGS, Manifest
from service.bundle.golden_pairs import golden_contents
from service.bundle.writer import array_content, refuse_existing, write_bundle
from service.errors import MethodNotServed, TooFewAnchors
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters
from service.search.face_terms import TermFinder
from service.search.faiss_search import FaissSearch
from service.snapshot.golden_check import Embed, make_golden


@dataclass(frozen=True, slots=True)
class NewBundle:
    """What a new bundle says of itself besides its embeddings; see ``Manifest`` for each.

    Attributes:
        backbone_id: the backbone that gave the embeddings.
        pipeline_id: the whole pipeline that gave them.
        parameters: k, tau and strength.
        default_method: the method of a request that names none.
        provenance: where the anchors came from and how they were made.
        created_by: the program that makes the bundle, and its version.
        seed: chooses the golden pairs.
    """

    backbone_id: str
    pipeline_id: str
    parameters: Parameters
    default_method: str
    provenance: dict[str, JsonValue]
    created_by: str
    seed: int = 0


def create_bundle(folder: Path, embeddings: StoredArray, facts: NewBundle, embed: Embed) -> str:
    """Write a new bundle and return its bundle_id.

    Args:
        folder: where; must not exist.
        embeddings: (n, d) float16 or float32, unit norm, in the type in which they are to be stored.
        facts: what the bundle says of itself.
        embed: the backbone, for the golden crop.

    Raises:
        BundleExists: if the folder is there already.
        BundleNotWritten: if the disk does not take it.
        TooFewAnchors: if there are fewer than k anchors, or fewer than the two of a golden pair.
        UnknownMethod: if the default method does not exist.
        MethodNotServed: if it needs a head, which a new bundle has not.
        InferenceFailed, SearchFailed: if the golden pairs cannot be made.
    """
    refuse_existing(folder)
    if not set(find_method(facts.default_method).needs) <= TermFinder.provides:
        raise MethodNotServed(
            f"A new bundle has no head, which {facts.default_method} needs: choose another default method, and "
            "train a head for the bundle afterwards."
        )
    needed = max(facts.parameters.k, 2)
    if len(embeddings) < needed:
        raise TooFewAnchors(
            f"There are {len(embeddings)} anchors, and k = {facts.parameters.k} needs {needed} or more: "
            "add images, or choose a smaller k."
        )
    anchors = Anchors.from_stored(embeddings, facts.backbone_id)
    golden = make_golden(anchors, FaissSearch(anchors), embed, parameters=facts.parameters, seed=facts.seed)
    manifest = Manifest(
        format=1,
        anchors_digest=anchors.anchors_digest,
        backbone_id=facts.backbone_id,
        pipeline_id=facts.pipeline_id,
        count=len(anchors),
        dimension=anchors.dimension,
        **facts.parameters.model_dump(),
        default_method=facts.default_method,
        parts={},
        provenance=facts.provenance,
        created_by=facts.created_by,
    )
    contents = {
        EMBEDDINGS: array_content("embeddings.npy", np.asarray(embeddings)),
        **golden_contents(golden, anchors_digest=anchors.anchors_digest, parameters=facts.parameters),
    }
    return write_bundle(folder, manifest, contents)
