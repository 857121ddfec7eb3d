"""Labelled sets as people name them: ``PATH`` or ``NAME=PATH``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Labels:
    """A label file or folder, ``.npz`` files of embeddings among them.

    Attributes:
        path: where it is.
        name: what the set is called; None for the file's own name.
    """

    path: Path
    name: str | None = None

    @property
    def called(self) -> str:
        """What the set is called."""
        return self.name or self.path.stem

    @property
    def holds_embeddings(self) -> bool:
        """Whether it is of embeddings, and not of pictures that are embedded."""
        return self.path.suffix == ".npz"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``PATH`` or ``NAME=PATH``."""
        name, mark, path = text.rpartition("=")
        return cls(Path(path), name if mark else None)
