from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.reference import DriftReference, Histogram

HALVES = Histogram(edges=(0, 0.5, 1), shares=(0.25, 0.75))


@pytest.mark.parametrize(
    ("edges", "shares", "fault"),
    [
        ([0, 0.5, 1], [0.5, 0.4], "shares sum to 0.9, not to 1"),
        ([0, 0.5, 0.5, 1], [0.2, 0.3, 0.5], "edges do not increase"),
        ([0, 1], [0.5, 0.5], "2 bins have 2 edges"),
        ([0, 1], [1], "at least 2 items"),
        ([0, 0.5, 2], [0.5, 0.5], "less than or equal to 1"),
        ([0, 0.5, 1], [1.5, -0.5], "greater than or equal to 0"),
        ([0, float("nan"), 1], [0.5, 0.5], "finite number"),
    ],
)
def test_wrong_histogram_is_refused(edges: list[float], shares: list[float], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Histogram.model_validate({"edges": edges, "shares": shares})


def test_shares_that_were_rounded_are_taken() -> None:
    thirds = Histogram(edges=(0, 0.2, 0.4, 1), shares=(0.3333333, 0.3333333, 0.3333333))

    assert len(thirds.shares) == 3


@pytest.mark.parametrize(
    ("value", "expected"), [(-1, 0), (0, 0), (0.49, 0), (0.5, 1), (0.99, 1), (1, 1), (2, 1)]
)
def test_bin_holds_its_lower_bound_and_the_outer_ones_all_beyond(
    value: float, expected: int
) -> None:
    assert HALVES.find_bin(value) == expected
    assert HALVES.count(np.array([value])).argmax() == expected


def test_what_was_not_measured_is_not_counted() -> None:
    values_N = np.array([0.1, np.nan, 0.9, 0.8])

    assert HALVES.count(values_N).tolist() == [1, 2]
    assert HALVES.count(np.array([])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"labels": {"a": 0.5, "b": 0.6}}, "shares sum to 1.1, not to 1"),
        ({"num_clips": 0}, "num_clips"),
        ({"motion": None}, "motion"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_wrong_reference_is_refused(changes: dict[str, Any], fault: str) -> None:
    fields = {
        "num_clips": 10,
        "labels": {"a": 0.5, "b": 0.5},
        "confidence": HALVES,
        "brightness": HALVES,
        "motion": HALVES,
    }

    with pytest.raises(ValidationError, match=fault):
        DriftReference.model_validate({**fields, **changes})
