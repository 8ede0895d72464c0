"""Timing that holds on a noisy machine: contestants take turns, medians and ratios count."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from scipy.stats import bootstrap

CONFIDENCE = 0.95
NUM_RESAMPLES = 2000

KeyT = TypeVar("KeyT", bound=Hashable)


def time_interleaved(
    contestants: Mapping[KeyT, Callable[[], object]], *, num_rounds: int, calls_per_round: int
) -> dict[KeyT, list[float]]:
    """Return the median seconds of one call in every round, by contestant.

    In each round every contestant takes its turn, so that a machine whose speed drifts slows all of
    them alike. One round before the first is not counted.
    """
    seconds: dict[KeyT, list[float]] = {name: [] for name in contestants}
    for round_index in range(num_rounds + 1):
        for name, call in contestants.items():
            median_s = statistics.median(time_call(call) for _ in range(calls_per_round))
            if round_index > 0:
                seconds[name].append(median_s)
    return seconds


def summarize(seconds: list[float]) -> dict[str, float]:
    """Return median, its interval, least and greatest of rounds, in milliseconds.

    Args:
        seconds: At least two rounds.
    """
    low_s, high_s = median_interval(seconds)
    return {
        "median_ms": statistics.median(seconds) * 1e3,
        "low_ms": low_s * 1e3,
        "high_ms": high_s * 1e3,
        "min_ms": min(seconds) * 1e3,
        "max_ms": max(seconds) * 1e3,
    }


def median_ratio(seconds: list[float], reference_s: list[float]) -> float:
    """Return the median over rounds of how many times longer the first takes."""
    return statistics.median(_ratios(seconds, reference_s))


def ratio_interval(seconds: list[float], reference_s: list[float]) -> tuple[float, float]:
    """Return the interval of `median_ratio`."""
    return median_interval(_ratios(seconds, reference_s))


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a median, by the percentiles of a bootstrap.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3.

    Args:
        values: At least two, independent of each other.
    """
    found = bootstrap(
        (np.asarray(values),),
        np.median,
        confidence_level=CONFIDENCE,
        n_resamples=NUM_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _ratios(seconds: list[float], reference_s: list[float]) -> list[float]:
    return [a / b for a, b in zip(seconds, reference_s, strict=True)]


def time_call(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
