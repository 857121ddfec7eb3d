"""The pairs that a service logged, read line by line from its log or audit log: numbers of its faces, no faces."""

import json
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.calibration.audit_lines import MARK, AuditedPairs, AuditLine
from models.tool_errors import LabelsInvalid
from service.arrays import Floats64
from service.scoring.population import MEASURES

MOST_LINES = 20_000_000
MOST_PAIRS = 1_000_000
LINE_BYTES = 65_536

_MOST_IDS = 16
_ID = re.compile("[0-9a-f]{8,64}")
_MESSAGE = b'"pair"'
_EVENTS = ("verify", "embed")
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _PairLine(BaseModel):
    """What is read of a line of the log; the rest is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)

    message: str
    logger: str
    anchor_set_id: Annotated[str, Field(max_length=64)] | None
    scoring_method: Annotated[str, Field(max_length=64)]
    score: _Finite
    photographs: Annotated[list[bool], Field(min_length=2, max_length=2)]
    measures: Annotated[list[dict[str, _Finite]], Field(min_length=2, max_length=2)]


@dataclass(slots=True)
class LoggedPairs:
    """What a log says of the pairs of one anchor set.

    Attributes:
        pairs: how many were taken.
        others: pairs, and of an audit log embedded faces, of other anchor sets.
        other_ids: how many of these by the other anchor set's id, the first few ids; "" for none and for what is no id.
        other_inputs: pairs of which a side was given in another form; of an audit log, that no rate was stated of.
        unread: lines that are longer than a line may be, or a pair's and cannot be read.
        left: whether lines or pairs beyond the most that are read were left.
        scores: (n,) by method.
        norms: (n, 2) by method, of the same pairs' faces, NaN where one is not known.
        measures: (m,) values of the faces of both sides, by measure.
        audited: what an audit log says; None where the log has pairs itself, which says more.
        said_twice: pairs of the audit log that were passed over for that.
    """

    pairs: int = 0
    others: int = 0
    other_ids: Counter[str] = field(default_factory=Counter)
    other_inputs: int = 0
    unread: int = 0
    left: bool = False
    scores: dict[str, Floats64] = field(default_factory=dict)
    norms: dict[str, Floats64] = field(default_factory=dict)
    measures: dict[str, Floats64] = field(default_factory=dict)
    audited: AuditedPairs | None = None
    said_twice: int = 0


def read_pairs_logged(logs: Sequence[Path], anchor_set_id: str, *, photographs: bool) -> LoggedPairs:
    """Read the pairs of logs.

    Args:
        logs: files of JSON lines, as the service writes them, its log (with IDA_LOG_PAIRS=1) or its audit log; lines of
            other kinds are passed over.
        anchor_set_id: whose pairs are taken: crowding and scores are those of one anchor set.
        photographs: whether pairs of two photographs are taken, or those of two faces given otherwise; an audit log
            does not say which they are.

    Raises:
        LabelsInvalid: if a file cannot be read.
    """
    found, audited = LoggedPairs(), AuditedPairs()
    scores: dict[str, array[float]] = {}
    norms: dict[str, array[float]] = {}
    measures = {name: array("d") for name in MEASURES}
    for line in _told(_lines(logs, found), found):
        if line.anchor_set_id != anchor_set_id:
            found.others += 1
            _count(found.other_ids, line.anchor_set_id)
        elif isinstance(line, _PairLine) and line.photographs != [photographs, photographs]:
            found.other_inputs += 1
        elif max(found.pairs, audited.pairs) >= MOST_PAIRS or len(audited.qualities) >= 2 * MOST_PAIRS:
            found.left = True
            break
        elif isinstance(line, AuditLine):
            audited.add(line)
        else:
            found.pairs += 1
            scores.setdefault(line.scoring_method, array("d")).append(line.score)
            of_pair = norms.setdefault(line.scoring_method, array("d"))
            of_pair.extend(side.get("norm", math.nan) for side in line.measures)
            for side in line.measures:
                for name, value in side.items():
                    if name in measures:
                        measures[name].append(value)
    found.scores = {name: np.array(values) for name, values in scores.items()}
    found.norms = {name: np.array(values).reshape(-1, 2) for name, values in norms.items()}
    found.measures = {name: np.array(values) for name, values in measures.items() if values}
    if found.pairs:
        found.said_twice = audited.pairs
    elif audited.pairs or audited.qualities:
        found.pairs, found.other_inputs, found.audited = audited.pairs, audited.unstated, audited
    return found


def _count(ids: Counter[str], anchor_set_id: str | None) -> None:
    told = anchor_set_id or ""
    known = told if _ID.fullmatch(told) else ""
    if known in ids or len(ids) < _MOST_IDS:
        ids[known] += 1


def _lines(logs: Sequence[Path], found: LoggedPairs) -> Iterator[bytes]:
    """Give the lines of files, each of bounded length; longer ones are counted and passed over."""
    count = 0
    for path in logs:
        try:
            with path.open("rb") as stream:
                while line := stream.readline(LINE_BYTES):
                    is_whole = line.endswith(b"\n") or len(line) < LINE_BYTES
                    while not line.endswith(b"\n") and (more := stream.readline(LINE_BYTES)):
                        line = more
                    count += 1
                    if count > MOST_LINES:
                        found.left = True
                        return
                    if is_whole:
                        yield line
                    else:
                        found.unread += 1
        except OSError as error:
            raise LabelsInvalid(f"The log {path} cannot be read ({error.strerror}).") from error


def _told(lines: Iterable[bytes], found: LoggedPairs) -> Iterator[_PairLine | AuditLine]:
    for line in lines:
        if _MESSAGE not in line and MARK not in line:
            continue
        try:
            content = json.loads(line)
            if not isinstance(content, dict):
                continue
            if (content.get("message"), content.get("logger")) == ("pair", "service.pairs"):
                yield _PairLine.model_validate(content)
            elif content.get("event") in _EVENTS and "message" not in content:
                yield AuditLine.model_validate(content)
        except (ValueError, RecursionError, ValidationError):
            found.unread += 1
