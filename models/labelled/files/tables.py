"""Tables with a header: of pairs of pictures, or of pictures with their subject and template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from models.labelled.files.listing import Listing, Names, PairList, TemplateList, is_picture, refuse
from models.labelled.files.text import DELIMITERS, fields_of, header_of, read_lines
from service.arrays import Bools, Ints

PAIR_COLUMNS = ("probe", "reference", "label")
PAIR_EXTRAS = ("probe_subject", "reference_subject", "group", "probe_group", "reference_group", "fold")
FACE_COLUMNS = ("subject", "image")
FACE_EXTRAS = ("template", "group")
_COLUMNS = (
    f"the first line names the columns: {', '.join(PAIR_COLUMNS)} (and perhaps {', '.join(PAIR_EXTRAS)}), or "
    f"{', '.join(FACE_COLUMNS)} (and perhaps {', '.join(FACE_EXTRAS)})"
)
_DELIMITERS = " or ".join(DELIMITERS.values())
# Characters of a file's own that an error repeats.
_SHOWN = 200
_MOST_FOLD_DIGITS = 9
_MATED = {"1": True, "true": True, "mated": True, "0": False, "false": False, "non-mated": False}


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows.

    Attributes:
        path: the file.
        columns: names of the columns.
        rows: line number and fields by column of each row, read as they are taken, once.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Iterator[tuple[int, Mapping[str, str]]]


def is_table(path: Path) -> bool:
    """Return whether a file's first line names the columns of a known table."""
    first = next(read_lines(path), None)
    return first is not None and header_of(first[1], (PAIR_COLUMNS, FACE_COLUMNS)) is not None


def read_table(path: Path) -> Table:
    """Read a table whose first line names its columns; commas, semicolons or tabs part its fields.

    Raises:
        LabelsInvalid: if it is none of the known tables; from ``rows``, if there is none or one has another number of
            fields.
    """
    lines = read_lines(path)
    head = next(lines, None)
    if head is None:
        refuse(path, None, "it is empty.")
    found = header_of(head[1], (PAIR_COLUMNS, FACE_COLUMNS))
    if found is None:
        refuse(path, head[0], f"{_COLUMNS}, parted by {_DELIMITERS}, not {head[1].strip()[:_SHOWN]!r}.")
    delimiter, columns = found
    known = PAIR_COLUMNS + PAIR_EXTRAS if "probe" in columns else FACE_COLUMNS + FACE_EXTRAS
    unknown = next((name for name in columns if name not in known), None)
    if unknown is not None:
        near = get_close_matches(unknown, known, 1)
        hint = f"; perhaps {near[0]} is meant" if near else ""
        refuse(path, head[0], f"{_COLUMNS}, not {unknown[:_SHOWN]!r}{hint}.")
    if len(set(columns)) < len(columns):
        refuse(path, head[0], f"{_COLUMNS}, each once.")
    return Table(path, tuple(columns), _rows(path, lines, columns, delimiter))


def _rows(
    path: Path, lines: Iterator[tuple[int, str]], columns: Sequence[str], delimiter: str
) -> Iterator[tuple[int, Mapping[str, str]]]:
    empty = True
    for line, text in lines:
        empty = False
        try:
            cells = fields_of(text, delimiter)
        except ValueError as error:
            refuse(path, line, f"{error}.")
        if len(cells) != len(columns):
            other = next((name for mark, name in DELIMITERS.items() if mark != delimiter and mark in text), None)
            hint = (
                f"; the first line parts them by {DELIMITERS[delimiter]}, this one perhaps by {other}" if other else ""
            )
            refuse(path, line, f"{len(cells)} fields, and {len(columns)} columns{hint}.")
        yield line, dict(zip(columns, cells, strict=True))
    if empty:
        refuse(path, None, "it has no rows.")


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
        if row == known and not is_picture(self.root / image):
            refuse(self.path, line, f"there is no picture {image} in {self.root}. Name its folder with --images.")
        for kind, value in facts.items():
            if value is not None and self.said.setdefault((row, kind), value) != value:
                refuse(self.path, line, f"{image} has the {kind} {value} here and {self.said[row, kind]} further up.")
        return row

    def numbered(self, kind: str) -> tuple[Ints, tuple[str, ...]]:
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
    first, second, mated, fold, lines = [], [], [], [], []
    for line, row in table.rows:
        same = _MATED.get(row["label"].lower())
        if same is None:
            refuse(path, line, f"the label {row['label'][:_SHOWN]!r} is none of {', '.join(_MATED)}.")
        rows = [
            pictures.row(
                row[side], line, subject=row.get(f"{side}_subject"), group=row.get(f"{side}_group", row.get("group"))
            )
            for side in ("probe", "reference")
        ]
        if rows[0] == rows[1]:
            refuse(path, line, f"{row['probe']} is compared with itself.")
        if "fold" in row and not (row["fold"].isdecimal() and len(row["fold"]) <= _MOST_FOLD_DIGITS):
            refuse(path, line, f"the fold {row['fold'][:_SHOWN]!r} is no whole number.")
        first.append(rows[0])
        second.append(rows[1])
        mated.append(same)
        fold.append(int(row.get("fold", 0)))
        lines.append(line)
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
        pair, shown = wrong[0], pictures.images.all()
        why = "their subjects say otherwise" if stated else "other mated pairs join the two pictures"
        one, other = shown[pairs.first[pair]], shown[pairs.second[pair]]
        said = "mated" if pairs.mated[pair] else "non-mated"
        refuse(path, lines[pair], f"the label of {one} and {other} says that they are {said}, and {why}.")
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


def _joined(pairs: PairList, count: int) -> Ints:
    """Return numbers of pictures (count,), equal where mated pairs join them."""
    # Here, because it takes a fifth of a second to load, which every other command would wait.
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    mated: Bools = pairs.mated
    joins = coo_array((np.ones(int(mated.sum())), (pairs.first[mated], pairs.second[mated])), shape=(count, count))
    return np.asarray(connected_components(joins, directed=False)[1], dtype=np.int64)
