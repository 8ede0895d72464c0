import pytest

from training.timing import median_interval, median_ratio, summarize, time_interleaved


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
    summary = summarize([0.003, 0.001, 0.002])

    assert summary["median_ms"] == pytest.approx(2.0)
    assert (summary["min_ms"], summary["max_ms"]) == pytest.approx((1.0, 3.0))


def test_interval_of_a_median_is_that_of_order_statistics() -> None:
    # Of 20 values the 6th and the 15th hold the median with 95.9 % (binomial); a bootstrap comes
    # within a place of them.
    low, high = median_interval([float(value) for value in range(1, 21)])

    assert low == pytest.approx(6, abs=1)
    assert high == pytest.approx(15, abs=1)


def test_one_slow_round_of_many_does_not_move_the_interval_of_the_median() -> None:
    steady = [1.0] * 14

    assert median_interval([*steady, 50.0]) == (1.0, 1.0)
