"""CSV tables with a header: of pairs of pictures, or of pictures with their subject and template."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.labels.files.listing import BoolArray, IntArray, Listing, Names, PairList, TemplateList, refuse
from models.labels.files.text import read_lines

PAIR_COLUMNS = ("probe", "reference", "label")
PAIR_EXTRAS = ("probe_subject", "reference_subject", "group", "probe_group", "reference_group", "fold")
FACE_COLUMNS = ("subject", "image")
FACE_EXTRAS = ("template", "group")
_MATED = {"1": True, "true": True, "mated": True, "0": False, "false": False, "non-mated": False}


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV's rows.

    Attributes:
        path: the file.
        columns: names of the columns.
        rows: line number and fields by column of each row.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Sequence[tuple[int, Mapping[str, str]]]


def read_table(path: Path) -> Table:
    """Read a CSV whose first line names its columns.

    Raises:
        LabelsInvalid: if it is none of the known tables, or a row has another number of fields.
    """
    lines = read_lines(path)
    if not lines:
        refuse(path, None, "it is empty.")
    fields = [[cell.strip() for cell in row] for row in csv.reader(line for _, line in lines)]
    columns = tuple(fields[0])
    known, extras = (PAIR_COLUMNS, PAIR_EXTRAS) if "probe" in columns else (FACE_COLUMNS, FACE_EXTRAS)
    unknown = [name for name in columns if name not in known + extras]
    if unknown or not set(known) <= set(columns) or len(set(columns)) < len(columns):
        refuse(
            path,
            lines[0][0],
            f"the first line names the columns: {', '.join(PAIR_COLUMNS)} (and perhaps {', '.join(PAIR_EXTRAS)}), or "
            f"{', '.join(FACE_COLUMNS)} (and perhaps {', '.join(FACE_EXTRAS)}), not {', '.join(columns)}.",
        )
    if len(lines) == 1:
        refuse(path, None, "it has no rows.")
    rows = []
    for (line, _), cells in zip(lines[1:], fields[1:], strict=True):
        if len(cells) != len(columns):
            refuse(path, line, f"{len(cells)} fields, and {len(columns)} columns.")
        rows.append((line, dict(zip(columns, cells, strict=True))))
    return Table(path, columns, rows)


@dataclass(slots=True)
class _Pictures:
    """The pictures of a table, each found once; what is said of one twice must be the same."""

    path: Path
    root: Path
    images: Names = field(default_factory=Names)
    said: dict[tuple[int, str], str] = field(default_factory=dict)

    def row(self, image: str, line: int, **facts: str | None) -> int:
        """Return the row of a picture, and take note of what a line says of it."""
        known = len(self.images.numbers)
        row = self.images.number(image)
        if row == known and not (self.root / image).is_file():
            refuse(self.path, line, f"there is no picture {image} in {self.root}. Name its folder with --images.")
        for kind, value in facts.items():
            if value is not None and self.said.setdefault((row, kind), value) != value:
                refuse(self.path, line, f"{image} has the {kind} {value} here and {self.said[row, kind]} further up.")
        return row

    def numbered(self, kind: str) -> tuple[IntArray, tuple[str, ...]]:
        """Return the number of what was said of each picture, and the names by number."""
        names = Names()
        numbers = [names.number(self.said[row, kind]) for row in range(len(self.images.numbers))]
        return np.array(numbers, np.int64), names.all()


def read_pairs(table: Table, root: Path) -> Listing:
    """Read a table of pairs of pictures.

    Where it names no subjects, pictures that mated pairs join are of one identity.

    Raises:
        LabelsInvalid: naming the line that is wrong, or contradicts another.
    """
    path, pictures = table.path, _Pictures(table.path, root)
    first, second, mated, fold = [], [], [], []
    for line, row in table.rows:
        same = _MATED.get(row["label"].lower())
        if same is None:
            refuse(path, line, f"the label {row['label']!r} is none of {', '.join(_MATED)}.")
        rows = [
            pictures.row(
                row[side], line, subject=row.get(f"{side}_subject"), group=row.get(f"{side}_group", row.get("group"))
            )
            for side in ("probe", "reference")
        ]
        if rows[0] == rows[1]:
            refuse(path, line, f"{row['probe']} is compared with itself.")
        if "fold" in row and not row["fold"].isdecimal():
            refuse(path, line, f"the fold {row['fold']!r} is no whole number.")
        first.append(rows[0])
        second.append(rows[1])
        mated.append(same)
        fold.append(int(row.get("fold", 0)))
    pairs = PairList(np.array(first, np.int64), np.array(second, np.int64), np.array(mated))
    folds = np.unique(fold, return_inverse=True)[1] if "fold" in table.columns else None
    stated = {"probe_subject", "reference_subject"} <= set(table.columns)
    count = len(pictures.images.numbers)
    if stated:
        identities, names = pictures.numbered("subject")
    else:
        identities = _joined(pairs, count)
        names = tuple(pictures.images.all()[row] for row in np.unique(identities, return_index=True)[1])
    wrong = np.flatnonzero((identities[pairs.first] == identities[pairs.second]) != pairs.mated)
    if len(wrong):
        line, row = table.rows[wrong[0]]
        why = "their subjects say otherwise" if stated else "other mated pairs join the two pictures"
        refuse(path, line, f"the label of {row['probe']} and {row['reference']} is {row['label']}, and {why}.")
    grouped = "group" in table.columns or {"probe_group", "reference_group"} <= set(table.columns)
    groups, group_names = pictures.numbered("group") if grouped else (None, ())
    return Listing(
        root=root,
        images=tuple(Path(image) for image in pictures.images.all()),
        identities=identities,
        identity_names=names,
        identities_stated=stated,
        groups=groups,
        group_names=group_names,
        pairs=PairList(pairs.first, pairs.second, pairs.mated, folds),
    )


def read_faces(table: Table, root: Path) -> Listing:
    """Read a table of pictures with their subjects, and perhaps their templates and groups.

    Raises:
        LabelsInvalid: naming the line that is wrong, or contradicts another.
    """
    path, templates = table.path, Names()
    pictures = _Pictures(path, root)
    subjects: dict[str, str] = {}
    members = []
    for line, row in table.rows:
        face = pictures.row(row["image"], line, subject=row["subject"], group=row.get("group"))
        if "template" not in row:
            continue
        name = row["template"]
        if subjects.setdefault(name, row["subject"]) != row["subject"]:
            refuse(
                table.path, line, f"the template {name} has the subject {row['subject']} here, {subjects[name]} above."
            )
        members.append((templates.number(name), face))
    identities, names = pictures.numbered("subject")
    groups, group_names = pictures.numbered("group") if "group" in table.columns else (None, ())
    membership = np.array(members, np.int64).reshape(-1, 2)
    return Listing(
        root=root,
        images=tuple(Path(image) for image in pictures.images.all()),
        identities=identities,
        identity_names=names,
        groups=groups,
        group_names=group_names,
        templates=TemplateList(templates.all(), membership[:, 0], membership[:, 1]) if members else None,
    )


def _joined(pairs: PairList, count: int) -> IntArray:
    """Return numbers of pictures (count,), equal where mated pairs join them."""
    # Here, because it takes a fifth of a second to load, which every other command would wait.
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    mated: BoolArray = pairs.mated
    joins = coo_array((np.ones(int(mated.sum())), (pairs.first[mated], pairs.second[mated])), shape=(count, count))
    return np.asarray(connected_components(joins, directed=False)[1], dtype=np.int64)
