"""What a step of distillation costs with cached logits, and with the teacher run at every step."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from training.config import Recipe, read_recipe
from training.distill import build_student, soft_label_loss
from training.memory import keep_freed_memory
from training.teacher import build_teacher
from training.timing import median_ratio, summarize, time_interleaved

RECIPES = Path(__file__).resolve().parents[1] / "training" / "recipes"
NUM_ROUNDS = 5
BATCH_SIZE = 16
# Recipes and widths of their teachers: ours, and the paper's with its teacher of full width.
PAIRS = {"mobilenet3d-lite": 0.5, "paper": 1.0}


def measure_distillation() -> dict[str, Any]:
    """Return times of one step of either kind, and their ratio, for the pairs of networks."""
    return {name: _measure(name, width) for name, width in PAIRS.items()}


def render_distillation(result: Mapping[str, Any]) -> str:
    """Return the section in Markdown."""
    rows = [
        f"| {name} | {figures['teacher_width']:g} | {figures['cached_logits_are_cheaper_by']:.1f} |"
        for name, figures in result.items()
    ]
    return "\n".join(
        [
            "## Distillation",
            "",
            f"A step of {BATCH_SIZE} clips with cached logits against one that runs the teacher; "
            f"medians of {NUM_ROUNDS} rounds.",
            "",
            "| recipe | teacher's width | cached logits are cheaper by |",
            "|---|---|---|",
            *rows,
        ]
    )


def plot_distillation(result: Mapping[str, Any], path: Path) -> None:
    """Draw the time of a step of either kind into a PNG file."""
    figure = Figure(figsize=(7.0, 3.0), layout="constrained")
    axes = figure.subplots()
    for row, kind in enumerate(("cached logits", "teacher at every step")):
        medians = [figures["times"][kind]["median_ms"] for figures in result.values()]
        axes.barh([index + 0.4 * row for index in range(len(result))], medians, 0.35, label=kind)
    axes.set_yticks([index + 0.2 for index in range(len(result))], list(result))
    axes.set(title="A step of distillation", xlabel="ms")
    axes.legend()
    figure.savefig(path, dpi=120)


def _measure(name: str, teacher_width: float) -> dict[str, Any]:
    recipe = read_recipe(RECIPES / f"{name}.toml")
    torch.set_num_threads(recipe.num_threads)
    keep_freed_memory()
    wide = recipe.teacher.model_copy(update={"width": teacher_width})
    cached, live = _steps(recipe.model_copy(update={"teacher": wide}))
    calls = {"cached logits": cached, "teacher at every step": live}
    seconds = time_interleaved(calls, num_rounds=NUM_ROUNDS, calls_per_round=1)
    return {
        "teacher_width": teacher_width,
        "times": {kind: summarize(values) for kind, values in seconds.items()},
        "cached_logits_are_cheaper_by": median_ratio(
            seconds["teacher at every step"], seconds["cached logits"]
        ),
    }


def _steps(recipe: Recipe) -> tuple[Callable[[], object], Callable[[], object]]:
    torch.manual_seed(recipe.seed)
    student = build_student(recipe).train()
    teacher = build_teacher(recipe).eval()
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-4)
    loss = soft_label_loss(recipe, recipe.student.fit)
    shape = (BATCH_SIZE, *recipe.spec.clip_shape)
    windows_BTHWC = torch.randint(0, 256, shape, dtype=torch.uint8)
    label_index_B = torch.randint(0, len(recipe.labels), (BATCH_SIZE,))
    cached_BK = torch.randn(BATCH_SIZE, len(recipe.labels))

    def learn(teacher_logits_BK: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss(student(windows_BTHWC), label_index_B, teacher_logits_BK).backward()
        optimizer.step()

    def learn_live() -> None:
        with torch.inference_mode():
            teacher_logits_BK = teacher(windows_BTHWC)
        learn(teacher_logits_BK.clone())

    return lambda: learn(cached_BK), learn_live
