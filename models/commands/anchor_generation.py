"""``ida-verify anchors generate``: a generator's images, written into a folder."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from models.commands import reporting_errors
from models.commands.anchor_bars import anchor_bars
from models.generate.draw import Draw
from models.generate.generated_folder import generate_folder
from models.generate.generator import GeneratorFile
from models.generate.generator_inputs import Axes
from service.cpus import usable_cpus
from service.settings import load_settings

_option: partial[Any] = partial(typer.Option, rich_help_panel="Generator")

Psi = Annotated[float, _option(min=0, max=2, help="Truncation; 1 is none, less is nearer to average.")]
Label = Annotated[int | None, _option(min=0, help="Class of every image; drawn for each by default.")]
BatchOption = Annotated[int, _option(min=1, max=1024, help="Images of one run.")]
Latent = Annotated[int | None, _option(min=1, help="Values of a latent, where the file leaves it open.")]
Classes = Annotated[int | None, _option(min=0, help="Number of classes, where the file leaves it open.")]


def generate(
    generator: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Face generator: an ONNX or TorchScript file.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", file_okay=False, help="Folder that the images go to.")],
    count: Annotated[int, typer.Option(min=1, help="How many images the folder will hold.")],
    seed: Annotated[int, typer.Option(min=0, help="Together with an image's number it gives the image.")] = 0,
    psi: Psi = 1.0,
    label: Label = None,
    batch: BatchOption = 16,
    latent: Latent = None,
    classes: Classes = None,
) -> None:
    """Write a generator's images into a folder, as PNG files.

    Images that are there stay: run the command again to go on, or with a higher --count for more. The same generator,
    seed, psi and batch give the same images.
    """
    with reporting_errors():
        settings = load_settings()
        file = GeneratorFile(
            generator, Draw(seed=seed, psi=psi, label=label), batch, Axes(latent=latent, classes=classes)
        )
        run = file.load(device=settings.device, threads=settings.threads or usable_cpus())
        with anchor_bars() as bars:
            generated = generate_folder(run, out, count, file.facts(), progress=bars.generation())
    typer.echo(f"{out}: {generated.images} images, {generated.images - generated.found} of them new")
