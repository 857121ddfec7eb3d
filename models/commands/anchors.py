"""``ida-verify anchors``: generate faces, build anchor bundles of them, look at a bundle."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from models.anchors.build import Built, build_bundle, build_from_embeddings
from models.anchors.build_options import BuildOptions
from models.anchors.crops import reasons
from models.anchors.steps import AnchorSteps, Shared
from models.commands import anchor_generation, anchor_inspection, anchor_signing, anchors_remote, reporting_errors
from models.commands.anchor_bars import anchor_bars
from models.commands.anchor_generation import BatchOption, Classes, Label, Latent, Psi
from models.commands.anchor_input import SourceOptions, given_embeddings, image_source
from models.commands.bundle_option import BUNDLE_METAVAR, bundle_folder
from models.commands.engine_option import EngineOption, RayAddress, RayWorkers
from models.degrade.copies import CopyPlan
from models.degrade.recipe import DEFAULT_RECIPE, find_recipe
from models.engines.choice import EngineChoice
from models.engines.engine import Engine
from models.generate.draw import Draw
from models.generate.generator import GeneratorFile
from models.generate.generator_inputs import Axes
from models.images.unreadable import named_sentence
from service.cpus import usable_cpus
from service.pipeline import FacePipeline, load_pipeline
from service.scoring.parameters import Parameters
from service.settings import Settings, load_settings

app = typer.Typer(
    name="anchors",
    help="Generate faces, build anchor bundles, look at them, and activate them in a running service.",
    no_args_is_help=True,
)
app.command("generate")(anchor_generation.generate)
app.command("inspect")(anchor_inspection.inspect)
app.command("push")(anchors_remote.push)
app.command("activate")(anchors_remote.activate)
app.command("rollback")(anchors_remote.rollback)
app.command("status")(anchors_remote.status)
app.command("delete")(anchors_remote.delete)
app.command("keygen")(anchor_signing.keygen)
app.command("sign")(anchor_signing.sign)

_PAPER = Parameters()
# Options by the panel of the help that they stand in.
_source: partial[Any] = partial(typer.Option, rich_help_panel="Source (give one)")
_images: partial[Any] = partial(typer.Option, rich_help_panel="Images")
_set: partial[Any] = partial(typer.Option, rich_help_panel="Set")
_scores: partial[Any] = partial(typer.Option, rich_help_panel="Scores")


@app.command()
def build(
    out: Annotated[Path, typer.Option(metavar="BUNDLE", help="Folder to write the bundle to; must not exist.")],
    images: Annotated[
        Path | None, _source(exists=True, file_okay=False, help="Folder of generated faces, and those below it.")
    ] = None,
    generator: Annotated[
        Path | None, _source(exists=True, dir_okay=False, help="Face generator, ONNX or TorchScript.")
    ] = None,
    class_weights: Annotated[
        Path | None, _source(exists=True, dir_okay=False, help="Weights of a classifier: .npy, .npz or .onnx.")
    ] = None,
    real_faces: Annotated[
        Path | None, _source(exists=True, file_okay=False, help="Folder with a folder for each consenting person.")
    ] = None,
    bundle: Annotated[
        list[Path] | None,
        _source(parser=bundle_folder, metavar=BUNDLE_METAVAR, help="Bundle whose anchors are taken; may be repeated."),
    ] = None,
    count: Annotated[int, _source(min=0, help="Images that the generator makes.")] = 0,
    psi: Psi = 1.0,
    label: Label = None,
    batch: BatchOption = 16,
    latent: Latent = None,
    classes: Classes = None,
    array: Annotated[str | None, _source(help="Name of the class weights in an .npz or .onnx.")] = None,
    consent: Annotated[str, _source(help="What the people of --real-faces agreed to.")] = "",
    pack: Annotated[str | None, typer.Option(help="Model pack that embeds them [IDA_PACK].")] = None,
    recipe: Annotated[str, _images(help="How copies are degraded: default, none, or a TOML file.")] = DEFAULT_RECIPE,
    copies: Annotated[int, _images(min=1, max=1000, help="Degraded copies of each image.")] = 1,
    duplicates: Annotated[
        float | None, _set(min=0, max=1, help="Drop an anchor at least this similar to an earlier one.")
    ] = None,
    shared: Annotated[Shared, _set(help="Remove what all anchors share: their mean, or principal axes.")] = "none",
    directions: Annotated[int, _set(min=1, help="Principal directions that are removed.")] = 1,
    spread: Annotated[float | None, _set(min=0, max=1, help="Thin the set to this mean pair cosine.")] = None,
    k: Annotated[int | None, _scores(min=1, help=f"Anchors in a support set [{_PAPER.k}].")] = None,
    tau: Annotated[float | None, _scores(min=1e-6, max=100, help=f"Tau of Eq. 4 [{_PAPER.tau}].")] = None,
    strength: Annotated[
        float | None, _scores(min=0, max=10, help="Strength of the density term (1 by default, the paper's).")
    ] = None,
    guard: Annotated[
        float | None, _scores(min=0, max=1, help="Leave out anchors at least this similar to a face (real faces).")
    ] = None,
    default_method: Annotated[
        str | None, _scores(help="Method of a request that names none; ida-r by default.")
    ] = None,
    dtype: Annotated[
        Literal["float16", "float32"], typer.Option(help="Type in which the embeddings are stored.")
    ] = "float16",
    seed: Annotated[
        int, typer.Option(min=0, help="Of the generated images, the degradations and the golden pairs.")
    ] = 0,
    description: Annotated[str, typer.Option(help="What the images are, for the bundle's provenance.")] = "",
    engine: EngineOption = "local",
    ray_address: RayAddress = "",
    ray_workers: RayWorkers = 0,
) -> None:
    """Make anchors of one source and write the bundle that the service loads.

    An interrupted build goes on where it was when the same command is run again.
    """
    given = SourceOptions(
        images=images,
        generator=None
        if generator is None
        else GeneratorFile(generator, Draw(seed, psi, label), batch, Axes(latent, classes)),
        count=count,
        class_weights=class_weights,
        array=array,
        real_faces=real_faces,
        consent=consent,
        bundles=tuple(bundle or ()),
        seed=seed,
    )
    asked: dict[str, Any] = {"k": k, "tau": tau, "strength": strength, "guard": guard}
    with reporting_errors():
        given.check()
        found = find_recipe(recipe)
        options = BuildOptions(
            parameters=_PAPER,
            default_method=default_method or "ida-r",
            stored_type=dtype,
            seed=seed,
            description=description,
            plan=CopyPlan(found, copies if found else 1, seed),
            steps=AnchorSteps(duplicates, shared, directions, spread),
        )
        options.check(out)
        settings = load_settings(pack=pack)
        pipeline = load_pipeline(settings)
        with EngineChoice(engine, ray_address, ray_workers).opened(settings, pipeline) as found_engine:
            built = _build(given, out, options, asked, default_method, pipeline, settings, found_engine)
    _print_built(out, built)
    if real_faces and guard is None:
        typer.echo("note: without --guard an anchor of a probe's own person counts against that person.")


def _build(
    given: SourceOptions,
    out: Path,
    options: BuildOptions,
    asked: dict[str, Any],
    default_method: str | None,
    pipeline: FacePipeline,
    settings: Settings,
    engine: Engine | None,
) -> Built:
    def with_parameters(base: Parameters) -> BuildOptions:
        changed = {name: value for name, value in asked.items() if value is not None}
        return replace(options, parameters=base.changed(**changed))

    with anchor_bars() as bars:
        source = image_source(given, pipeline, settings)
        if source is not None:
            return build_bundle(
                pipeline,
                source,
                out,
                with_parameters(_PAPER),
                workers=settings.workers or usable_cpus(),
                engine=engine,
                progress=bars.embedding("people" if given.real_faces else "images"),
                stage=bars.stage,
            )
        embeddings = given_embeddings(given, pipeline)
        chosen = with_parameters(embeddings.parameters or _PAPER)
        if default_method is None and embeddings.default_method is not None:
            chosen = replace(chosen, default_method=embeddings.default_method)
        return build_from_embeddings(
            pipeline,
            embeddings.embeddings,
            out,
            chosen,
            embeddings.facts,
            pipeline_id=embeddings.pipeline_id,
            stage=bars.stage,
        )


def _print_built(out: Path, built: Built) -> None:
    report = built.report
    source = f" from {built.images} images" if built.images else ""
    typer.echo(f"{out}: bundle {built.bundle_id}, {built.anchors} anchors{source}")
    if built.rejected:
        typer.echo(f"rejected: {reasons(built.rejected)}")
    if built.unreadable:
        typer.echo(f"note: {named_sentence(built.unreadable, built.images)}", err=True)
    if built.other_files:
        typer.echo(f"ignored: {built.other_files} files that are no images")
    if report.near_duplicates or report.thinned:
        typer.echo(f"dropped: {report.near_duplicates} near-duplicates, {report.thinned} to spread the set")
    before = f" ({report.mean_pair_cosine_given:.3f} as embedded)" if report.given else ""
    typer.echo(f"mean pair cosine: {report.mean_pair_cosine:.3f}{before}")
    typer.echo(f"Look at it with `ida-verify anchors inspect {out}`, calibrate it with `ida-verify calibrate`,")
    typer.echo(f"serve it with IDA_BUNDLE={out}")
