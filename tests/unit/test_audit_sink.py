"""The audit log's file: turned over by size, whole lines or none, one process, found again where it was moved away."""

import os

import pytest

from service.errors import SettingsInvalid
from service.telemetry import audit_sink
from service.telemetry.audit_sink import TurnedFile, open_audit_sink


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.log"


@pytest.fixture
def opened(path):
    made = []

    def open_file(most_bytes=1024, most_files=3):
        made.append(TurnedFile(path, most_bytes, most_files))
        return made[-1]

    yield open_file
    for sink in made:
        sink.close()


def line(number, length=100):
    return f"{number:0{length - 1}d}\n".encode()


def numbers(path):
    return [int(text) for text in path.read_text().splitlines()]


def test_file_is_for_its_owner_alone(path, opened):
    opened().write(line(1))
    assert path.stat().st_mode & 0o777 == 0o600


def test_full_file_is_turned_over_and_the_oldest_goes(path, opened):
    sink = opened()
    for number in range(45):
        sink.write(line(number))
    kept = [numbers(path.with_name(name)) for name in ("audit.log.2", "audit.log.1", "audit.log")]
    assert kept == [list(range(20, 30)), list(range(30, 40)), list(range(40, 45))]
    assert sorted(found.name for found in path.parent.iterdir()) == [
        "audit.log",
        "audit.log.1",
        "audit.log.2",
        "audit.log.lock",
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_lines_of_one_batch_stay_together_also_where_they_are_more_than_a_file_holds(path, opened):
    sink = opened()
    sink.write(line(1))
    sink.write(b"".join(map(line, range(2, 20))))
    assert numbers(path) == list(range(2, 20))
    assert numbers(path.with_name("audit.log.1")) == [1]


def test_what_a_process_left_is_gone_on_with(path, opened):
    path.write_bytes(line(1) + b"12")
    opened().write(line(3))
    assert numbers(path) == [1, 12, 3]


def test_full_disk_leaves_no_half_line_behind(path, opened, monkeypatch):
    sink, write, room = opened(), os.write, 150

    def write_while_there_is_room(file, content):
        nonlocal room
        if not room:
            raise OSError(28, "No space left on device")
        taken = min(room, len(content), 40)
        room -= taken
        return write(file, bytes(content[:taken]))

    monkeypatch.setattr(audit_sink.os, "write", write_while_there_is_room)
    sink.write(line(1))
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            sink.write(line(2))
    room = 1000
    sink.write(line(3))
    assert path.read_bytes() == line(1) + line(3)


def test_file_that_was_moved_away_or_deleted_is_made_anew(path, opened):
    sink = opened()
    sink.write(line(1))
    path.rename(path.with_name("moved"))
    sink.write(line(2))
    path.unlink()
    sink.write(line(3))
    assert (numbers(path.with_name("moved")), numbers(path)) == ([1], [3])


def test_second_process_is_refused_and_may_have_it_after_the_first(path, opened):
    sink = TurnedFile(path, 1024, 2)
    with pytest.raises(SettingsInvalid, match="another process"):
        opened()
    sink.close()
    opened().write(line(1))


@pytest.mark.parametrize("where", ["missing/audit.log", "."])
def test_file_that_cannot_be_written_is_told_at_the_start(tmp_path, where):
    with pytest.raises(SettingsInvalid, match="IDA_AUDIT_LOG"):
        open_audit_sink(str(tmp_path / where), 1024, 2)


def test_link_to_another_file_is_not_followed(path, tmp_path):
    (tmp_path / "other").write_text("")
    path.symlink_to(tmp_path / "other")
    with pytest.raises(SettingsInvalid, match="cannot be written"):
        open_audit_sink(str(path), 1024, 2)


def test_standard_output_takes_lines(capfd):
    sink = open_audit_sink("stdout", 1024, 2)
    sink.write(line(7))
    assert capfd.readouterr().out == line(7).decode()
