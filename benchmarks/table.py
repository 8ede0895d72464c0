"""The README's table, written from measured figures."""

from pathlib import Path
from typing import Any

from models.card import ModelCard, read_card
from models.registry import ModelRegistry

BEGIN = "<!-- models: written by make bench -->"
END = "<!-- end of models -->"


def render_models(registry: ModelRegistry, network: dict[str, Any]) -> str:
    """Return the table of the installed pairs of models in Markdown.

    Args:
        registry: Where they are installed.
        network: What `measure_networks` returned.
    """
    lines = [
        "| model | balanced accuracy | size | latency | against eager torch fp32 |",
        "|---|---|---|---|---|",
    ]
    for reference, pair in network["shipped"].items():
        int8 = read_card(registry.resolve(reference).folder)
        fp32 = read_card(registry.resolve(str(int8.parent)).folder)
        lines += [_row(card, pair) for card in (fp32, int8)]
    return "\n".join(lines)


def write_table(readme: Path, table: str) -> None:
    """Put the table between its two marks in the README.

    Raises:
        ValueError: If the README lacks the marks.
    """
    text = readme.read_text(encoding="utf-8")
    head, found_begin, rest = text.partition(BEGIN)
    _, found_end, tail = rest.partition(END)
    if not found_begin or not found_end:
        raise ValueError(f"{readme} lacks the marks {BEGIN} and {END}")
    readme.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", encoding="utf-8")


def _row(card: ModelCard, pair: dict[str, Any]) -> str:
    name = f"{card.precision} on openvino"
    faster = pair["int8_on_openvino_is_faster_by"]
    speedup = faster["fp32 on torch"] / faster[name]
    size_mb = pair["file_bytes"][card.precision]["model.onnx"] / 1e6
    cells = (
        f"`{card.reference}`",
        f"{card.metrics['test']['balanced_accuracy']:.3f}",
        f"{size_mb:.2f} MB",
        f"{pair['times'][name]['median_ms']:.2f} ms",
        f"{speedup:.1f}x faster",
    )
    return f"| {' | '.join(cells)} |"
