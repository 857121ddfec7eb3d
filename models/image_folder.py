"""The images below a folder, in one fixed order, and their faces as aligned crops, read by a few threads."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from service.errors import InputError
from service.faces.types import ImageArray

IMAGE_SUFFIXES = (".bmp", ".jpe", ".jpeg", ".jpg", ".png", ".webp")
UNREADABLE = "unreadable"

# Enough that no thread waits while the backbone runs, few enough that memory does not grow with the folder.
_PENDING_PER_WORKER = 16


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
    """

    image: Path
    crop: ImageArray | None
    rejected: str | None

    @property
    def source(self) -> str:
        """The folder right below the root that the image lies in; "." for one that lies in the root itself."""
        return self.image.parts[0] if len(self.image.parts) > 1 else "."


def scan(root: Path) -> ImageFolder:
    """Find the images below a folder; hidden files and folders, and links to folders, are left out."""
    images, others = [], 0
    for parent, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                continue
            if name.lower().endswith(IMAGE_SUFFIXES):
                images.append(Path(parent, name).relative_to(root))
            else:
                others += 1
    # By their text, since the order of paths differs between operating systems.
    return ImageFolder(root, sorted(images, key=lambda path: path.as_posix()), others)


def extract_crops(
    folder: ImageFolder, extract: Callable[[bytes], ImageArray], *, workers: int, max_image_bytes: int
) -> Iterator[Extraction]:
    """Yield what each image gives, in the folder's order, whichever thread is first.

    Args:
        folder: the images.
        extract: an image's bytes to its aligned crop; raises an InputError for one that has none.
        workers: threads that extract, 1 or more.
        max_image_bytes: no more of a file than this and one byte is read.
    """

    def run(image: Path) -> Extraction:
        try:
            with (folder.root / image).open("rb") as stream:
                content = stream.read(max_image_bytes + 1)
        except OSError:
            return Extraction(image, None, UNREADABLE)
        try:
            return Extraction(image, extract(content), None)
        except InputError as error:
            return Extraction(image, None, error.code)

    pending: deque[Future[Extraction]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for image in folder.images:
            pending.append(pool.submit(run, image))
            if len(pending) >= _PENDING_PER_WORKER * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
