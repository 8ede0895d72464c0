"""What a step of distillation costs with cached logits, and with the teacher run at every step."""

from collections.abc import Callable
from typing import Any

import torch

from models.card import NetworkConfig
from models.networks.i3d import I3D
from models.networks.mobilenet3d import build_mobilenet3d
from models.spec import ClipSpec
from training.losses import LabelLoss, SoftLabelLoss
from training.timing import median_ratio, summarize, time_interleaved

NUM_ROUNDS = 5
BATCH_SIZE = 8
NUM_CLASSES = 34
NUM_THREADS = 2
SPEC = ClipSpec(
    num_frames=16,
    window_s=3.0,
    size_px=112,
    resize="stretch",
    mean=(128.0, 128.0, 128.0),
    std=(64.0, 64.0, 64.0),
)
# The shipped recipe's pair, and the sizes of the paper's code.
PAIRS: dict[str, tuple[float, NetworkConfig]] = {
    "lite student, half-width teacher": (0.5, NetworkConfig(width=1.0, stem="1x3x3")),
    "paper's student and teacher": (1.0, NetworkConfig(width=0.5, stem="3x3x3")),
}


def measure_distillation() -> dict[str, Any]:
    """Return times of one step of either kind, and their ratio, for the pairs of networks."""
    torch.set_num_threads(NUM_THREADS)
    return {name: _measure(width, config) for name, (width, config) in PAIRS.items()}


def _measure(teacher_width: float, config: NetworkConfig) -> dict[str, Any]:
    cached, live = _steps(teacher_width, config)
    calls = {"cached logits": cached, "teacher at every step": live}
    seconds = time_interleaved(calls, num_rounds=NUM_ROUNDS, calls_per_round=1)
    return {
        "times": {name: summarize(values) for name, values in seconds.items()},
        "cached_logits_are_cheaper_by": median_ratio(
            seconds["teacher at every step"], seconds["cached logits"]
        ),
    }


def _steps(
    teacher_width: float, config: NetworkConfig
) -> tuple[Callable[[], object], Callable[[], object]]:
    torch.manual_seed(0)
    student = build_mobilenet3d(config, spec=SPEC, num_classes=NUM_CLASSES).train()
    teacher = I3D(NUM_CLASSES, width=teacher_width, dropout=0.5, mean=SPEC.mean, std=SPEC.std)
    teacher.eval()
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-4)
    loss = SoftLabelLoss(
        label_loss=LabelLoss(label_smoothing=0.0),
        temperature=3.0,
        soft_weight=0.7,
        relation_weight=0.25,
    )
    windows_BTHWC = torch.randint(0, 256, (BATCH_SIZE, *SPEC.clip_shape), dtype=torch.uint8)
    label_index_B = torch.randint(0, NUM_CLASSES, (BATCH_SIZE,))
    cached_BK = torch.randn(BATCH_SIZE, NUM_CLASSES)

    def learn(teacher_logits_BK: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss(student(windows_BTHWC), label_index_B, teacher_logits_BK).backward()
        optimizer.step()

    def learn_live() -> None:
        with torch.inference_mode():
            teacher_logits_BK = teacher(windows_BTHWC)
        learn(teacher_logits_BK.clone())

    return lambda: learn(cached_BK), learn_live
