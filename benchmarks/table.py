"""The README's table, written from measured figures."""

from pathlib import Path
from typing import Any

from models.card import ModelCard
from models.registry import ModelRegistry

BEGIN = "<!-- models: written by make bench -->"
END = "<!-- end of models -->"


def render_models(registry: ModelRegistry, network: dict[str, Any]) -> str:
    """Return the table of the default pair of models in Markdown.

    Args:
        registry: Has both models of the pair loaded.
        network: What `measure_networks` returned.
    """
    int8 = registry.get("default").card
    fp32 = registry.get(str(int8.parent)).card
    lines = [
        "| model | balanced accuracy | top-1 | size | latency | against eager torch fp32 |",
        "|---|---|---|---|---|---|",
        *(_row(card, network) for card in (fp32, int8)),
    ]
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


def _row(card: ModelCard, network: dict[str, Any]) -> str:
    name = f"{card.precision} on openvino"
    faster = network["int8_on_openvino_is_faster_by"]
    speedup = faster["fp32 on torch"] / faster[name]
    size_mb = network["file_bytes"][card.precision]["model.onnx"] / 1e6
    test = card.metrics["test"]
    cells = (
        f"`{card.reference}`",
        f"{test['balanced_accuracy']:.3f}",
        f"{test['top1']:.3f}",
        f"{size_mb:.2f} MB",
        f"{network['times'][name]['median_ms']:.2f} ms",
        f"{speedup:.1f}x faster",
    )
    return f"| {' | '.join(cells)} |"
