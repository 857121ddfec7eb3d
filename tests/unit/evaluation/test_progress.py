"""Progress where there is no terminal: lines that tell a log that a command is alive."""

import io
import sys
import threading

from rich.progress import Progress

from models.progress import LINE_SECONDS, progress_line, progress_lines, stage_bars


def test_line_comes_again_and_again_and_says_how_far_each_unfinished_stage_is():
    bars = Progress()
    done = bars.add_task("reading", total=1.0)
    bars.update(done, completed=1.0)
    task = bars.add_task("embedding", total=1.0)
    bars.update(task, completed=0.42)
    told, twice = [], threading.Event()

    def write(line):
        told.append(line)
        if len(told) == 2:
            twice.set()

    with progress_lines(bars, write, seconds=0.001):
        assert twice.wait(10)

    after = len(told)
    assert all(line == "embedding: 42 % after 0:00 min" for line in told)
    assert len(told) == after


def test_line_of_a_count_says_how_many_of_what():
    bars = Progress()
    task = bars.add_task("embedding", total=10_000, unit="images")
    bars.update(task, completed=1024)

    assert progress_line(bars.tasks[0]) == "embedding: 1,024 of 10,000 images after 0:00 min"


def test_short_command_without_a_terminal_writes_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    with stage_bars() as stage:
        stage("quick")(1.0)

    assert sys.stderr.getvalue() == ""
    assert LINE_SECONDS == 30
