"""Embedding everything that a source holds, block by block, from the last checkpoint of its journal on."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from models.anchors.crops import Tally, stream_crops
from models.anchors.journal import EmbeddingJournal
from models.anchors.source import AnchorSource, Item
from models.degrade.copies import CopyPlan
from models.engines.engine import BATCH_SIZE, Done, Engine
from service.arrays import Floats32, ImageArray
from service.pipeline import FacePipeline

# Items between two points from which an interrupted build can go on; a batch never reaches over one.
CHECKPOINT_ITEMS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedItems:
    """What a block of items gave.

    Attributes:
        made: of each item its group, the number of its crops, and why pictures of it were rejected.
        embeddings: (n, d) float32, unit norm, of all crops in the items' order.
        unreadable: pictures that could not be read, each with its reason.
    """

    made: tuple[tuple[str, int, tuple[str, ...]], ...]
    embeddings: Floats32
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmbedItems:
    """Embeds the crops of a block of items, in batches of 32 that begin anew with every block.

    Attributes:
        plan: which crops are made of each picture.
        workers: threads that read, detect, degrade and align.
    """

    plan: CopyPlan
    workers: int

    def __call__(self, pipeline: FacePipeline, block: tuple[Item, ...], done: Done, /) -> EmbeddedItems:
        """Return what a block gives.

        Raises:
            InferenceFailed: if a network fails.
        """
        waiting: list[ImageArray] = []
        made, rows = [], []
        unreadable: list[str] = []
        for crops in stream_crops(block, pipeline, self.plan, workers=self.workers):
            made.append((crops.group, len(crops.crops), crops.rejected))
            waiting += crops.crops
            unreadable += crops.unreadable
            while len(waiting) >= BATCH_SIZE:
                rows.append(pipeline.embed(np.stack(waiting[:BATCH_SIZE])))
                del waiting[:BATCH_SIZE]
            done(1)
        if waiting:
            rows.append(pipeline.embed(np.stack(waiting)))
        embeddings = np.concatenate(rows) if rows else np.empty((0, pipeline.dimension), np.float32)
        return EmbeddedItems(tuple(made), embeddings, tuple(unreadable))


def embed_source(
    source: AnchorSource,
    engine: Engine,
    plan: CopyPlan,
    journal: EmbeddingJournal,
    *,
    workers: int,
    checkpoint_items: int,
    done: Done,
) -> Iterator[Tally]:
    """Append the embeddings of all items to a journal, and yield the count after every block.

    Args:
        source: the items.
        engine: embeds the blocks.
        plan: which crops are made of each item.
        journal: says from which item to go on.
        workers: threads that read, detect, degrade and align, of each of the engine's processes.
        checkpoint_items: items of a block; a checkpoint follows it, and no batch reaches over it, so that going on
            from there gives the embeddings of an uninterrupted build.
        done: told of items as they are done.

    Raises:
        InferenceFailed: if a network fails.
        OSError: if the disk does not take the embeddings.
    """
    tally = journal.tally
    for found in engine.map(EmbedItems(plan, workers), blocks_of(source.items(tally.items), checkpoint_items), done):
        for group, crops, rejected in found.made:
            tally.add(group, crops, rejected)
        tally.unreadable += found.unreadable
        journal.append(found.embeddings)
        journal.checkpoint()
        yield tally
    yield tally


def blocks_of(items: Iterator[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Yield items in blocks of a size, the last one as long as is left."""
    while block := tuple(islice(items, size)):
        yield block
