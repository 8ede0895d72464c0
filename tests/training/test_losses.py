import math

import pytest
import torch
from torch.nn import functional as F

from training.losses import (
    LabelLoss,
    ReleasedLoss,
    SoftLabelLoss,
    distillation_loss,
    relation_loss,
)

LABELS_B = torch.tensor([0, 2])
STUDENT_BK = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.1, 4.0]])
TEACHER_BK = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]])


def make_soft_loss(*, soft_weight: float = 0.5, relation_weight: float = 0.0) -> SoftLabelLoss:
    return SoftLabelLoss(
        label_loss=LabelLoss(label_smoothing=0.0),
        temperature=2.0,
        soft_weight=soft_weight,
        relation_weight=relation_weight,
    )


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
    loss = make_soft_loss(soft_weight=soft_weight)

    found = loss(STUDENT_BK, LABELS_B, TEACHER_BK)

    assert found.item() == pytest.approx((soft if expects_soft else hard).item())


def test_distillation_without_teacher_logits_is_refused() -> None:
    loss = make_soft_loss()

    with pytest.raises(ValueError, match="no teacher logits"):
        loss(STUDENT_BK, LABELS_B, None)


def test_logits_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"student logits are \(2, 3\), teacher logits \(1, 3\)"):
        distillation_loss(STUDENT_BK, TEACHER_BK[:1], temperature=2.0)


def test_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature is 0, must be > 0"):
        distillation_loss(STUDENT_BK, TEACHER_BK, temperature=0)


def test_relation_loss_is_zero_when_student_equals_teacher() -> None:
    logits_BK = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))

    loss = relation_loss(logits_BK, logits_BK, temperature=2.0)

    assert loss.item() == pytest.approx(0.0, abs=1e-5)


def test_relation_loss_does_not_ask_for_the_teachers_certainty() -> None:
    # Two clips, two classes: less sure, but in the same proportions to each other.
    sure_BK = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log()
    unsure_BK = torch.tensor([[0.6, 0.4], [0.4, 0.6]]).log()

    relation = relation_loss(unsure_BK, sure_BK, temperature=1.0)

    assert relation.item() == pytest.approx(0.0, abs=1e-5)
    assert distillation_loss(unsure_BK, sure_BK, temperature=1.0).item() > 0.1


def test_relation_loss_is_largest_when_the_order_is_turned_round() -> None:
    teacher_BK = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log()

    loss = relation_loss(teacher_BK.flip(1), teacher_BK, temperature=1.0)

    assert loss.item() == pytest.approx(4.0, rel=1e-5)


def test_relation_weight_adds_the_relation_loss() -> None:
    without = make_soft_loss()(STUDENT_BK, LABELS_B, TEACHER_BK)

    found = make_soft_loss(relation_weight=3.0)(STUDENT_BK, LABELS_B, TEACHER_BK)

    relation = relation_loss(STUDENT_BK, TEACHER_BK, temperature=2.0)
    assert found.item() == pytest.approx((without + 3.0 * relation).item(), rel=1e-5)


def test_relation_loss_of_equal_answers_has_a_finite_gradient() -> None:
    student_BK = torch.zeros(2, 3, requires_grad=True)

    relation_loss(student_BK, TEACHER_BK, temperature=2.0).backward()

    assert student_BK.grad is not None
    assert student_BK.grad.isfinite().all()


def test_released_loss_has_the_faults_of_the_papers_code() -> None:
    loss = ReleasedLoss(temperature=2.0, soft_weight=1.0)

    # Cross-entropy of probabilities cannot go below ln(1 + e^-1); the divergence is K times less.
    sure = loss(torch.tensor([[0.0, 30.0]]), torch.tensor([1]), None)
    soft = loss(STUDENT_BK, LABELS_B, TEACHER_BK)

    assert sure.item() == pytest.approx(math.log(1 + math.exp(-1)))
    right = distillation_loss(STUDENT_BK, TEACHER_BK, temperature=2.0)
    assert soft.item() == pytest.approx(right.item() / 3, rel=1e-5)
