"""Rounds made into medians with intervals, and into ratios of the service to its best peer."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.intervals import summarize_rounds
from benchmarks.service.contenders import FAST, OURS
from benchmarks.service.rounds import Metrics, Samples

MORE_IS_BETTER = ("requests_per_s", "useful_per_s")
LESS_IS_BETTER = ("ready_s", "p50_s", "p95_s", "p99_s", "processor_s_per_request", "peak_mb")


def summarize_samples(samples: Samples) -> dict[str, Any]:
    """Return median and interval of every metric, by point and contender."""
    return {
        point: {name: _summarize(rounds) for name, rounds in by_name.items()}
        for point, by_name in samples.items()
    }


def compare_to_best(samples: Samples, name: str) -> dict[str, Any]:
    """Return by point and metric how much better the service is than its best peer.

    In every round the peer counts that is best in it; a ratio above 1 is in favor of the service,
    for times as for rates.

    Args:
        samples: Everything that was measured.
        name: `OURS` or `FAST`, neither of which is a peer.
    """
    return {
        point: {
            metric: summarize_rounds(_ratios(by_name, name, metric))
            for metric in (*MORE_IS_BETTER, *LESS_IS_BETTER)
            if metric in by_name[name][0]
        }
        for point, by_name in samples.items()
        if _peers(by_name)
    }


def compare_tails(samples: Samples) -> dict[str, Any]:
    """Return by open loop and contender its p99 as a multiple of the one of a single client."""
    return {
        point: {
            name: _tail_ratio(rounds, samples[f"{point.split()[0]} closed 1"][name])
            for name, rounds in by_name.items()
        }
        for point, by_name in samples.items()
        if " open " in point
    }


def _tail_ratio(rounds: Sequence[Metrics], unloaded: Sequence[Metrics]) -> dict[str, float]:
    pairs = zip(rounds, unloaded, strict=True)
    return summarize_rounds([busy["p99_s"] / idle["p99_s"] for busy, idle in pairs])


def _peers(by_name: Mapping[str, Sequence[Metrics]]) -> list[Sequence[Metrics]]:
    return [rounds for name, rounds in by_name.items() if name not in (OURS, FAST)]


def _summarize(rounds: Sequence[Metrics]) -> dict[str, Any]:
    return {metric: summarize_rounds([values[metric] for values in rounds]) for metric in rounds[0]}


def _ratios(by_name: Mapping[str, Sequence[Metrics]], name: str, metric: str) -> list[float]:
    ours = [values[metric] for values in by_name[name]]
    by_round = [[values[metric] for values in each] for each in zip(*_peers(by_name), strict=True)]
    if metric in MORE_IS_BETTER:
        return [own / max(others) for own, others in zip(ours, by_round, strict=True)]
    return [min(others) / own for own, others in zip(ours, by_round, strict=True)]
