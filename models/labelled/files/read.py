"""Tells the kinds of label files apart."""

from pathlib import Path

from models.labelled.files.identity_folders import read_folder
from models.labelled.files.lfw import read_lfw_pairs
from models.labelled.files.listing import Listing, refuse
from models.labelled.files.tables import is_table, read_faces, read_pairs, read_table


def read_listing(path: Path, images_root: Path | None) -> Listing:
    """Read a label file or a folder per identity.

    Args:
        path: a folder; a table with a header, in whatever file; any other file but a ``.csv`` or ``.tsv`` is taken for
            an LFW-style pairs file.
        images_root: where the pictures' paths start from. By default the folder ``images`` beside an LFW-style file
            if there is one, else the file's folder.

    Raises:
        LabelsInvalid: naming the line, if there is one that is wrong.
    """
    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        refuse(path, None, "there is no such file or folder.")
    if path.suffix.lower() not in (".csv", ".tsv") and not is_table(path):
        beside = path.parent / "images"
        return read_lfw_pairs(path, images_root or (beside if beside.is_dir() else path.parent))
    table = read_table(path)
    root = images_root or path.parent
    return read_pairs(table, root) if "probe" in table.columns else read_faces(table, root)
