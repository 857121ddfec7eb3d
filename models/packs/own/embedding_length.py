"""How long the embeddings of a network are, seen by running it once."""

from pathlib import Path

import numpy as np

from service.cpus import usable_cpus
from service.errors import InferenceFailed, PackInvalid
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pack import CROP_SIDE


def embedding_length(path: Path, *, channels: int) -> int:
    """Return how many values the first output of a network has for one crop.

    Raises:
        PackInvalid: if it cannot be loaded, fails on a crop, or gives no embedding.
    """
    session = OnnxSession(path, Placement(threads=usable_cpus()))
    try:
        outputs = session.run(np.full((1, channels, CROP_SIDE, CROP_SIDE), 0.5, np.float32))
    except InferenceFailed as error:
        raise PackInvalid(
            f"{path.name} fails on one crop, (1, {channels}, {CROP_SIDE}, {CROP_SIDE}) float32: {error.message}"
        ) from error
    shape = outputs[0].shape
    if len(shape) != 2 or shape[0] != 1:
        raise PackInvalid(
            f"{path.name} gives {shape} for one crop, and an embedding has (1, d): export the network "
            "so that its first output is the embedding."
        )
    return int(shape[1])
