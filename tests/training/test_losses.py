import math

import pytest
import torch
from torch.nn import functional as F

from training.losses import LabelLoss, SoftLabelLoss, distillation_loss

LABELS_B = torch.tensor([0, 2])
STUDENT_BK = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.1, 4.0]])
TEACHER_BK = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]])


def test_distillation_loss_is_zero_when_student_equals_teacher() -> None:
    loss = distillation_loss(TEACHER_BK, TEACHER_BK, temperature=3.0)

    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_distillation_loss_sums_over_classes_and_averages_over_the_batch() -> None:
    temperature = 2.0
    teacher_BK = (TEACHER_BK / temperature).softmax(dim=1)
    student_BK = (STUDENT_BK / temperature).softmax(dim=1)
    by_hand = (teacher_BK * (teacher_BK / student_BK).log()).sum(dim=1).mean() * temperature**2

    loss = distillation_loss(STUDENT_BK, TEACHER_BK, temperature=temperature)

    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_distillation_loss_of_a_batch_twice_as_large_is_the_same() -> None:
    once = distillation_loss(STUDENT_BK, TEACHER_BK, temperature=4.0)

    twice = distillation_loss(STUDENT_BK.tile(2, 1), TEACHER_BK.tile(2, 1), temperature=4.0)

    assert twice.item() == pytest.approx(once.item(), rel=1e-6)


def test_temperature_squared_keeps_the_size_of_the_gradient() -> None:
    def gradient_norm(temperature: float) -> float:
        student_BK = STUDENT_BK.clone().requires_grad_()
        distillation_loss(student_BK, TEACHER_BK, temperature=temperature).backward()
        assert student_BK.grad is not None
        return float(student_BK.grad.norm())

    # Hinton et al., section 2.1: in the limit the gradient no longer depends on the temperature.
    assert gradient_norm(100.0) == pytest.approx(gradient_norm(50.0), rel=0.02)


def test_no_gradient_flows_to_the_teacher() -> None:
    student_BK, teacher_BK = (
        STUDENT_BK.clone().requires_grad_(),
        TEACHER_BK.clone().requires_grad_(),
    )

    distillation_loss(student_BK, teacher_BK, temperature=2.0).backward()

    assert student_BK.grad is not None
    assert teacher_BK.grad is None


def test_label_loss_takes_logits_and_not_probabilities() -> None:
    loss = LabelLoss(label_smoothing=0.0)(torch.tensor([[0.0, 30.0]]), torch.tensor([1]), None)

    # Cross-entropy of softmax outputs could not go below ln(1 + e^-1) = 0.313 here.
    assert loss.item() < 1e-6


def test_label_loss_of_equal_scores_is_the_entropy_of_a_guess() -> None:
    loss = LabelLoss(label_smoothing=0.1)(torch.zeros(2, 34), LABELS_B, None)

    assert loss.item() == pytest.approx(math.log(34))


@pytest.mark.parametrize(("soft_weight", "expects_soft"), [(0.0, False), (1.0, True)])
def test_soft_weight_moves_the_loss_from_labels_to_teacher(
    soft_weight: float, expects_soft: bool
) -> None:
    soft = distillation_loss(STUDENT_BK, TEACHER_BK, temperature=2.0)
    hard = F.cross_entropy(STUDENT_BK, LABELS_B)
    loss = SoftLabelLoss(
        label_loss=LabelLoss(label_smoothing=0.0), temperature=2.0, soft_weight=soft_weight
    )

    found = loss(STUDENT_BK, LABELS_B, TEACHER_BK)

    assert found.item() == pytest.approx((soft if expects_soft else hard).item())


def test_distillation_without_teacher_logits_is_refused() -> None:
    loss = SoftLabelLoss(label_loss=LabelLoss(label_smoothing=0), temperature=2, soft_weight=0.5)

    with pytest.raises(ValueError, match="no teacher logits"):
        loss(STUDENT_BK, LABELS_B, None)


def test_logits_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"student logits are \(2, 3\), teacher logits \(1, 3\)"):
        distillation_loss(STUDENT_BK, TEACHER_BK[:1], temperature=2.0)


def test_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature is 0, must be > 0"):
        distillation_loss(STUDENT_BK, TEACHER_BK, temperature=0)
