"""Progress on the terminal: a bar for each long task, a line for each result."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Update = Callable[[int, int], None]

console = Console(highlight=False, soft_wrap=True)


@contextmanager
def show_progress(title: str) -> Iterator[Update]:
    """Show a bar while the block runs; yields a function of steps done and steps in all."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def report(stage: str, figures: Mapping[str, float]) -> None:
    """Print one line of figures."""
    text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    console.print(f"{stage}: {text}")
