"""How the liveness part behaves on faces that are no attacks and on generated ones: the figures of its card.

    IDA_HOME=... IDA_FACES_DIR=... python tests/bench/liveness_figures.py [--each 100] [--json FILE]

No rate of error follows from them: none of the pictures is an attack that was made before a camera. Told are the
verdicts; the share that passes as live by the crop as the network's publisher cuts it, whether it fits or not; how
often the two other crops, or a box moved by 15 % of its side, turn that verdict; and the milliseconds of a face on one
thread. The pictures of a set with "in room" are laid in their own mirror images, so that there is room for the crop.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from hardware import hardware

from models.evaluation.presentation_attacks import share
from service.errors import InputError
from service.faces.liveness import LivenessCheck, network_inputs
from service.faces.types import Box
from service.inference.providers import Placement
from service.inference.session import OnnxSession
from service.pack import installed_liveness
from service.pipeline import FacePipeline, load_pipeline
from service.settings import load_settings

_OF_A_PERSON = 4
_MOVES = ((-0.15, 0.0), (0.15, 0.0), (0.0, -0.15), (0.0, 0.15))


def sets(faces: Path, each: int) -> dict[str, list[Path]]:
    """Return pictures drawn from a seed: of CelebA up to four of each person, of the others any."""
    drawn = random.Random(11)
    of_people = [sorted(path.iterdir()) for path in sorted((faces / "dev" / "celeba").iterdir())]
    return {
        "celeba": [path for paths in of_people for path in drawn.sample(paths, min(_OF_A_PERSON, len(paths)))],
        "lfw": drawn.sample(sorted((faces / "dev" / "lfw").rglob("*.jpg")), each),
        "tpdne": drawn.sample(sorted((faces / "generated" / "tpdne").iterdir()), each),
        "unsourced": drawn.sample(sorted((faces / "generated" / "unsourced").iterdir()), each),
    }


def in_room(image: np.ndarray, box: Box) -> tuple[np.ndarray, Box]:
    """Return a picture laid in its mirror images, and the box in it."""
    side = min(image.shape[:2]) - 1
    wider = cv2.copyMakeBorder(image, side, side, side, side, cv2.BORDER_REFLECT_101)
    return np.asarray(wider), Box(box.left + side, box.top + side, box.right + side, box.bottom + side)


def figures(
    paths: list[Path], pipeline: FacePipeline, check: LivenessCheck, session: OnnxSession, *, needs_room: bool
) -> dict[str, object]:
    """Return what a set of pictures shows."""
    spec = installed_liveness(load_settings().home).manifest.liveness

    def live(image: np.ndarray, box: Box, crops: slice = slice(None)) -> list[bool]:
        values = session.run(network_inputs(image, box, spec)[crops])[0]
        return (np.argmax(values, axis=1) == spec.live_output).tolist()

    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    milliseconds, passed, scaled, moved = [], 0, 0, 0
    for path in paths:
        try:
            image = pipeline.decode(path.read_bytes())
            box = pipeline.find_face(image, "largest").box
        except InputError as error:
            verdicts[error.code] += 1
            continue
        if needs_room:
            image, box = in_room(image, box)
        began = time.perf_counter()
        found = check.assess(image, box)
        milliseconds.append(1000 * (time.perf_counter() - began))
        verdicts[found.verdict] += 1
        reasons[found.reason or "none"] += 1
        smaller, middle, larger = live(image, box)
        passed += middle
        scaled += not smaller == middle == larger
        aside = (
            Box(
                box.left + x * box.width,
                box.top + y * box.height,
                box.right + x * box.width,
                box.bottom + y * box.height,
            )
            for x, y in _MOVES
        )
        moved += any(live(image, other, slice(1, 2)) != [middle] for other in aside)
    count = len(milliseconds)

    def told(part: int) -> str:
        interval = share(part, count)
        return "-" if interval is None else f"{part} of {count}, {interval.text(lambda value: f'{100 * value:.1f} %')}"

    return {
        "verdicts": dict(verdicts),
        "reasons": dict(reasons),
        "live by the publisher's crop": told(passed),
        "turned by another scale": told(scaled),
        "turned by a moved box": told(moved),
        "milliseconds": round(statistics.median(milliseconds), 1),
        "least milliseconds": round(min(milliseconds), 1),
    }


def main() -> None:
    """Print the figures of each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    settings = load_settings(threads=1)
    pipeline, part = load_pipeline(settings), installed_liveness(settings.home)
    session = OnnxSession(part.file, Placement(threads=1))
    check = LivenessCheck(session.run, part.manifest)
    result: dict[str, object] = {"hardware": hardware(), "liveness_id": check.liveness_id}
    for name, paths in sets(Path(os.environ["IDA_FACES_DIR"]), arguments.each).items():
        for called, needs_room in ((name, False), (f"{name}, in room", True)):
            result[called] = figures(paths, pipeline, check, session, needs_room=needs_room)
            print(called, json.dumps(result[called], indent=2))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
