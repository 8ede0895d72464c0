"""The service's case: its pure parts, and a short run of ours and of one peer."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load import Spell
from benchmarks.payloads import MAIN_CLIP, Payloads, encode_jpeg, encode_npy
from benchmarks.service import SMOKE, plot_service, render_service
from benchmarks.service.case import measure_with
from benchmarks.service.contenders import (
    FAST,
    OURS,
    framework_peers,
    local_peers,
    ours,
    ours_fast,
)
from benchmarks.service.entrants import DifferentAnswerError
from benchmarks.service.overhead import compare_turns
from benchmarks.service.rounds import describe_overload, describe_spell
from benchmarks.service.summary import compare_tails, compare_to_best, summarize_samples
from tests.media import barcode_frames, write_video

BRIEF = replace(SMOKE, num_rounds=1, spell_s=0.2)
SPELL = Spell(
    latencies_s=(0.1, 0.2, 0.3), num_refused=2, num_failed=1, elapsed_s=1.5, client_processor_s=0.03
)
SAMPLES = {
    "mp4 closed 1": {
        OURS: [{"requests_per_s": 40.0, "p50_s": 0.02}, {"requests_per_s": 20.0, "p50_s": 0.02}],
        FAST: [{"requests_per_s": 60.0, "p50_s": 0.01}, {"requests_per_s": 30.0, "p50_s": 0.01}],
        "slow": [{"requests_per_s": 10.0, "p50_s": 0.04}, {"requests_per_s": 10.0, "p50_s": 0.1}],
        "fast": [{"requests_per_s": 20.0, "p50_s": 0.05}, {"requests_per_s": 5.0, "p50_s": 0.06}],
    }
}


@pytest.fixture(scope="module")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> Payloads:
    clip = tmp_path_factory.mktemp("clips") / "clip.mp4"
    frames_THWC = barcode_frames(16, height_px=112, width_px=112)
    write_video(clip, frames_THWC, frame_rate_hz=16 / 3)
    return Payloads(
        clips={MAIN_CLIP: clip},
        mp4=clip.read_bytes(),
        npy=encode_npy(frames_THWC),
        images=tuple(encode_jpeg(frame_HWC) for frame_HWC in frames_THWC),
    )


def test_ratios_are_to_the_best_peer_of_each_round_and_above_1_when_ours_is_better() -> None:
    better = compare_to_best(SAMPLES, OURS)["mp4 closed 1"]

    assert better["requests_per_s"]["median"] == 2.0
    # 0.04 and 0.06 of the best peers, to 0.02: as many times better.
    assert better["p50_s"]["median"] == pytest.approx(2.5)
    assert compare_to_best(SAMPLES, FAST)["mp4 closed 1"]["requests_per_s"]["median"] == 3.0


def test_an_answer_is_compared_to_the_work_beside_it() -> None:
    # A machine that slows down threefold in a round shifts the medians, and hardly the comparison.
    rounds = [
        [(0.03, 0.02), (0.03, 0.02), (0.09, 0.06)],
        [(0.03, 0.02), (0.09, 0.06), (0.09, 0.08)],
    ]

    figures = compare_turns(rounds)

    assert figures["answer_s"]["high"] == pytest.approx(0.09)
    assert figures["ratio"]["median"] == pytest.approx(1.5)
    assert figures["more_s"]["median"] == pytest.approx(0.01)


def test_tails_are_multiples_of_the_one_of_a_single_client_in_the_same_round() -> None:
    samples = {
        "mp4 closed 1": {OURS: [{"p99_s": 0.02}, {"p99_s": 0.04}, {"p99_s": 0.03}]},
        "mp4 open 1.1": {OURS: [{"p99_s": 0.06}, {"p99_s": 0.06}, {"p99_s": 0.06}]},
    }

    assert compare_tails(samples)["mp4 open 1.1"][OURS]["median"] == pytest.approx(2.0)


def test_service_without_peers_is_compared_to_nobody() -> None:
    alone = {"start": {OURS: [{"ready_s": 1.0}], FAST: [{"ready_s": 1.0}]}}

    assert compare_to_best(alone, OURS) == {}


def test_rounds_become_a_median_by_point_and_contender() -> None:
    summary = summarize_samples(SAMPLES)["mp4 closed 1"]

    assert summary["slow"]["requests_per_s"]["median"] == 10.0
    assert set(summary) == {OURS, FAST, "slow", "fast"}


def test_loop_is_described_by_its_answers_alone() -> None:
    metrics = describe_spell(SPELL, processor_s=0.6)

    assert metrics["requests_per_s"] == 2.0
    assert metrics["p50_s"] == pytest.approx(0.2)
    assert metrics["processor_s_per_request"] == pytest.approx(0.2)
    assert metrics["client_processor_s_per_request"] == pytest.approx(0.01)


def test_loop_without_an_answer_is_an_error() -> None:
    spell = replace(SPELL, latencies_s=())

    with pytest.raises(RuntimeError, match="no request was answered: 2 refused, 1 failed"):
        describe_spell(spell, processor_s=0.1)


def test_overload_counts_answers_refusals_and_failures_apart() -> None:
    metrics = describe_overload(SPELL, duration_s=0.5, processor_s=0.9)

    assert metrics == {
        "useful_per_s": 2.0,
        "refused_per_s": 4.0,
        "failed_per_s": 2.0,
        "processor_s": 0.9,
    }


def test_every_contender_posts_the_same_bytes(payloads: Payloads) -> None:
    peers = framework_peers(bench_python=Path("python"), mlserver_python=Path("python"))

    for contender in (ours(()), ours_fast(()), *local_peers(), *peers):
        assert payloads.mp4 in contender.make_post("mp4", payloads).body
        assert payloads.npy in contender.make_post("npy", payloads).body
        body = contender.make_post("jpeg", payloads).body
        assert all(image in body for image in payloads.images)


def test_no_peer_may_report_its_use_or_listen_elsewhere() -> None:
    peers = framework_peers(bench_python=Path("python"), mlserver_python=Path("python"))

    for contender in peers:
        environment = contender.command.environment
        assert environment["BENTOML_DO_NOT_TRACK"] == "True"
        assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
        assert environment["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"


@pytest.mark.slow
def test_case_runs_from_payloads_to_section_and_picture(payloads: Payloads, tmp_path: Path) -> None:
    naive = local_peers()[0]

    result: dict[str, Any] = measure_with(payloads, peers=[naive], scale=BRIEF, folder=tmp_path)
    plot_service(result, tmp_path / "service.png")

    assert json.loads(json.dumps(result))["max_difference_to_service"][naive.name] == 0.0
    assert result["points"]["mp4 closed 2"][naive.name]["requests_per_s"]["median"] > 0
    assert "| mp4 closed 1 |" in render_service(result)
    assert (tmp_path / "service.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_peer_that_answers_otherwise_stops_the_case(payloads: Payloads, tmp_path: Path) -> None:
    naive = local_peers()[0]
    wrong = replace(naive, read_probabilities=lambda answer: [p + 2e-4 for p in answer])

    with pytest.raises(DifferentAnswerError, match=r"naive FastAPI differs by .* for mp4"):
        measure_with(payloads, peers=[wrong], scale=BRIEF, folder=tmp_path)
