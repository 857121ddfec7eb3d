"""What the quality of a face costs on one thread: all components, and each alone.

    python tests/bench/quality_speed.py [--rounds 300] [--json FILE]

The two public-domain photographs, and one of them enlarged to 12 megapixels and decoded reduced, as the service does.
What several components need is computed by whichever asks first, so that alone each pays for all that it needs, and
their sum is more than the whole. The least and the median of the rounds, in the thread's own time, which other programs
disturb less; 3 ms a face is the bound.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
from hardware import hardware
from PIL import Image
from skimage import data

sys.path.insert(0, str(Path(__file__).parents[1]))

from photographed import COLLINS, HOPPER, seen

from service.faces.quality.components import COMPONENTS, measure_quality

BOUND_MS = 3.0


def photographs() -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """Return pixels, landmarks and reduction by name."""
    collins = data.astronaut()
    with Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as file:
        hopper = np.asarray(file.convert("RGB"))
    # 4096 x 3072 decoded at a quarter: its face is as large as the service leaves one.
    large = cv2.resize(collins, (1024, 1024), interpolation=cv2.INTER_CUBIC)[:768]
    return {
        "512x512": (collins, COLLINS, 1),
        "512x600": (hopper, HOPPER, 1),
        "4096x3072 at a quarter": (large, (COLLINS + 0.5) * 2 - 0.5, 4),
    }


def timed(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the least and the median of the milliseconds that work takes."""
    took = []
    for _ in range(rounds):
        started = time.thread_time()
        work()
        took.append(1000 * (time.thread_time() - started))
    return min(took), statistics.median(took)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = []
    for name, (image, landmarks, reduction) in photographs().items():
        face = seen(image, landmarks, reduction=reduction)

        def anew(face=face):  # what was computed is not kept from one round to the next
            return type(face)(face.image, face.landmarks, face.crop, face.areas, face.reduction)

        parts = {"all": lambda: measure_quality(anew())}
        parts |= {part.name: lambda part=part: part.measure(anew()) for part in COMPONENTS}
        for part, work in parts.items():
            least, median = timed(work, options.rounds)
            rows.append({"photograph": name, "part": part, "least_ms": round(least, 3), "median_ms": round(median, 3)})
            print(f"{name:24} {part:34} {least:6.3f} ms, median {median:6.3f}")
    worst = max(row["least_ms"] for row in rows if row["part"] == "all")
    print(f"all components: {worst:.2f} ms at most, the bound is {BOUND_MS:g}")
    if options.json:
        options.json.write_text(json.dumps({"hardware": hardware(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
