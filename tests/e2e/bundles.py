"""Bundles of any size that score differently, made of the default one's anchors moved at random."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from service.bundle.create import BundleFacts, create_bundle
from service.bundle.reader import read_manifest
from service.pipeline import FacePipeline, load_pipeline
from service.settings import DEFAULT_BUNDLE, Settings


def pipeline_of(home: Path) -> FacePipeline:
    """Return the pipeline of the default pack, on one thread."""
    return load_pipeline(Settings(home=home, threads=1))


def make_bundle(folder: Path, pipeline: FacePipeline, *, anchors: int, seed: int) -> str:
    """Write a bundle of anchors drawn around the default bundle's, and return its id."""
    random = np.random.default_rng(seed)
    manifest = read_manifest(DEFAULT_BUNDLE)
    stored = np.load(DEFAULT_BUNDLE / "embeddings.npy").astype(np.float32)
    rows = stored[random.integers(0, len(stored), anchors)]
    rows += 0.8 * random.standard_normal(rows.shape).astype(np.float32) / np.sqrt(rows.shape[1])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    facts = BundleFacts(
        backbone_id=pipeline.backbone_id,
        pipeline_id=pipeline.pipeline_id,
        parameters=replace(manifest.parameters, k=10, norm_power=0.0),
        default_method="ida-r",
        provenance={"made": "for a test", "seed": seed},
        created_by="a test",
        seed=seed,
    )
    return create_bundle(folder, rows.astype(np.float16), facts, pipeline.embed)
