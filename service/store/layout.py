"""Where each thing lies in a store, and copying files in and out without leaving half of one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from service.bundle.bundle_manifest import MANIFEST_NAME, SIGNATURE_NAME, Part
from service.errors import BundleInvalid
from service.pack import file_sha256

IDENTITY = "store.json"


def manifest_of(bundle_id: str) -> str:
    """Return the name of a bundle's manifest."""
    return f"bundles/{bundle_id}/{MANIFEST_NAME}"


def signature_of(bundle_id: str) -> str:
    """Return the name of a bundle's signature."""
    return f"bundles/{bundle_id}/{SIGNATURE_NAME}"


def activation_of(generation: int) -> str:
    """Return the name of a generation's record."""
    return f"activations/{generation}.json"


def generation_of(name: str) -> int | None:
    """Return the generation that a record's name stands for; None for any other name."""
    path = PurePosixPath(name)
    is_number = path.stem.isascii() and path.stem.isdigit() and not path.stem.startswith("0")
    return int(path.stem) if is_number and path.suffix == ".json" else None


def report_of(replica: str) -> str:
    """Return the name of a replica's report."""
    return f"replicas/{replica}.json"


def check_part(path: Path, part: Part) -> None:
    """Refuse a file that is not the part that its manifest says.

    Raises:
        BundleInvalid: if it is missing, or differs.
    """
    if not path.is_file() or path.stat().st_size != part.bytes or file_sha256(path) != part.sha256:
        raise BundleInvalid(
            f"{path} is missing, or not what the manifest says. Build the bundle again, or copy it anew."
        )


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Make a folder for what the context writes into it, and remove it again if the context fails.

    Raises:
        OSError: if it is there already, or cannot be made.
    """
    path.mkdir(parents=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
