"""``ida-verify anchors``: build anchor bundles."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as ProgressBar
from rich.text import Text

from models.build import BuildOptions, Built, Progress, build_bundle, check_build
from models.commands import reporting_errors
from service.cpus import usable_cpus
from service.pipeline import load_pipeline
from service.scoring.parameters import Parameters
from service.settings import load_settings

app = typer.Typer(name="anchors", help="Build anchor bundles.", no_args_is_help=True)

_PAPER = Parameters()


@app.callback()
def anchors() -> None:
    """Build anchor bundles."""


@app.command()
def build(
    images: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, help="Folder of generated faces; folders below it are read too."),
    ],
    out: Annotated[Path, typer.Option(metavar="BUNDLE", help="Folder to write the bundle to; must not exist.")],
    pack: Annotated[str | None, typer.Option(help="Model pack that embeds them [IDA_PACK].")] = None,
    k: Annotated[int, typer.Option(min=1, help="Anchors in a support set.")] = _PAPER.k,
    tau: Annotated[float, typer.Option(min=1e-6, max=100, help="Tau of the DAO score.")] = _PAPER.tau,
    strength: Annotated[
        float, typer.Option(min=0, max=10, help="Strength of the density term; 1 is the paper's.")
    ] = _PAPER.strength,
    default_method: Annotated[
        str, typer.Option(help="Method of a request that names none: cosine or ida-r.")
    ] = "ida-r",
    dtype: Annotated[
        Literal["float16", "float32"], typer.Option(help="Type in which the embeddings are stored.")
    ] = "float16",
    seed: Annotated[int, typer.Option(min=0, help="Chooses the golden pairs.")] = 0,
    description: Annotated[str, typer.Option(help="What the images are, for the bundle's provenance.")] = "",
) -> None:
    """Embed a folder of generated faces and write the bundle of anchors that the service loads."""
    options = BuildOptions(
        parameters=Parameters(k=k, tau=tau, strength=strength),
        default_method=default_method,
        stored_type=dtype,
        seed=seed,
        description=description,
    )
    with reporting_errors():
        check_build(out, options)
        settings = load_settings(pack=pack)
        pipeline = load_pipeline(settings)
        with _progress_bar() as show:
            built = build_bundle(
                pipeline,
                images,
                out,
                options,
                workers=settings.workers or usable_cpus(),
                max_image_bytes=settings.max_image_bytes,
                progress=show,
            )
    _print_built(out, built)


class _RateColumn(ProgressColumn):
    """Images a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.0f} images/s")


@contextmanager
def _progress_bar() -> Iterator[Callable[[Progress], None]]:
    """Show a bar on standard error while the block runs; the function it gives moves it."""
    with ProgressBar(
        TextColumn("embedding"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rejected]}"),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("embedding", total=None, rejected="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.images,
                total=progress.total,
                rejected=f"rejected: {_reasons(progress.rejected)}" if progress.rejected else "",
            )

        yield show


def _reasons(rejected: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(rejected.items()))


def _print_built(out: Path, built: Built) -> None:
    typer.echo(f"{out}: bundle {built.bundle_id}, {built.anchors} anchors from {built.images} images")
    if built.rejected:
        typer.echo(f"rejected: {_reasons(built.rejected)}")
    if built.other_files:
        typer.echo(f"ignored: {built.other_files} files that are no images")
    typer.echo(f"Serve it with IDA_BUNDLE={out}")
