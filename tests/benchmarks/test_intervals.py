import pytest

from benchmarks.intervals import format_interval, summarize_rounds


def test_interval_lies_around_the_median_and_within_the_values() -> None:
    summary = summarize_rounds([1.0, 5.0, 2.0, 4.0, 3.0])

    assert summary["median"] == 3.0
    assert 1.0 <= summary["low"] < 3.0 < summary["high"] <= 5.0


def test_interval_of_the_same_rounds_is_the_same() -> None:
    values = [1.0, 1.5, 1.2, 0.9, 1.1]

    assert summarize_rounds(values) == summarize_rounds(values)


def test_interval_of_one_round_is_its_value() -> None:
    assert summarize_rounds([2.0]) == {"median": 2.0, "low": 2.0, "high": 2.0}


def test_interval_of_equal_rounds_is_their_value() -> None:
    assert summarize_rounds([2.0, 2.0, 2.0]) == {"median": 2.0, "low": 2.0, "high": 2.0}


@pytest.mark.parametrize(("digits", "text"), [(0, "2 [1, 3]"), (2, "1.50 [1.25, 2.75]")])
def test_interval_is_written_with_the_digits_asked_for(digits: int, text: str) -> None:
    summary = {"median": 1.5, "low": 1.25, "high": 2.75}

    assert format_interval(summary, digits=digits) == text
