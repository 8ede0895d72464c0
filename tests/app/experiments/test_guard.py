from typing import Any

import pytest

from app.experiments.definition import Guard
from app.experiments.guard import GuardWindow
from app.experiments.observation import Observation, Outcome
from tests.app.experiments.making import LABELS, make_observation, make_outcome

SLOW = make_outcome(inference_s=0.01)
FAILED = Outcome(code="internal_error")
BAD_UPLOAD = Outcome(code="undecodable_media")
OTHERWISE = make_outcome(LABELS[1])


def make_window(**limits: Any) -> GuardWindow:
    limits = {"max_error_difference": None, **limits}
    return GuardWindow(Guard(num_requests=40, min_requests=20, **limits))


def add_all(window: GuardWindow, observations: list[Observation]) -> list[str]:
    """Return the breaches that are reported on the way."""
    breaches = [window.add(observation) for observation in observations]
    return [breach for breach in breaches if breach is not None]


@pytest.mark.parametrize(
    ("limits", "treatment", "message"),
    [
        ({"max_error_difference": 0.1}, FAILED, r"error rate above the control's by 1, .* 0\.1"),
        ({"max_latency_ratio": 2}, SLOW, r"latency by the control's 5, accepted at most 2"),
        ({"max_disagreement": 0.2}, OTHERWISE, r"disagreement 1, accepted at most 0\.2"),
    ],
)
def test_limit_that_is_crossed_is_named_with_what_was_found(
    limits: dict[str, float], treatment: Outcome, message: str
) -> None:
    breaches = add_all(make_window(**limits), [make_observation(treatment=treatment)] * 20)

    assert len(breaches) == 1
    with pytest.raises(ValueError, match=message):
        raise ValueError(breaches[0])


def test_nothing_is_said_of_fewer_requests_than_the_minimum() -> None:
    window = make_window(max_error_difference=0.1)

    assert add_all(window, [make_observation(treatment=FAILED)] * 19) == []
    assert window.find_breach() is None


def test_treatment_within_every_limit_is_left_alone() -> None:
    window = make_window(max_error_difference=0.0, max_latency_ratio=1.0, max_disagreement=0.0)

    assert add_all(window, [make_observation()] * 100) == []


def test_limit_that_is_not_set_is_not_watched() -> None:
    assert add_all(make_window(), [make_observation(treatment=FAILED)] * 100) == []


def test_only_the_latest_requests_count() -> None:
    window = make_window(max_disagreement=0.2)
    for _ in range(40):
        window.add(make_observation(treatment=OTHERWISE))

    assert window.find_breach() is not None
    assert add_all(window, [make_observation()] * 40)[-1:] != []
    assert window.find_breach() is None


def test_uploads_that_cannot_be_decoded_are_no_fault_of_the_treatment() -> None:
    window = make_window(max_error_difference=0.0)
    observation = make_observation(control=None, treatment=BAD_UPLOAD, max_difference=None)

    assert add_all(window, [observation] * 100) == []


def test_arms_of_a_split_are_compared_although_no_request_has_both() -> None:
    window = make_window(max_latency_ratio=2)
    control = make_observation(treatment=None, max_difference=None)
    treatment = make_observation(control=None, treatment=SLOW, max_difference=None)

    assert add_all(window, [control, treatment] * 20) != []
