"""Bundles of any size that score differently, of anchors drawn like the default one's."""

from pathlib import Path

import numpy as np
from drawn_anchors import drawn_like

from models.bundles.create import NewBundle, create_bundle
from service.bundle.reader import read_manifest
from service.pipeline import FacePipeline, load_pipeline
from service.settings import DEFAULT_BUNDLE, Settings


def pipeline_of(home: Path) -> FacePipeline:
    """Return the pipeline of the default pack, or of IDA_PACK, on one thread."""
    return load_pipeline(Settings(home=home, threads=1))


def make_bundle(folder: Path, pipeline: FacePipeline, *, anchors: int, seed: int) -> str:
    """Write a bundle of anchors, drawn like the default one's where that is of this pack, and return its id."""
    random = np.random.default_rng(seed)
    manifest = read_manifest(DEFAULT_BUNDLE)
    stored = np.load(DEFAULT_BUNDLE / "embeddings.npy")
    if stored.shape[1] == pipeline.dimension:
        rows = drawn_like(stored, anchors, random)
    else:  # another pack's backbone: nothing is known of how its faces lie
        rows = random.standard_normal((anchors, pipeline.dimension))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    facts = NewBundle(
        backbone_id=pipeline.backbone_id,
        pipeline_id=pipeline.pipeline_id,
        parameters=manifest.parameters.changed(k=10, norm_power=0.0),
        default_method="ida-r",
        provenance={"made": "for a test", "seed": seed},
        created_by="a test",
        seed=seed,
    )
    return create_bundle(folder, rows.astype(np.float16), facts, pipeline.embed)
