"""``ida-verify verify`` and ``ida-verify embed``: one pair or one face, without a server."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.commands import reporting_errors
from models.commands.answer_words import evidence_sentences, verdict
from models.commands.pair_picture import ShownPicture, check_picture_path, write_pair_picture
from models.images.image_folder import DECODER_FAILURES, read_image
from service.api.answering.face_answer import embed_answer
from service.api.answering.pair_answer import embeddings_answer, full_answer
from service.api.wire.quality_wire import QualityAnswer
from service.api.wire.verify_wire import FaceAnswer, TemplateAnswer, VerifyAnswer
from service.choices import FacePolicy, LivenessPolicy, QualityPolicy, UnusablePictures
from service.errors import ImageUndecodable, InputError
from service.faces.types import AlignedFace
from service.loaded import LoadedService, load
from service.pipeline import FacePipeline
from service.settings import Settings, load_settings
from service.verifier import MOST_PICTURES, Photo, Template, Verification, Verifier

# A component of which this much is lacking is told; --json has all of them.
_POOR = 50.0

Image = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A photograph.")]
Policy = Annotated[FacePolicy | None, typer.Option("--face-policy", help="Which of several faces is taken.")]
LivenessOption = Annotated[
    LivenessPolicy | None,
    typer.Option("--liveness-policy", help="Look for presentation attacks; no less strict than IDA_LIVENESS_POLICY."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as the HTTP interface gives it.")]


def verify(
    probe: Image,
    reference: Annotated[
        list[Path],
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            help=f"A photograph, or up to {MOST_PICTURES} of one person, which are compared as one.",
        ),
    ],
    method: Annotated[str | None, typer.Option(help="Scoring method; the anchor set's default if absent.")] = None,
    operating_point: Annotated[
        str | None,
        typer.Option(
            help="Where to decide, such as fmr_1e-4, by which 1 in 10,000 pairs of different people pass; "
            "IDA_OPERATING_POINT if absent, which is fmr_1e-4 by default."
        ),
    ] = None,
    face_policy: Policy = None,
    quality_policy: Annotated[
        QualityPolicy | None,
        typer.Option(help="What becomes of faces beyond the calibrated people; IDA_QUALITY_POLICY if absent."),
    ] = None,
    liveness_policy: LivenessOption = None,
    unusable_pictures: Annotated[
        UnusablePictures,
        typer.Option(help="Of several references, what becomes of one that cannot be used: an error, or left out."),
    ] = "refuse",
    return_embeddings: Annotated[
        bool, typer.Option("--return-embeddings", help="With --json: the embeddings too, for `ida-verify replay`.")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png", help="Draw the photographs with the faces found, the crops and the answer in words."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over the file of --picture if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the face of a photograph with that of another, or of several of one person.

    Exit code 0 if the faces were scored, whatever was decided; 1 if not (the reason is printed), as where a photograph
    shows no face; 2 if the command line is wrong; 130 if interrupted. In scripts read `decision` of --json.
    """
    if len(reference) > MOST_PICTURES:
        raise typer.BadParameter(f"there are {len(reference)} references, the limit is {MOST_PICTURES}")
    if force and picture is None:
        raise typer.BadParameter("it has no effect without --picture", param_hint="--force")
    with reporting_errors():
        if picture is not None:
            check_picture_path(picture, force=force)
        settings, loaded, verifier = _load()
        with _naming(probe=(probe,), reference=reference):
            photos = [Photo(_read(path, settings)) for path in (probe, *reference)]
            skips = unusable_pictures == "skip"
            result = verifier.verify(
                photos[0],
                photos[1] if len(photos) == 2 else Template(tuple(photos[1:]), skips),
                method=method,
                operating_point=operating_point,
                policy=face_policy,
                quality_policy=quality_policy,
                liveness_policy=liveness_policy,
            )
        answer = full_answer(result, loaded.pipeline)
        if return_embeddings:
            answer.embeddings = embeddings_answer(result)
        if picture is not None:
            shown = _shown(photos, (probe, *reference), result, answer, loaded.pipeline)
            write_pair_picture(picture, shown, answer.decision, verdict(answer), evidence_sentences(answer))
            typer.echo(f"{picture} is written: photographs of faces, to be kept as such", err=True)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        calibrations = loaded.started.loaded.snapshot.calibrations
        _print(answer, None if calibrations is None else calibrations.population)


def embed(
    image: Image,
    method: Annotated[str | None, typer.Option(help="Method whose density is told with --json.")] = None,
    face_policy: Policy = None,
    liveness_policy: LivenessOption = None,
    as_json: AsJson = False,
) -> None:
    """Print the embedding of the face of a photograph, one value a line, or the whole answer with --json."""
    with reporting_errors():
        settings, loaded, verifier = _load()
        with _naming(image=(image,)):
            embedded = verifier.embed(
                Photo(_read(image, settings)), method=method, policy=face_policy, liveness_policy=liveness_policy
            )
        answer = embed_answer(embedded, loaded.pipeline)
    typer.echo(answer.model_dump_json(indent=2) if as_json else "\n".join(map(json.dumps, answer.embedding)))


def _load() -> tuple[Settings, LoadedService, Verifier]:
    settings = load_settings()
    loaded = load(settings)
    return settings, loaded, loaded.verifier(settings)


