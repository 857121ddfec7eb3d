"""Compare the methods on pictures as they are and on those mixed with degraded copies, under one threshold.

    IDA_FACES_DIR=... IDA_BUNDLE=... python tests/bench/ida_q.py [--each 6] [--people 100] [--part report] [--json FILE]

The people are those of the development sets whom ``ida-verify calibrate`` sets aside by its default shares and seed. Of
each up to so many pictures are taken, and one copy of each, degraded by means that no recipe has
(``degraded_photographs.py``, and a mosaic or bars besides). No picture is compared with its own copy, and those in
which no face is found are left out. TAR in % at each rate that the pairs measure, and the gain over ida-r with its
95 % interval, people resampled.
"""

import argparse
import io
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from degraded_photographs import degraded
from PIL import Image

from models.calibration.splits import PARTS, part_people
from models.heads.ida_q.fold_trial import FoldScores, trial_rates
from models.heads.ida_q.taught_faces import TaughtFaces
from models.labelled.files.read import read_listing
from models.labelled.labelled_faces import LabelledFaces, unit_or_zeros
from service.arrays import Floats32, ImageArray
from service.bundle.reader import read_bundle
from service.errors import InputError
from service.pipeline import FacePipeline, load_pipeline
from service.scoring.methods import METHODS
from service.scoring.similarity import telling_norms
from service.settings import Settings, load_settings
from service.snapshot.term_sources import open_sources

_SHARES = (0.4, 0.3, 0.3)
_METHODS = ("cosine", "as-norm", "ida-r", "ida-l", "ida-q", "ida-ql")


def made_poor(content: bytes, draw: np.random.Generator) -> bytes:
    """Return a degraded copy of a photograph, as a BMP file."""
    image = degraded(Image.open(io.BytesIO(content)).convert("RGB"), draw)
    pixels = np.asarray(image)
    if draw.random() < 0.3:
        pixels = _mosaic(pixels, int(draw.integers(3, 9)))
    elif draw.random() < 0.3:
        pixels = _barred(pixels, draw)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


def _mosaic(pixels: ImageArray, side: int) -> ImageArray:
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (max(1, width // side), max(1, height // side)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _barred(pixels: ImageArray, draw: np.random.Generator) -> ImageArray:
    barred, (height, width) = pixels.copy(), pixels.shape[:2]
    for _ in range(int(draw.integers(3, 9))):
        top, lean = int(draw.integers(0, width)), int(draw.normal(0, 0.1 * width))
        colour = tuple(int(value) for value in draw.integers(60, 256, 3))
        cv2.line(barred, (top, 0), (top + lean, height), colour, max(2, width // 60))
    return barred


def taken(pipeline: FacePipeline, settings: Settings, content: bytes) -> Floats32 | None:
    """Return what the backbone gives for a photograph's face, None where there is none."""
    try:
        given = pipeline.represent(pipeline.extract(content, settings.face_policy).crop[None])[0]
    except InputError:
        return None
    return None if pipeline.shows_no_face(float(telling_norms(given[None])[0])) else given


def faces_of(
    name: str, path: Path, pipeline: FacePipeline, settings: Settings, asked: argparse.Namespace
) -> TaughtFaces:
    """Return the faces of people who are set aside, as they are and degraded."""
    listing = read_listing(path, None)
    nothing = np.zeros((len(listing.identities), pipeline.dimension), np.float32)
    labelled = LabelledFaces(
        name=name,
        embeddings=nothing,
        norms=nothing[:, 0],
        detected=nothing[:, 0] > 0,
        identities=listing.identities,
        identity_names=listing.identity_names,
        images=tuple(image.as_posix() for image in listing.images),
        input_form="photo",
        identities_stated=True,
        rejected=("",) * len(nothing),
    )
    rows = part_people(labelled, _SHARES, 0)[PARTS.index(asked.part)]
    draw = np.random.default_rng(1)
    people = draw.permutation(np.unique(listing.identities[rows]))
    several = np.bincount(listing.identities)[people] > 1
    people = people[np.argsort(~several, kind="stable")][: asked.people]
    found: list[tuple[Floats32, int, int, bool]] = []
    for person in people:
        for row in draw.permutation(rows[listing.identities[rows] == person])[: asked.each]:
            content = (listing.root / listing.images[row]).read_bytes()
            own = np.random.default_rng(zlib.crc32(content))
            for is_copy, shown in ((False, content), (True, made_poor(content, own))):
                given = taken(pipeline, settings, shown)
                if given is not None:
                    found.append((given, int(person), int(row), is_copy))
    given = np.stack([each[0] for each in found])
    who, pictures, copies = (np.array(column) for column in list(zip(*found, strict=True))[1:])
    none = np.empty((0, 2), np.int64)
    return TaughtFaces(name, unit_or_zeros(given), telling_norms(given), who, pictures, copies, none, none)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--part", choices=PARTS, default="report")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    settings = load_settings()
    pipeline = load_pipeline(settings)
    bundle = read_bundle(settings.bundle, backbone_id=pipeline.backbone_id)
    sources, parameters = open_sources(bundle, device="cpu", threads=1), bundle.manifest.parameters
    dev = Path(os.environ["IDA_FACES_DIR"]) / "dev"
    told = []
    for name, path in (("celeba", dev / "celeba"), ("lfw", dev / "lfw" / "images")):
        whole = faces_of(name, path, pipeline, settings, asked)
        for pictures, faces in (("as they are", whole.subset(~whole.is_copy)), ("mixed", whole)):
            scores = {
                method: faces.compare(METHODS[method], parameters, sources)
                for method in _METHODS
                if set(METHODS[method].needs) <= sources.provides
            }
            print(f"\n{name}, {pictures}: {len(faces)} faces, {scores['cosine'].non_mated:,} pairs of two people")
            for method, found in scores.items():
                rates = trial_rates([FoldScores("mixed", scores["ida-r"], found)], replicates=300, seed=0)
                line = "  ".join(
                    f"{rate.fmr:.0e}: {1 - rate.fnmr:.1%} "
                    f"({rate.gain:+.1%} [{rate.gain_low:+.1%}, {rate.gain_high:+.1%}])"
                    for rate in rates
                )
                print(f"  {method:8}{line}")
                told += [
                    {"set": name, "pictures": pictures, "method": method, "fmr": rate.fmr, "tar": 1 - rate.fnmr}
                    for rate in rates
                ]
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
