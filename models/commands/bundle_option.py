"""A bundle on the command line: its folder, or the name of one that is shipped, such as ``default``."""

from pathlib import Path

import typer

from service.activation.built_in import shipped_bundles
from service.bundle.bundle_manifest import MANIFEST_NAME
from service.settings import SHIPPED_BUNDLE

BUNDLE_METAVAR = f"DIR|{SHIPPED_BUNDLE}"


def shipped_by_name() -> dict[str, Path]:
    """Return the folders of the bundles that are shipped, by the names that options take: ``default`` first."""
    return {folder.name: folder for folder in shipped_bundles()}


def bundle_folder(text: str) -> Path:
    """Return the folder of a bundle that an option or an argument names; ``parser`` of each that takes one.

    Raises:
        BadParameter: if there is none, saying what to give.
    """
    shipped = shipped_by_name()
    if text in shipped:
        return shipped[text]
    folder = Path(text).expanduser()
    if (folder / MANIFEST_NAME).is_file():
        return folder
    wrong = "is not there" if not folder.exists() else "is no folder"
    if folder.is_dir():
        wrong = f"is no bundle, there is no {MANIFEST_NAME} in it"
    raise typer.BadParameter(
        f"{text} {wrong}. Give the folder of a bundle, as `ida-verify anchors build` writes one, or the name of one "
        f"that is shipped: {' or '.join(f'`{name}`' for name in shipped)}."
    )
