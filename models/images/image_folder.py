"""The images below a folder, in one fixed order, and what is made of them, read by a few threads."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from service.arrays import ImageArray
from service.errors import ImageTooLarge, ImageUndecodable, InputError, InvalidCrop, UnsupportedImageType
from service.faces.pictures.formats import SUFFIXES
from service.faces.types import AlignedFace

UNREADABLE = "unreadable"
# A picture without a face was read; these were not.
UNREADABLE_CODES = frozenset(
    {UNREADABLE, *(error.code for error in (ImageUndecodable, ImageTooLarge, InvalidCrop, UnsupportedImageType))}
)
DECODER_FAILURES = (MemoryError, RecursionError)
"""What a picture may make a decoder, or what comes after it, run into; another picture need not."""

# Enough that no thread waits while the backbone runs, few enough that memory does not grow with the folder.
_PENDING_PER_WORKER = 16

Listed = TypeVar("Listed")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """What lies below a folder.

    Attributes:
        root: the folder.
        images: the images, relative to it, sorted by their path.
        other_files: number of files whose suffix is not an image's.
    """

    root: Path
    images: Sequence[Path]
    other_files: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one image gave.

    Attributes:
        image: its path relative to the folder.
        crop: (112, 112, 3) uint8, RGB; None where it was rejected.
        rejected: the error's code, or "unreadable"; None where there is a crop.
        measures: what was measured of the picture, by the name of the measure.
    """

    image: Path
    crop: ImageArray | None
    rejected: str | None
    measures: Mapping[str, float] = field(default_factory=dict)


def scan(root: Path) -> ImageFolder:
    """Find the images below a folder; hidden files and folders, and links to folders, are left out."""
    images, others = [], 0
    for parent, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                continue
            if name.lower().endswith(SUFFIXES):
                images.append(Path(parent, name).relative_to(root))
            else:
                others += 1
    # By their text, since the order of paths differs between operating systems.
    return ImageFolder(root, sorted(images, key=lambda path: path.as_posix()), others)


def read_image(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file, at most one more than the limit, so that one too large is known to be.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as stream:
        return stream.read(max_bytes + 1)


def extract_crops(
    folder: ImageFolder, extract: Callable[[bytes], ImageArray | AlignedFace], *, workers: int, max_image_bytes: int
) -> Iterator[Extraction]:
    """Yield what each image gives, in the folder's order, whichever thread is first.

    Args:
        folder: the images.
        extract: an image's bytes to its aligned crop, or to the aligned face where what was measured of it is told too;
            raises an InputError for one that has none.
        workers: threads that extract, 1 or more.
        max_image_bytes: no more of a file than this and one byte is read.
    """

    def run(image: Path) -> Extraction:
        try:
            content = read_image(folder.root / image, max_image_bytes)
        except OSError:
            return Extraction(image, None, UNREADABLE)
        try:
            found = extract(content)
        except InputError as error:
            return Extraction(image, None, error.code)
        except DECODER_FAILURES:
            return Extraction(image, None, UNREADABLE)
        if isinstance(found, AlignedFace):
            return Extraction(image, found.crop, None, found.measures)
        return Extraction(image, found, None)

    return in_order(run, folder.images, workers=workers)


def in_order(make: Callable[[Listed], Made], items: Iterable[Listed], *, workers: int) -> Iterator[Made]:
    """Yield what is made of each item by a few threads, in the items' order, without reading far ahead.

    Args:
        make: safe to call from several threads.
        items: may be endless; read in the caller's thread.
        workers: threads, 1 or more.
    """
    pending: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            pending.append(pool.submit(make, item))
            if len(pending) >= _PENDING_PER_WORKER * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
