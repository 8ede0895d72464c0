import pytest

from training.timing import median_ratio, summarize, time_interleaved


def test_contestants_take_turns_and_the_first_round_is_not_counted() -> None:
    calls: list[str] = []
    contestants = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}

    seconds = time_interleaved(contestants, num_rounds=2, calls_per_round=2)

    assert calls == ["a", "a", "b", "b"] * 3
    assert [len(rounds) for rounds in seconds.values()] == [2, 2]


def test_ratio_is_the_median_of_rounds_that_ran_side_by_side() -> None:
    # The machine halves its speed in the second round: the ratio stays.
    assert median_ratio([4.0, 8.0, 4.4], [2.0, 4.0, 2.0]) == pytest.approx(2.0)


def test_summary_is_in_milliseconds() -> None:
    assert summarize([0.003, 0.001, 0.002]) == pytest.approx(
        {"median_ms": 2.0, "min_ms": 1.0, "max_ms": 3.0}
    )
