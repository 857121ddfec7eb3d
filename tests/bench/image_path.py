"""Time the way of a large JPEG from its bytes to the aligned crop, against decoding it in full by OpenCV.

    IDA_HOME=... python tests/bench/image_path.py [--json FILE]

The photograph is scikit-image's public-domain portrait on a noisy background of 12 megapixels, the face of several
sizes. One thread. Needs the default pack.
"""

import argparse
import io
import json
import statistics
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from hardware import hardware
from PIL import Image
from skimage import data

from service.pipeline import load_pipeline
from service.settings import load_settings

_ROUNDS = 15
_SIZE = (4000, 3000)
_PORTRAITS = (900, 1500, 2400, 3000)


def photograph(side: int) -> bytes:
    """Return a phone's photograph with the portrait at this size in its middle."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(60, 200, (30, 40, 3), dtype=np.uint8))
    picture = coarse.resize(_SIZE, Image.Resampling.BICUBIC)
    portrait = Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.BICUBIC)
    picture.paste(portrait, ((_SIZE[0] - side) // 2, (_SIZE[1] - side) // 2))
    noisy = np.asarray(picture).astype(np.int16) + random.normal(0, 4, (*_SIZE[::-1], 3)).astype(np.int16)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def main() -> None:
    """Print a row for each size of the face."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pipeline = load_pipeline(load_settings(threads=1))
    pipeline.warm_up()
    rows = []
    for side in _PORTRAITS:
        content = photograph(side)
        reference, stages = [], {"decode": [], "detect": [], "align": []}
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            reference.append(time.perf_counter() - began)
            taken: Counter[str] = Counter()

            @contextmanager
            def clock(stage, taken=taken):
                began = time.perf_counter()
                yield
                taken[stage] += time.perf_counter() - began

            face = pipeline.extract(content, "largest", clock).face
            for stage, seconds in stages.items():
                seconds.append(taken[stage])
        row = {
            "megabytes": round(len(content) / 1e6, 2),
            "face_pixels": round(min(face.box.width, face.box.height)),
            "imdecode_ms": round(1000 * statistics.median(reference), 1),
            **{f"{stage}_ms": round(1000 * statistics.median(seconds), 1) for stage, seconds in stages.items()},
            "decode_over_imdecode": round(statistics.median(stages["decode"]) / statistics.median(reference), 2),
        }
        rows.append(row)
        print(row, flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"hardware": hardware(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
