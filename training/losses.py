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


def relation_loss(
    student_logits_BK: Tensor, teacher_logits_BK: Tensor, *, temperature: float
) -> Tensor:
    """Return how far the student's relations of classes and of clips are from the teacher's.

    It compares softened probabilities by Pearson correlation, along each clip (which classes are
    alike) and along each class (which clips are), so that it asks for the teacher's order and not
    for its certainty, which a small student cannot reach.
    Source: Huang et al. 2022, "Knowledge Distillation from A Stronger Teacher", section 3
    (arXiv:2205.10536).

    Args:
        student_logits_BK: Raw scores, float32, shape (B, K).
        teacher_logits_BK: Same shape; treated as constant.
        temperature: Softening factor, > 0; the result is scaled by its square.

    Returns:
        Scalar tensor: the sum of both distances, each 0 to 2 times the factor. Where several
        processes train, each compares the clips of its own share.
    """
    student_BK = (student_logits_BK / temperature).softmax(dim=1)
    teacher_BK = (teacher_logits_BK.detach() / temperature).softmax(dim=1)
    distance = _pearson_distance(student_BK, teacher_BK)
    return (distance + _pearson_distance(student_BK.T, teacher_BK.T)) * temperature**2


def _pearson_distance(x_RC: Tensor, y_RC: Tensor) -> Tensor:
    """Return one minus the mean correlation of the rows of two matrices."""
    x_RC, y_RC = (values - values.mean(dim=1, keepdim=True) for values in (x_RC, y_RC))
    return 1 - F.cosine_similarity(x_RC, y_RC, dim=1, eps=1e-8).mean()


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
    """Weighted sum of the label loss and what is learned from the teacher.

    Attributes:
        label_loss: The part that knows the true activities.
        temperature: Softening of both distributions, > 0.
        soft_weight: Share of the distillation loss, 0-1; the labels get the rest.
        relation_weight: Weight of the relation loss, which is added, >= 0.
    """

    label_loss: LabelLoss
    temperature: float
    soft_weight: float
    relation_weight: float

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
        loss = torch.lerp(hard, soft, self.soft_weight)
        if self.relation_weight == 0:
            return loss
        relation = relation_loss(logits_BK, teacher_logits_BK, temperature=self.temperature)
        return loss + self.relation_weight * relation


@dataclass(frozen=True, kw_only=True)
class ReleasedLoss:
    """What the paper's code minimizes, faults and all: the baseline to compare with.

    Cross-entropy is given probabilities where it takes scores, and the divergence is averaged over
    classes, which makes it K times too small.
    Source: calvintanama/qd-driver-activity-reco, framework_activity_recognition/wrapper.py.

    Attributes:
        temperature: Softening of both distributions, > 0.
        soft_weight: Share of the divergence where the batch carries teacher logits, 0-1.
    """

    temperature: float
    soft_weight: float

    def __call__(
        self, logits_BK: Tensor, label_index_B: Tensor, teacher_logits_BK: Tensor | None
    ) -> Tensor:
        """Return the loss, a scalar."""
        hard = F.cross_entropy(logits_BK.softmax(dim=1), label_index_B)
        if teacher_logits_BK is None:
            return hard
        soft = F.kl_div(
            F.log_softmax(logits_BK / self.temperature, dim=1),
            F.softmax(teacher_logits_BK / self.temperature, dim=1),
            reduction="sum",
        )
        soft = soft * self.temperature**2 / logits_BK.numel()
        return torch.lerp(hard, soft, self.soft_weight)
