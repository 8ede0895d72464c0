"""Puts the case together: payloads, contenders, rounds, and the service alone."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.load import clients
from benchmarks.payloads import Payloads, make_payloads
from benchmarks.service.alone import measure_alone
from benchmarks.service.contenders import (
    BENCH_PYTHON,
    FAST,
    MLSERVER_PYTHON,
    OURS,
    Contender,
    framework_peers,
    local_peers,
    ours,
    ours_fast,
)
from benchmarks.service.overhead import measure_overhead, measure_scaling
from benchmarks.service.rounds import (
    LEAVE_AFTER_S,
    NUM_BURST_CLIENTS,
    OVERLOAD_FACTOR,
    USEFUL_S,
    measure_rounds,
)
from benchmarks.service.scale import FULL, Scale
from benchmarks.service.summary import compare_tails, compare_to_best, summarize_samples
from benchmarks.shipped import shipped_models
from models.classifier import ActivityClassifier, load_classifier


def all_peers(
    *, bench_python: Path = BENCH_PYTHON, mlserver_python: Path = MLSERVER_PYTHON
) -> list[Contender]:
    """Return every peer; the frameworks run in the environments of these interpreters."""
    return [
        *local_peers(),
        *framework_peers(bench_python=bench_python, mlserver_python=mlserver_python),
    ]


def measure_service(
    folder: Path, *, peers: Sequence[Contender] | None = None, scale: Scale = FULL
) -> dict[str, Any]:
    """Return what the service and its peers do and cost, and what the service does alone.

    Args:
        folder: Takes the clips that are posted, and what the servers print.
        peers: Whom it is compared to; every peer if None.
        scale: How long and how often.

    Raises:
        DifferentAnswerError: If a peer answers something else than the service.
    """
    contenders = all_peers() if peers is None else peers
    return measure_with(make_payloads(folder), peers=contenders, scale=scale, folder=folder)


def measure_with(
    payloads: Payloads, *, peers: Sequence[Contender], scale: Scale, folder: Path
) -> dict[str, Any]:
    """Do what `measure_service` does with payloads that are there already."""
    classifier = _default_classifier()
    service = ours(classifier.card.labels)
    # What takes least comes first, so that a fault shows early.
    alone = measure_alone(service.command, payloads.clips, scale=scale, folder=folder)
    overhead = measure_overhead(
        payloads,
        classifier,
        num_rounds=scale.num_rounds,
        turns_s=scale.turns_s,
        folder=folder,
    )
    scaling = measure_scaling(
        service.make_post("mp4", payloads),
        num_rounds=scale.num_rounds,
        spell_s=scale.spell_s,
        folder=folder,
    )
    with clients() as load:
        samples, differences = measure_rounds(
            [service, ours_fast(classifier.card.labels), *peers],
            payloads,
            load,
            scale=scale,
            folder=folder,
        )
    return {
        "scale": asdict(scale),
        "overload_factor": OVERLOAD_FACTOR,
        "useful_s": USEFUL_S,
        "leave_after_s": LEAVE_AFTER_S,
        "num_burst_clients": NUM_BURST_CLIENTS,
        "max_difference_to_service": differences,
        "points": summarize_samples(samples),
        "better_than_best_peer_by": compare_to_best(samples, OURS),
        "fast_better_than_best_peer_by": compare_to_best(samples, FAST),
        "p99_to_unloaded": compare_tails(samples),
        "overhead": overhead,
        "scaling": scaling,
        "alone": alone,
    }


def _default_classifier() -> ActivityClassifier:
    folder = shipped_models().resolve("default").folder
    return load_classifier(folder, runtime_name="openvino", num_threads=1)
