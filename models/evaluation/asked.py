"""What a user asks to be evaluated."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.engines.choice import EngineChoice
from models.evaluation.measure import MeasureOptions
from models.labelled.embed import PictureForm
from models.labelled.exclusions import Exclusions
from models.labelled.labels import Labels


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
        built_in: the settings' bundle, with which a pack is evaluated where no bundles are named, if it was made for
            the pack's backbone; None where the cosine alone is asked for.
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
    built_in: Path | None = None
