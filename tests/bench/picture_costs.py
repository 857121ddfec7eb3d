"""What hostile pictures cost: seconds of one core, growth of the resident memory, and the answer.

    python tests/bench/picture_costs.py [--json FILE] [WORDS ...]

Each picture is decoded in a process of its own, as for a request whose face is small: reduced where that can be, to
find faces, then in full for the one that is chosen. The detector is a fake that only fits the picture in. No models are
needed. With words, only the pictures whose names hold one of them.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from service.choices import Gates
from service.errors import IdaError
from service.faces.detectors.detector import letterbox
from service.faces.extract import FaceExtractor
from service.faces.finder import FaceFinder
from service.faces.types import Box, DetectedFace
from service.pack import FaceStandards

sys.path.insert(0, str(Path(__file__).parents[1]))
from hostile_pictures import hostile_names, hostile_picture

_MEBIBYTE = 1 << 20
_MOST_MEMORY = 6 << 30  # of a child, so that a fault does not take the machine with it


def costs(files: Sequence[Path], *, most_seconds: int = 60) -> list[dict[str, Any]]:
    """Return ``seconds``, ``mebibytes``, ``answer`` and what was ``printed`` of each picture.

    All are measured in one child process; those that it does not come to, because one took longer than ``most_seconds``
    or the process died, are missing at the end of the list.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds))
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))

    command = [sys.executable, __file__, "--child", *map(str, files)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    return [{**row, "printed": run.stderr} for row in rows]


def _child(files: list[str]) -> None:
    class SmallFace:
        def detect(self, image):
            letterbox(image, 640, 640)
            points = np.array([[6, 6], [14, 6], [10, 10], [7, 15], [13, 15]], np.float32)
            return [DetectedFace(Box(0, 0, min(20, image.shape[1]), min(20, image.shape[0])), 0.9, points)]

    cv2.setNumThreads(1)
    extractor = FaceExtractor(FaceFinder(SmallFace(), None, FaceStandards(), (640, 640)), Gates(min_face_pixels=1))
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "AVIF"):  # so that no picture pays for what is loaded once
        buffer = io.BytesIO()
        Image.new("RGB", (200, 200)).save(buffer, kind)
        extractor.extract(buffer.getvalue(), "largest")
    before = _resident("VmRSS")
    for file in files:
        data = Path(file).read_bytes()
        Path("/proc/self/clear_refs").write_text("5")  # the peak of the resident memory starts anew
        began = time.process_time()
        try:
            face = extractor.extract(data, "largest")
            answer = "{}x{}".format(*face.image_size)
        except IdaError as error:
            answer = f"{error.code}: {error.message}"
        except Exception as error:
            answer = f"not foreseen, {type(error).__name__}: {error}"
        seconds = time.process_time() - began
        grown = (_resident("VmHWM") - before) / 1024
        print(json.dumps({"seconds": round(seconds, 3), "mebibytes": round(grown, 1), "answer": answer}), flush=True)


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    """Print a row for each picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs="+")
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child)
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture"
        for name in hostile_names():
            if arguments.words and not any(word in name for word in arguments.words):
                continue
            data = hostile_picture(name)
            file.write_bytes(data)
            found = costs([file]) or [{"seconds": None, "mebibytes": None, "answer": "killed"}]
            row = {"picture": name, "bytes": len(data), **found[0]}
            rows.append(row)
            print(name, len(data), row["seconds"], "s", row["mebibytes"], "MiB", row["answer"], sep="\t", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
