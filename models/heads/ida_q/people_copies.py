"""Degraded copies of the pictures of some people of every part: what networks learn poor pictures from, and strata."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.calibration.splits import part_people
from models.degrade.recipe import Recipe
from models.heads.ida_q.degraded_copies import embed_copies
from models.heads.ida_q.teach import CopiesOfSet
from models.labelled.embed import Embedder
from models.labelled.files.read import read_listing
from models.labelled.labelled_faces import LabelledFaces, unit_or_zeros
from models.labelled.labels import Labels
from models.progress import Stage
from service.arrays import Ints
from service.scoring.similarity import telling_norms

MOST_OF_PERSON = 10
"""Pictures of one person that are copied at most."""

MOST_OF_PART = 1000
"""Pictures of one part of a set that are copied at most: a minute's work or two."""


def copies_of_people(
    texts: Sequence[str],
    sets: Sequence[LabelledFaces],
    embedder: Embedder,
    recipe: Recipe,
    shares: Sequence[float],
    *,
    seed: int,
    images: Path | None,
    stage: Stage,
) -> dict[str, CopiesOfSet]:
    """Return degraded copies of pictures of the people of every part, by set; none of a set of embeddings.

    Args:
        texts: what names the sets, each ``[NAME=]PATH``.
        sets: the same, read.
        embedder: what embedded their pictures.
        recipe: how copies are degraded.
        shares: of the people, for tuning, calibrating and reporting.
        seed: chooses the parts, the pictures and what is done to them.
        images: where the paths in label files start; beside them where None.
        stage: told what is copied and how far it is.

    Raises:
        CalibrationImpossible: if a set has too few people to be parted.
        LabelsInvalid, InferenceFailed, CacheUnusable: as ``read_listing`` and ``embed_copies`` say.
    """
    found = {}
    for labels, labelled in zip(map(Labels.parse, texts), sets, strict=True):
        if labels.holds_embeddings:
            continue
        root = read_listing(labels.path, images).root
        parts = part_people(labelled, shares, seed)
        rows = np.sort(np.concatenate([_chosen(labelled, part, seed) for part in parts]))
        tick = stage(f"degraded copies of {labelled.name}")
        copies = embed_copies(embedder, [root / labelled.images[row] for row in rows], recipe, seed, tick)
        tick(1.0)
        given = copies.embeddings[copies.found]
        found[labelled.name] = CopiesOfSet(unit_or_zeros(given), telling_norms(given), rows[copies.found])
    return found


def _chosen(labelled: LabelledFaces, rows: Ints, seed: int) -> Ints:
    """Return the rows whose pictures are copied, ascending: of people with several pictures first, a few of each."""
    shown = rows[labelled.detected[rows]]
    shuffled = np.random.default_rng(seed).permutation(shown)
    person = labelled.identities[shuffled]
    order = np.argsort(person, kind="stable")
    _, starts, counts = np.unique(person[order], return_index=True, return_counts=True)
    # Which of a person's pictures each is, in the order that was drawn.
    nth = np.empty(len(order), np.int64)
    nth[order] = np.arange(len(order)) - np.repeat(starts, counts)
    single = np.bincount(person, minlength=len(labelled.identity_names))[person] == 1
    kept = np.flatnonzero(nth < MOST_OF_PERSON)
    kept = kept[np.argsort(single[kept], kind="stable")][:MOST_OF_PART]
    return np.sort(shuffled[kept])
