"""Options that would have no effect are refused: whoever gives one expects something of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import typer

from models.labelled.labels import Labels


@dataclass(frozen=True, slots=True)
class Needs:
    """What options need to have an effect.

    Attributes:
        met: whether it is there.
        what: what is missing where it is not, as in "--gap-scale has no effect ...".
        options: names of the command's parameters that need it.
    """

    met: bool
    what: str
    options: tuple[str, ...]


def refuse_without_effect(context: typer.Context, *needs: Needs) -> None:
    """Refuse options that were given on the command line and would have no effect.

    Raises:
        typer.BadParameter: naming the first, and what it needs; the exit code is 2.
    """
    spelt = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    for need in needs:
        for name in need.options:
            if not need.met and _is_given(context, name):
                raise typer.BadParameter(
                    f"{spelt[name]} has no effect {need.what}. Leave it out, or change that.", context
                )


def names_pictures(texts: Sequence[str]) -> bool:
    """Return whether any of some labelled sets, each ``[NAME=]PATH``, is of pictures that are embedded."""
    return not all(Labels.parse(text).holds_embeddings for text in texts)


def names_label_files(texts: Sequence[str]) -> bool:
    """Return whether any is a file that names pictures, so that these may lie below another folder."""
    return any(not labels.holds_embeddings and not labels.path.is_dir() for labels in map(Labels.parse, texts))


def pictures_needed(texts: Sequence[str], *options: str) -> Needs:
    """Return the need of options about pictures and what embeds them."""
    return Needs(names_pictures(texts), "where all sets are .npz files of embeddings: nothing is embedded", options)


def label_files_needed(texts: Sequence[str]) -> Needs:
    """Return the need of ``--images``."""
    return Needs(
        names_label_files(texts), "without a label file: folders and .npz files name no other place", ("images",)
    )


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
