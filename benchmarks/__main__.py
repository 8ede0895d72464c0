"""Measure the shipped models and the service: `python -m benchmarks`.

Writes `benchmarks/results/*.json` and the README's table.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from app.settings import Settings
from benchmarks.distillation import measure_distillation
from benchmarks.network import measure_networks
from benchmarks.service import measure_service
from benchmarks.table import render_models, write_table
from models.registry import ModelRegistry
from training.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def main() -> None:
    """Measure, print and write everything."""
    settings = Settings()
    registry = ModelRegistry(
        settings.model_dir,
        requested=settings.models,
        aliases=settings.all_aliases,
        runtime_name="openvino",
        num_threads=1,
    )
    registry.load()
    results = {"machine": describe_machine(), "network": measure_networks(registry)}
    with tempfile.TemporaryDirectory() as folder:
        results["service"] = measure_service(Path(folder))
    results["distillation"] = measure_distillation()
    for name in ("network", "service", "distillation"):
        _write(name, {"machine": results["machine"], name: results[name]})
    table = render_models(registry, results)
    write_table(ROOT / "README.md", table)
    print(table)


def _write(name: str, figures: dict[str, Any]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(figures, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
