"""Losses of distillation.

Tensor legend: B batch, K classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


def distillation_loss(
    student_logits_BK: Tensor, teacher_logits_BK: Tensor, *, temperature: float
) -> Tensor:
    """Return the mean KL divergence from teacher to student at a softened temperature.

    Source: Hinton et al. 2015, section 2 (arXiv:1503.02531).

    Args:
        student_logits_BK: Raw scores, float32, shape (B, K).
        teacher_logits_BK: Same shape; treated as constant (no gradient flows back).
        temperature: Softening factor, > 0; the result is scaled by its square.

    Returns:
        Scalar tensor, in nats, summed over classes and averaged over the batch.

    Raises:
        ValueError: If the shapes differ or temperature is not positive.
    """
    if student_logits_BK.shape != teacher_logits_BK.shape:
        raise ValueError(
            f"student logits are {tuple(student_logits_BK.shape)}, "
            f"teacher logits {tuple(teacher_logits_BK.shape)}"
        )
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}, must be > 0")
    divergence = F.kl_div(
        F.log_softmax(student_logits_BK / temperature, dim=1),
        F.log_softmax(teacher_logits_BK.detach() / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * temperature**2


@dataclass(frozen=True, kw_only=True)
class LabelLoss:
    """Cross-entropy of raw scores against the true activities.

    Attributes:
        label_smoothing: Share of the target spread over all classes, 0-1.
    """

    label_smoothing: float

    def __call__(
        self, logits_BK: Tensor, label_index_B: Tensor, teacher_logits_BK: Tensor | None
    ) -> Tensor:
        """Return the loss, a scalar in nats; what the teacher said is not used."""
        return F.cross_entropy(logits_BK, label_index_B, label_smoothing=self.label_smoothing)


@dataclass(frozen=True, kw_only=True)
class SoftLabelLoss:
    """Weighted sum of the label loss and the distillation loss.

    Attributes:
        label_loss: The part that knows the true activities.
        temperature: Softening of both distributions, > 0.
        soft_weight: Share of the distillation loss, 0-1; the labels get the rest.
    """

    label_loss: LabelLoss
    temperature: float
    soft_weight: float

    def __call__(
        self, logits_BK: Tensor, label_index_B: Tensor, teacher_logits_BK: Tensor | None
    ) -> Tensor:
        """Return the loss, a scalar in nats.

        Raises:
            ValueError: If the batch carries no teacher logits.
        """
        if teacher_logits_BK is None:
            raise ValueError("a distillation batch carries no teacher logits")
        soft = distillation_loss(logits_BK, teacher_logits_BK, temperature=self.temperature)
        hard = self.label_loss(logits_BK, label_index_B, None)
        return torch.lerp(hard, soft, self.soft_weight)