def _shown(
    photos: Sequence[Photo], paths: Sequence[Path], result: Verification, answer: VerifyAnswer, pipeline: FacePipeline
) -> list[ShownPicture]:
    """Return what the picture shows of each photograph."""
    faces: list[AlignedFace | None] = [*result.faces]
    told: list[FaceAnswer | None] = [answer.faces.probe, answer.faces.reference]
    problems: list[str | None] = [None, None]
    if result.template is not None and answer.template is not None:
        faces[1:] = [found.face for found in result.template.pictures]
        told[1:] = [found.face for found in answer.template.pictures]
        problems[1:] = [found.problem.detail if found.problem else None for found in answer.template.pictures]
    shown = []
    for place, (photo, path, face, of_face, problem) in enumerate(
        zip(photos, paths, faces, told, problems, strict=True)
    ):
        side = "probe" if place == 0 else "reference" if len(paths) == 2 else f"reference {place}"
        try:
            pixels = pipeline.decode(photo.data)
        except InputError:  # which the note says
            pixels = None
        notes = [f"left out: {problem}"] if problem else []
        if of_face is not None:
            notes += _facts(of_face)
        shown.append(ShownPicture(f"{side}: {path.name}", pixels, face, tuple(notes)))
    return shown


def _facts(face: FaceAnswer) -> list[str]:
    facts = [f"{face.image_width} x {face.image_height} pixels"]
    facts.append("1 face found" if face.faces_found == 1 else f"{face.faces_found} faces found, one chosen")
    if face.rotated_by:
        facts.append(f"turned by {face.rotated_by} degrees to find it")
    return [*facts, _quality(face.quality).replace("_", " ")]


def _read(path: Path, settings: Settings) -> bytes:
    try:
        return read_image(path, settings.max_image_bytes)
    except OSError as error:
        raise ImageUndecodable(f"{path} cannot be read ({error.strerror}).") from error


@contextmanager
def _naming(**paths: Sequence[Path]) -> Iterator[None]:
    """Add the path of the photograph to whatever is wrong with it."""
    listed = " or ".join(str(path) for of_input in paths.values() for path in of_input)
    try:
        yield
    except InputError as error:
        if error.image is None:  # of what was asked, not of a photograph
            raise
        of_input = paths.get(error.image, ())
        path = ", ".join(map(str, of_input if error.picture is None else (of_input[error.picture],)))
        raise error.about(f"{error.image}, {path}" if path else listed) from None
    except DECODER_FAILURES as error:
        raise ImageUndecodable(
            f"The photograph takes more memory, or lies deeper, than can be decoded ({type(error).__name__}). Save it "
            "again as a plain JPEG."
        ).about(listed) from error


def _quality(quality: QualityAnswer) -> str:
    """Return the unified quality of a face, and the components that are poorest."""
    scores = {} if quality.components is None else quality.components.model_dump()
    poor = sorted((score, name) for name, score in scores.items() if score is not None and score < _POOR)
    listed = ", ".join(f"{name} {score:.0f}" for score, name in poor)
    unified = "not known" if quality.unified is None else f"{quality.unified:.0f}"
    return f"quality {unified} of 100" + (f"; below {_POOR:.0f}: {listed}" if listed else "")


def _print(answer: VerifyAnswer, population: str | None) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("decision", verdict(answer))
    for sentence in evidence_sentences(answer):
        table.add_row("", sentence)
    for advice in dict.fromkeys(reason.advice for reason in answer.reasons):
        table.add_row("what to do", advice)
    if answer.fmr_at_score is not None:
        table.add_row("false-match rate", f"{answer.fmr_at_score:g} at this score (fmr_at_score)")
        table.add_row("evidence", f"{answer.evidence:.2f}, -log10 of that rate: 4 means 1 in 10,000")
        if population is not None:
            table.add_row("measured on", population)
    if answer.threshold is not None:
        table.add_row("threshold", f"{answer.threshold:.4f}, of {answer.operating_point}")
    table.add_row(f"score ({answer.method})", f"{answer.score:.4f}")
    table.add_row("similarity (cosine)", f"{answer.similarity:.4f}")
    if answer.dao_score is not None:
        table.add_row("DAO score", f"{answer.dao_score:.4f}")
    for name, face in (("probe", answer.faces.probe), ("reference", answer.faces.reference)):
        if face is None and answer.template is not None:
            _add_template(table, answer.template, answer)
            continue
        found = face.faces_found if face else 0
        text = f"{found} face{'' if found == 1 else 's'} found"
        if answer.crowding is not None:
            text = f"{text}, crowding {getattr(answer.crowding, name):.4f}"
        table.add_row(name, f"{text}{_liveness(face)}")
        if face is not None:
            table.add_row("", _quality(face.quality))
    served = answer.anchor_set
    table.add_row("anchor set", "none" if served is None else f"{served.id}, generation {served.generation}")
    table.add_row("time", f"{answer.timings_ms['total']:.1f} ms")
    Console().print(table)


def _add_template(table: Table, template: TemplateAnswer, answer: VerifyAnswer) -> None:
    crowding = "" if answer.crowding is None else f", crowding {answer.crowding.reference:.4f}"
    table.add_row("reference", f"{template.pictures_used} of {len(template.pictures)} pictures{crowding}")
    for place, picture in enumerate(template.pictures, 1):
        told = f"picture {place}: weight {picture.weight:.2f}"
        if picture.similarity is not None:
            told += f", similarity {picture.similarity:.4f}"
        if picture.problem is not None:
            told += f", left out: {picture.problem.detail}"
        told += "".join(f", {reason.code}" for reason in picture.reasons)
        table.add_row("", f"{told}{_liveness(picture.face)}")


def _liveness(face: FaceAnswer | None) -> str:
    if face is None or face.liveness is None:
        return ""
    found = face.liveness
    return f", {found.verdict}{f' ({found.reason})' if found.reason else ''}, liveness score {found.score:.4f}"
