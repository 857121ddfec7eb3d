"""Work that kills the process it runs in, once: for tests of what becomes of a worker that dies."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class KillOnce:
    """Does other work, and kills its process at the second block that anyone begins."""

    work: Any
    folder: Path

    def __call__(self, pipeline, block, done):
        begun = self.folder / "begun"
        with begun.open("a") as file:
            file.write(f"{os.getpid()}\n")
        killed = self.folder / "killed"
        if len(begun.read_text().splitlines()) >= 2 and not killed.exists():
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return self.work(pipeline, block, done)
