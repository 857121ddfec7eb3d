"""What a user asks to be evaluated."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from models.engines.choice import EngineChoice
from models.evaluation.measure import MeasureOptions
from models.labelled.embed import PictureForm
from models.labelled.exclusions import Exclusions


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

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``PATH`` or ``NAME=PATH``."""
        name, mark, path = text.rpartition("=")
        return cls(Path(path), name if mark else None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asked to be evaluated.

    Attributes:
        labels: the labelled sets.
        packs: names of model packs.
        bundles: folders of bundles; each is used with the packs whose backbone it was made for.
        images: where the pictures' paths start from; None for beside the label files.
        input_form: what the pictures are.
        pairs: which pairs are compared; None for the given ones where a file gives some, else all.
        distractors: folder of pictures, or ``.npz``, of other people; None for the faces of the set itself.
        exclusions: what is left out.
        cached: whether the embedding cache is used.
        engine: what embeds the pictures.
        set_aside_by: bundle whose calibration set people aside, who alone are evaluated; None for everybody.
        options: what is measured.
    """

    labels: tuple[Labels, ...]
    packs: tuple[str, ...]
    bundles: tuple[Path, ...]
    images: Path | None
    input_form: PictureForm
    pairs: Literal["given", "all"] | None
    distractors: Path | None
    exclusions: Exclusions
    cached: bool
    options: MeasureOptions
    set_aside_by: Path | None = None
    engine: EngineChoice = field(default_factory=EngineChoice)
