"""Bundles of a few random anchors, for tests that need some and not which."""

from pathlib import Path

import numpy as np
from vectors import to_unit

from models.bundles.create import NewBundle, create_bundle
from service.scoring.parameters import Parameters

BACKBONE_ID = "b" * 16
DIMENSION = 32


def embed(crops):
    """Stand for a backbone: the same embedding for the same pixels."""
    crops = np.asarray(crops, dtype=np.float64)
    return to_unit(np.stack([np.sin(crop.mean() + np.arange(DIMENSION)) for crop in crops]))


def small_bundle(
    folder: Path,
    *,
    seed: int = 0,
    count: int = 40,
    backbone_id: str = BACKBONE_ID,
    pipeline_id: str = "a" * 16,
    embed=embed,
) -> str:
    """Write a bundle and return its id."""
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION))
    anchors = to_unit(rows)
    facts = NewBundle(
        backbone_id=backbone_id,
        pipeline_id=pipeline_id,
        parameters=Parameters(),
        default_method="ida-r",
        provenance={"made": "for a test", "seed": seed},
        created_by="test",
    )
    return create_bundle(folder, anchors, facts, embed)
