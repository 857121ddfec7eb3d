"""A folder of generated images: resumed where it was left, and refused where it holds another run's."""

import json
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import JsonValue

from models.generate.generator import GeneratedImage, ImageRun, image_name
from models.tool_errors import GenerationConflict, ImagesNotWritten

RECORD_NAME = "generation.json"
_WRITERS = 2
_PENDING = 32


@dataclass(frozen=True, slots=True)
class Generated:
    """How far a run is.

    Attributes:
        images: images that are there.
        total: images that were asked for.
        found: those of ``images`` that were there before.
    """

    images: int
    total: int
    found: int


def generate_folder(
    run: ImageRun,
    folder: Path,
    count: int,
    facts: dict[str, JsonValue],
    *,
    progress: Callable[[Generated], object] = lambda _: None,
) -> Generated:
    """Write the images 0 to count - 1 that are not in a folder yet, as PNG files.

    The folder's ``generation.json`` says what its images follow from.

    Args:
        run: makes the images.
        folder: where they go; made if it is not there.
        count: how many there will be.
        facts: what the images follow from; see ``GeneratorFile.facts``.
        progress: told after every image.

    Raises:
        GenerationConflict: if the folder holds images of another generator, seed, psi, class or batch size.
        ImagesNotWritten: if the disk does not take them.
        GeneratorInvalid, InferenceFailed: as ``ImageRun.images`` says.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_record(folder, facts)
        names = set(os.listdir(folder))
        there = {number for number in range(count) if image_name(number) in names}
        done = found = len(there)
        progress(Generated(done, count, found))
        pending: list[Future[None]] = []
        with ThreadPoolExecutor(_WRITERS) as writers:
            for image in run.images(count, skip=there):
                pending.append(writers.submit(_write, folder, image))
                if len(pending) >= _PENDING:
                    pending.pop(0).result()
                done += 1
                progress(Generated(done, count, found))
            for write in pending:
                write.result()
    except OSError as error:
        raise ImagesNotWritten(
            f"Images cannot be written to {folder}: {error.strerror or error}. Those that are there are whole; make "
            "room and run the command again to go on."
        ) from error
    return Generated(done, count, found)


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return what a folder's images follow from, None where it does not say it."""
    try:
        record = json.loads((folder / RECORD_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _check_record(folder: Path, facts: dict[str, JsonValue]) -> None:
    path = folder / RECORD_NAME
    if not path.exists():
        if any(name.endswith(".png") for name in os.listdir(folder)):
            raise GenerationConflict(f"{folder} holds images already, and no {RECORD_NAME}: choose an empty folder.")
        _replace(path, (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode())
        return
    record = read_record(folder)
    if record != facts:
        differing = sorted(key for key in facts if (record or {}).get(key) != facts[key])
        raise GenerationConflict(
            f"{folder} holds images of another run ({', '.join(differing) or 'unreadable record'} differs): choose an "
            "empty folder, or repeat that run's options to go on with it."
        )


def _write(folder: Path, image: GeneratedImage) -> None:
    path = folder / image_name(image.number)
    partial = path.with_name(f".{path.name}.partial")
    # Fast, since disk is cheaper here than the time of a generator that waits.
    Image.fromarray(image.pixels).save(partial, "PNG", compress_level=1)
    partial.replace(path)


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
