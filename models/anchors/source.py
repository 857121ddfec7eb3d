"""What anchors are made from, as a stream of items: a folder, a generator, or people who consented."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from pydantic import JsonValue

from models.generate.generated_folder import read_record
from models.generate.generator import ImageRun, image_name
from models.images.image_folder import ImageFolder, read_image
from models.tool_errors import AnchorSourceInvalid
from service.arrays import ImageArray
from service.faces.pictures.formats import SUFFIXES

Decode = Callable[[bytes], ImageArray]


class Picture(Protocol):
    """One photograph or generated image. Can be pickled, so that another machine may read it."""

    @property
    def name(self) -> str:
        """What tells it from the others of its source; its randomness follows from it."""
        ...

    def read(self, decode: Decode, /) -> ImageArray:
        """Return its pixels, (height, width, 3) uint8, RGB.

        Raises:
            InputError, OSError: if it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FilePicture:
    """A picture in a file.

    Attributes:
        name: its path relative to its folder.
        path: of the file.
        max_bytes: no more than this and one byte is read.
    """

    name: str
    path: Path
    max_bytes: int

    def read(self, decode: Decode, /) -> ImageArray:
        """Return its pixels; see ``Picture.read``."""
        return decode(read_image(self.path, self.max_bytes))


@dataclass(frozen=True, slots=True)
class MadePicture:
    """A picture that was generated and lies in memory.

    Attributes:
        name: as in a folder of generated images.
        pixels: (height, width, 3) uint8, RGB.
    """

    name: str
    pixels: ImageArray

    def read(self, _: Decode, /) -> ImageArray:
        """Return its pixels."""
        return np.asarray(self.pixels)


@dataclass(frozen=True, slots=True)
class Item:
    """What gives one anchor, or one a copy.

    Attributes:
        group: what its counts are added to.
        pictures: tried in this order until one has a face.
    """

    group: str
    pictures: tuple[Picture, ...]


class AnchorSource(Protocol):
    """Items in a fixed order."""

    def __len__(self) -> int: ...

    def items(self, first: int) -> Iterator[Item]:
        """Yield the items from a number on."""
        ...

    def facts(self) -> dict[str, JsonValue]:
        """Return where the items come from, for the bundle's provenance; never a path of this machine."""
        ...

    def fingerprint(self) -> str:
        """Return what changes when the items do."""
        ...

    def what(self) -> str:
        """Return how many there are of what, for messages."""
        ...


class FolderSource:
    """Every image below a folder."""

    def __init__(self, folder: ImageFolder, *, max_image_bytes: int) -> None:
        self._folder = folder
        self._limit = max_image_bytes

    def __len__(self) -> int:
        return len(self._folder.images)

    def items(self, first: int) -> Iterator[Item]:
        """Yield an item an image, its group the folder right below the root, "." in the root itself."""
        for image in self._folder.images[first:]:
            group = image.parts[0] if len(image.parts) > 1 else "."
            yield Item(group, (_picture(self._folder.root, image, self._limit),))

    def facts(self) -> dict[str, JsonValue]:
        """Return the folder's name, and what it says its images were generated from."""
        root = self._folder.root
        facts: dict[str, JsonValue] = {"images": root.resolve().name, "other_files": self._folder.other_files}
        record = read_record(root)
        return facts if record is None else {**facts, "generation": record}

    def fingerprint(self) -> str:
        """Return a digest of the images' names, sizes and times."""
        return _files_digest(self._folder)

    def what(self) -> str:
        """Return the number of images."""
        return f"{len(self)} images ({', '.join(SUFFIXES)}) in {self._folder.root}"


class RealFacesSource:
    """One image of each person: the folders right below the root are people, and the images below them are theirs."""

    def __init__(self, folder: ImageFolder, *, max_image_bytes: int, seed: int, consent: str) -> None:
        """Take a folder of people.

        Args:
            folder: its images.
            max_image_bytes: the largest file that is read.
            seed: chooses the image of each person.
            consent: what these people agreed to, in the operator's words.

        Raises:
            AnchorSourceInvalid: if nothing is said of their consent, or an image belongs to nobody.
        """
        if not consent.strip():
            raise AnchorSourceInvalid(
                "Anchors of real faces are data about people: say with --consent what they agreed to. It is written "
                "into the bundle's provenance."
            )
        self._people: dict[str, list[Path]] = {}
        for image in folder.images:
            if len(image.parts) == 1:
                raise AnchorSourceInvalid(
                    f"The image {image} lies in {folder.root} itself: put each person's images into a folder of their "
                    "own."
                )
            self._people.setdefault(image.parts[0], []).append(image)
        self._folder = folder
        self._limit = max_image_bytes
        self._seed = seed
        self._consent = consent

    def __len__(self) -> int:
        return len(self._people)

    def items(self, first: int) -> Iterator[Item]:
        """Yield an item a person, whose images come in an order that the seed chooses."""
        for images in list(self._people.values())[first:]:
            person = hashlib.blake2b(images[0].parts[0].encode(), digest_size=8).digest()
            order = np.random.default_rng((self._seed, int.from_bytes(person, "little"))).permutation(len(images))
            pictures = (_picture(self._folder.root, images[place], self._limit) for place in order)
            # No name of a person may reach the provenance, so all are of one group.
            yield Item("people", tuple(pictures))

    def facts(self) -> dict[str, JsonValue]:
        """Return how many people there are and what they agreed to."""
        return {
            "real_faces": self._folder.root.resolve().name,
            "people": len(self),
            "consent": self._consent,
            "other_files": self._folder.other_files,
        }

    def fingerprint(self) -> str:
        """Return a digest of the images' names, sizes and times, and of the seed."""
        return f"{_files_digest(self._folder)}/{self._seed}"

    def what(self) -> str:
        """Return the number of people."""
        return f"{len(self)} people in {self._folder.root}"


class GeneratorSource:
    """Images that a generator makes while they are embedded; none is stored."""

    def __init__(self, run: ImageRun, count: int, facts: dict[str, JsonValue]) -> None:
        """Take the images 0 to count - 1 of a run, and what they follow from."""
        self._run = run
        self._count = count
        self._facts = facts

    def __len__(self) -> int:
        return self._count

    def items(self, first: int) -> Iterator[Item]:
        """Yield an item an image, named as in a folder of generated images."""
        for image in self._run.images(self._count, skip=range(first)):
            yield Item(".", (MadePicture(image_name(image.number), image.pixels),))

    def facts(self) -> dict[str, JsonValue]:
        """Return what the images follow from."""
        return {"generation": {**self._facts}, "count": self._count}

    def fingerprint(self) -> str:
        """Return what the images follow from, as text."""
        return repr(sorted(self._facts.items()))

    def what(self) -> str:
        """Return the number of images."""
        return f"{self._count} generated images"


def _picture(root: Path, image: Path, limit: int) -> Picture:
    return FilePicture(image.as_posix(), root / image, limit)


def _files_digest(folder: ImageFolder) -> str:
    digest = hashlib.sha256()
    for image in folder.images:
        try:
            status = (folder.root / image).stat()
            size, time = status.st_size, status.st_mtime_ns
        except OSError:
            size = time = -1
        digest.update(f"{image.as_posix()}\0{size}\0{time}\0".encode())
    return digest.hexdigest()
