"""Options that ``evaluate`` and ``paper`` share: whom they measure, how often they resample, where the report goes."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.effect import Needs
from service.choices import FacePolicy

ImagesFolder = Annotated[
    Path | None,
    typer.Option("--images", exists=True, file_okay=False, help="Folder that the pictures' names start from."),
]
PicturesAre = Annotated[
    Literal["photo", "crop"], typer.Option("--input-form", help="Photographs, or aligned 112x112 crops.")
]
FaceChoice = Annotated[
    FacePolicy | None,
    typer.Option("--face-policy", help="Which of several faces of a photograph is taken [IDA_FACE_POLICY]."),
]
Distractors = Annotated[
    Path | None,
    typer.Option("--distractors", exists=True, help="Pictures of other people for identification, or an .npz."),
]
ExclusionsFile = Annotated[
    Path | None,
    typer.Option(
        "--exclusions", exists=True, dir_okay=False, help="TOML or CSV of images and pairs that are label noise."
    ),
]
EvaluatedPart = Annotated[
    Literal["report"] | None,
    typer.Option("--part", help="Only the people whom the calibration of --of set aside, on whom nothing was chosen."),
]
EvaluatedPartOf = Annotated[
    Path | None,
    typer.Option("--of", parser=bundle_folder, metavar=BUNDLE_METAVAR, help="Calibrated bundle of --part."),
]
Replicates = Annotated[int, typer.Option("--replicates", min=100, help="Bootstrap replicates over people.")]
DEFAULT_REPLICATES = 500
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything drawn.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Embed every picture again.")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the results as JSON.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a report to read.")]


def part_needs(part: str | None, of: Path | None) -> tuple[Needs, Needs]:
    """Return the needs of ``--part`` and ``--of``, each of the other."""
    return (
        Needs(of is not None, "without --of BUNDLE", ("part",)),
        Needs(part is not None, "without --part report", ("of",)),
    )
