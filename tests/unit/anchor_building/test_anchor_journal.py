"""The journal of a build: what a crash leaves, and what the next run makes of it."""

import numpy as np
import pytest

from models.anchors.journal import embedding_journal
from models.tool_errors import ImagesNotWritten

JOB = {"source": "a"}


class Crash(Exception):
    """The process dies."""


def count(journal, items):
    for _ in range(items):
        journal.tally.add("one", 1, ["no_face"])


def write_and_die(journal, rows, checkpoints):
    for _ in range(checkpoints):
        journal.append(rows)
        count(journal, len(rows))
        journal.checkpoint()
    journal.append(rows[:2])
    count(journal, 2)
    raise Crash


def crash_after(out, rows, *, checkpoints=1):
    """Write rows at each checkpoint and some after the last, then die."""
    with pytest.raises(Crash), embedding_journal(out, JOB, rows.shape[1]) as journal:
        write_and_die(journal, rows, checkpoints)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "bundle"


def test_journal_goes_on_from_the_last_checkpoint(out, unit_rows):
    rows = unit_rows(5, 8)
    crash_after(out, rows, checkpoints=2)

    with embedding_journal(out, JOB, 8) as journal:
        assert journal.tally.items == 10
        assert journal.tally.images == 20
        assert dict(journal.tally.rejected) == {"no_face": 10}
        journal.append(-rows[:1])
        assert np.array_equal(journal.rows(), np.concatenate([rows, rows, -rows[:1]]))


def test_journal_is_gone_once_the_block_succeeds(out, unit_rows):
    crash_after(out, unit_rows(5, 8))
    with embedding_journal(out, JOB, 8):
        pass

    assert list(out.parent.iterdir()) == []


def test_journal_of_another_job_starts_anew(out, unit_rows):
    crash_after(out, unit_rows(5, 8))

    with embedding_journal(out, {"source": "b"}, 8) as journal:
        assert journal.tally.items == 0
        assert journal.rows().shape == (0, 8)


def test_journal_without_a_checkpoint_leaves_nothing(out, unit_rows):
    crash_after(out, unit_rows(5, 8), checkpoints=0)

    assert not [path for path in out.parent.iterdir() if path.is_dir()]


def test_journal_whose_last_line_was_cut_short_goes_on_from_the_one_before(out, unit_rows):
    rows = unit_rows(5, 8)
    crash_after(out, rows, checkpoints=2)
    (lines,) = out.parent.glob(".bundle.building/*.jsonl")
    lines.write_text(lines.read_text()[:-10])

    with embedding_journal(out, JOB, 8) as journal:
        assert journal.tally.items == 5
        assert np.array_equal(journal.rows(), rows)


def test_journal_whose_embeddings_were_lost_starts_anew(out, unit_rows):
    crash_after(out, unit_rows(5, 8))
    (embeddings,) = out.parent.glob(".bundle.building/*.f32")
    embeddings.write_bytes(b"")

    with embedding_journal(out, JOB, 8) as journal:
        assert journal.tally.items == 0


def test_journal_that_another_build_has_is_refused(out):
    with embedding_journal(out, JOB, 8), pytest.raises(ImagesNotWritten, match="Another process"):
        embedding_journal(out, JOB, 8).__enter__()


def test_journal_where_nothing_can_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ImagesNotWritten, match="Make room"):
        embedding_journal(tmp_path / "file" / "bundle", JOB, 8).__enter__()
