"""What ``ida-verify anchors`` shows while it works: a bar a stage, with its rate and what was rejected."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from models.anchors.build import BuildProgress
from models.anchors.crops import reasons
from models.generate.generated_folder import Generated
from models.progress import Tick, shown_progress


class _Done(ProgressColumn):
    """How many are done and how many a second, or the share of a stage that counts nothing."""

    def render(self, task: Task) -> Text:
        unit = task.fields.get("unit")
        if unit is None:
            return Text(f"{task.percentage:.0f} %")
        speed = task.finished_speed or task.speed
        rate = "" if speed is None else f", {speed:.0f} {unit}/s"
        return Text(f"{task.completed:.0f}/{task.total or 0:.0f}{rate}")


class AnchorBars:
    """Bars that a command moves."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars

    def embedding(self, unit: str = "images") -> Callable[[BuildProgress], None]:
        """Return what moves the bar of an embedding."""
        task = self._bars.add_task("embedding", total=None, unit=unit, note="")

        def show(progress: BuildProgress) -> None:
            note = f"rejected: {reasons(progress.rejected)}" if progress.rejected else ""
            self._bars.update(task, completed=progress.images, total=progress.total, note=note)

        return show

    def generation(self) -> Callable[[Generated], None]:
        """Return what moves the bar of a generation."""
        task = self._bars.add_task("generating", total=None, unit="images", note="")

        def show(generated: Generated) -> None:
            note = f"{generated.found} were there" if generated.found else ""
            self._bars.update(task, completed=generated.images, total=generated.total, note=note)

        return show

    def stage(self, name: str) -> Tick:
        """Return what moves the bar of a stage that counts nothing."""
        task = self._bars.add_task(name, total=1.0, unit=None, note="")
        return lambda share: self._bars.update(task, completed=share)


@contextmanager
def anchor_bars() -> Iterator[AnchorBars]:
    """Show bars on standard error while the block runs, or lines where that is no terminal."""
    with shown_progress(
        TextColumn("{task.description}"),
        BarColumn(),
        _Done(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ) as bars:
        yield AnchorBars(bars)
