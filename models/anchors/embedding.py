"""Embedding everything that a source holds, from the last checkpoint of its journal on."""

from collections.abc import Iterator

import numpy as np

from models.anchors.crops import Tally, stream_crops
from models.anchors.journal import EmbeddingJournal
from models.anchors.source import AnchorSource
from models.degrade.copies import CopyPlan
from service.faces.types import ImageArray
from service.pipeline import FacePipeline

# Always this many, since the last digits of an embedding depend on the size of the batch it was computed in.
BATCH_SIZE = 32


def embed_source(
    source: AnchorSource,
    pipeline: FacePipeline,
    plan: CopyPlan,
    journal: EmbeddingJournal,
    *,
    workers: int,
    checkpoint_items: int,
) -> Iterator[Tally]:
    """Append the embeddings of all items to a journal, and yield the count after every batch and at the end.

    Args:
        source: the items.
        pipeline: the service's own.
        plan: which crops are made of each item.
        journal: says from which item to go on.
        workers: threads that read, detect, degrade and align.
        checkpoint_items: items from one checkpoint to the next; no batch reaches over one, so that going on from it
            gives the embeddings of an uninterrupted build.

    Raises:
        InferenceFailed: if a network fails.
        OSError: if the disk does not take the embeddings.
    """
    tally = journal.tally
    waiting: list[ImageArray] = []
    for made in stream_crops(source, tally.items, pipeline, plan, workers=workers):
        tally.add(made)
        waiting += made.crops
        due = tally.items % checkpoint_items == 0
        full = len(waiting) >= BATCH_SIZE
        while len(waiting) >= BATCH_SIZE or (due and waiting):
            journal.append(pipeline.embed(np.stack(waiting[:BATCH_SIZE])))
            del waiting[:BATCH_SIZE]
        if due:
            journal.checkpoint()
        if due or full:
            yield tally
    if waiting:
        journal.append(pipeline.embed(np.stack(waiting)))
    if len(source) % checkpoint_items:
        journal.checkpoint()
    yield tally
