"""Progress of long computations: how they tell it, and the bar that shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Tick = Callable[[float], None]
"""Told the share of a computation that is done, from 0 to 1."""

Stage = Callable[[str], Tick]
"""Told the name of the stage that begins; gives what its progress is told to."""


def silent(share: float) -> None:
    """Take no notice of progress."""


def unstaged(_name: str) -> Tick:
    """Take no notice of stages."""
    return silent


@contextmanager
def stage_bars() -> Iterator[Stage]:
    """Show a bar for each stage on standard error while the block runs."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bars:

        def begin(name: str) -> Tick:
            task = bars.add_task(name, total=1.0)
            return lambda share: bars.update(task, completed=share)

        yield begin
