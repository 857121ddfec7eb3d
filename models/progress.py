"""Progress of long computations: how they tell it, and what shows it: bars in a terminal, lines elsewhere."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Tick = Callable[[float], None]
"""Told the share of a computation that is done, from 0 to 1."""

Stage = Callable[[str], Tick]
"""Told the name of the stage that begins; gives what its progress is told to."""

LINE_SECONDS = 30.0
"""Time between two lines where there is no terminal."""


def silent(share: float) -> None:
    """Take no notice of progress."""


def unstaged(_name: str) -> Tick:
    """Take no notice of stages."""
    return silent


@contextmanager
def stage_bars() -> Iterator[Stage]:
    """Show a bar for each stage on standard error while the block runs, or lines where that is no terminal."""
    with shown_progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    ) as bars:

        def begin(name: str) -> Tick:
            task = bars.add_task(name, total=1.0)
            return lambda share: bars.update(task, completed=share)

        yield begin


@contextmanager
def shown_progress(*columns: ProgressColumn) -> Iterator[Progress]:
    """Give tasks that are shown on standard error while the block runs: as bars, or every 30 s as lines."""
    console = Console(stderr=True)
    bars = Progress(*columns, console=console)
    if console.is_terminal:
        with bars:
            yield bars
    else:
        with progress_lines(bars, lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)):
            yield bars


@contextmanager
def progress_lines(bars: Progress, write: Callable[[str], object], seconds: float = LINE_SECONDS) -> Iterator[None]:
    """Write a line about each unfinished task again and again while the block runs.

    Args:
        bars: the tasks.
        write: takes a line, in a thread of its own: a log then shows life even while a stage tells nothing.
        seconds: between two lines.
    """
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(seconds):
            for task in bars.tasks:
                if not task.finished:
                    write(progress_line(task))

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def progress_line(task: Task) -> str:
    """Return how far a task is, in words."""
    if task.fields.get("unit"):
        done = f"{task.completed:,.0f} of {task.total or 0:,.0f} {task.fields['unit']}"
    else:
        done = f"{task.percentage:.0f} %"
    minutes, seconds = divmod(int(task.elapsed or 0), 60)
    return f"{task.description}: {done} after {minutes}:{seconds:02} min"
