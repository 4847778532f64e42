"""One progress bar for everything that takes a while: how many, how fast, how long still."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

T = TypeVar("T")


class RateColumn(ProgressColumn):
    """Shows items a second in the unit that the caller named."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {task.fields['unit']}/s")


def progress_bar(shown: bool = True) -> Progress:
    """A bar on stderr; where that is no terminal it is drawn once, at its end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        RateColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True, width=None if sys.stderr.isatty() else 110),
        disable=not shown,
    )


def track(items: Iterable[T], description: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Yields `items` behind a progress bar.

    Args:
        items: What is worked on; its length is the total unless `total` is given.
        description: What is being done, such as ``cropping``.
        unit: What one item is, in the plural, such as ``frames``.
        total: How many there will be, if that is known otherwise.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    with progress_bar() as bar:
        task = bar.add_task(description, total=total, unit=unit, note="")
        for item in items:
            yield item
            bar.advance(task)
