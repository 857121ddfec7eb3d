"""A bundle on the command line: its folder, or ``default`` for the one that is shipped."""

from pathlib import Path

import typer

from service.bundle.bundle_manifest import MANIFEST_NAME
from service.settings import DEFAULT_BUNDLE, SHIPPED_BUNDLE

SHIPPED = str(SHIPPED_BUNDLE)

BUNDLE_METAVAR = f"DIR|{SHIPPED}"


def bundle_folder(text: str) -> Path:
    """Return the folder of a bundle that an option or an argument names; ``parser`` of each that takes one.

    Raises:
        BadParameter: if there is none, saying what to give.
    """
    if text == SHIPPED:
        return DEFAULT_BUNDLE
    folder = Path(text).expanduser()
    if (folder / MANIFEST_NAME).is_file():
        return folder
    wrong = "is not there" if not folder.exists() else "is no folder"
    if folder.is_dir():
        wrong = f"is no bundle, there is no {MANIFEST_NAME} in it"
    raise typer.BadParameter(
        f"{text} {wrong}. Give the folder of a bundle, as `ida-verify anchors build` writes one, or `{SHIPPED}` for "
        "the one that is shipped."
    )
