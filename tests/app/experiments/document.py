"""The numbers of `app/experiments/STATISTICS.md`, which the simulations measure again."""

import re
from pathlib import Path

import app.experiments

DOCUMENT = Path(app.experiments.__path__[0]) / "STATISTICS.md"


def read_row(name: str) -> list[float]:
    """Return the numbers that fill a cell of the row of that name."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}` \|(.*)$", text, flags=re.MULTILINE)
    cells = [cell.strip().removesuffix(" %").replace(",", "") for cell in row.split("|")]
    return [float(cell) for cell in cells if re.fullmatch(r"[\d.]+", cell)]
