import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import rel_entr

from app.drift import DriftFigure, DriftMonitor, judge_drift, population_stability_index
from app.records import ModelLabels
from models.reference import DriftReference
from tests.app.references import LABELS, NUM_CLIPS, make_reference

MODEL = ModelLabels(model="tiny-int8", version="1", precision="int8", runtime="openvino")
OTHER = ModelLabels(model="tiny-fp32", version="1", precision="fp32", runtime="openvino")


def judge_labels(reference: DriftReference, counts_K: NDArray[np.int64]) -> DriftFigure:
    nothing_N = np.array([])
    counts = dict(zip(LABELS, counts_K.tolist(), strict=True))
    return judge_drift(reference, counts, nothing_N, nothing_N, nothing_N)[0]


def test_index_is_the_sum_that_one_computes_by_hand() -> None:
    index = population_stability_index(np.array([0.5, 0.5]), np.array([0.75, 0.25]))

    # (0.75 - 0.5) * ln(0.75 / 0.5) + (0.25 - 0.5) * ln(0.25 / 0.5) = 0.25 * ln(1.5 * 2)
    assert index == pytest.approx(0.25 * math.log(3))
    assert index == pytest.approx(0.274653, abs=1e-6)


def test_index_of_equal_distributions_is_zero() -> None:
    assert population_stability_index(np.full(10, 0.1), np.full(10, 0.1)) == 0


def test_index_is_the_divergence_in_both_directions() -> None:
    expected_B, found_B = np.random.default_rng(0).dirichlet(np.full(34, 10), 2)

    both = rel_entr(expected_B, found_B).sum() + rel_entr(found_B, expected_B).sum()

    assert population_stability_index(expected_B, found_B) == pytest.approx(both)


def test_empty_bin_counts_as_one_in_ten_thousand() -> None:
    index = population_stability_index(np.array([1.0, 0.0]), np.array([0.5, 0.5]))

    assert index == pytest.approx(0.5 * math.log(2) + (0.5 - 1e-4) * math.log(0.5 / 1e-4))


def test_figure_is_the_index_less_what_chance_makes_of_it() -> None:
    reference = make_reference(np.array([0.5, 0.5, *[0.0] * 32]), num_clips=1000)

    figure = judge_labels(reference, np.array([750, 250, *[0] * 32]))

    # Shares with half an observation more: 500.5 / 1001, and 750.5 / 1001.
    smoothed = (750.5 - 500.5) / 1001 * math.log(750.5 / 250.5)
    assert figure.psi == pytest.approx(smoothed - (1 / 1000 + 1 / 1000))
    assert figure.noise == pytest.approx(3 * math.sqrt(2) * (1 / 1000 + 1 / 1000))
    assert (figure.num_answers, figure.reading) == (1000, "large")


@pytest.mark.parametrize(
    ("psi", "reading"),
    [(None, None), (0, "stable"), (0.0999, "stable"), (0.1, "moderate"), (0.2501, "large")],
)
def test_index_is_read_as_is_common(psi: float | None, reading: str | None) -> None:
    assert DriftFigure(quantity="label", num_answers=1, psi=psi, noise=0.1).reading == reading


SKEWED_K = 1 / np.arange(1, 35) ** 2  # the rarest activity is one of 1,900 answers
MOSTLY_ONE_K = np.array([0.6, *[0.4 / 33] * 33])


@pytest.mark.parametrize("num_answers", [500, 2000])
@pytest.mark.parametrize("weights_K", [np.ones(34), SKEWED_K, MOSTLY_ONE_K])
def test_no_alarm_without_drift_however_small_the_sample(
    weights_K: NDArray[np.float64], num_answers: int
) -> None:
    rng = np.random.default_rng(1)
    probs_K = weights_K / weights_K.sum()
    figures = [
        judge_labels(
            make_reference(rng.multinomial(NUM_CLIPS, probs_K) / NUM_CLIPS),
            rng.multinomial(num_answers, probs_K),
        )
        for _ in range(500)
    ]

    psi = np.array([figure.psi for figure in figures], float)

    noise = np.array([figure.noise for figure in figures], float)
    assert (psi > 0.25).sum() == 0
    assert (psi >= 0.1).mean() <= 0.01
    assert (psi > noise).mean() <= 0.015  # 1 of 100, and what 500 samples leave open
    assert psi.mean() < 0.02


def test_index_without_correction_would_alarm_without_drift() -> None:
    rng = np.random.default_rng(1)
    shares_K = np.full(34, 1 / 34)
    raw = [
        population_stability_index(
            rng.multinomial(NUM_CLIPS, shares_K) / NUM_CLIPS, rng.multinomial(500, shares_K) / 500
        )
        for _ in range(200)
    ]

    assert np.mean(raw) == pytest.approx(33 * (1 / 500 + 1 / NUM_CLIPS), rel=0.1)
    assert np.mean(raw) > 0.1


def test_shift_of_the_activities_is_found_at_the_least_sample() -> None:
    rng = np.random.default_rng(1)
    shifted_K = np.full(34, 0.5 / 33)
    shifted_K[7] = 0.5
    figures = [judge_labels(make_reference(), rng.multinomial(500, shifted_K)) for _ in range(200)]

    assert {figure.reading for figure in figures} == {"large"}


def test_shift_of_one_quantity_alarms_for_that_one_only() -> None:
    rng = np.random.default_rng(1)
    counts = dict.fromkeys(LABELS, 30)
    dark_N = 0.8 * rng.random(1020)

    figures = judge_drift(make_reference(), counts, rng.random(1020), dark_N, rng.random(1020))

    readings = {figure.quantity: figure.reading for figure in figures}
    assert readings == {
        "label": "stable",
        "confidence": "stable",
        "brightness": "large",
        "motion": "stable",
    }


def test_what_was_not_measured_does_not_count() -> None:
    rng = np.random.default_rng(1)
    motion_N = np.concatenate([rng.random(600), np.full(500, np.nan)])
    nothing_N = np.full(1100, np.nan)

    figures = judge_drift(make_reference(), {}, rng.random(1100), nothing_N, motion_N)

    assert [figure.num_answers for figure in figures] == [0, 1100, 0, 600]
    assert [figure.reading for figure in figures] == [None, "stable", None, "stable"]
    assert figures[2] == DriftFigure(quantity="brightness", num_answers=0, psi=None, noise=None)


def test_there_is_no_index_below_the_least_sample() -> None:
    few = judge_labels(make_reference(), np.array([15] * 33 + [4]))
    enough = judge_labels(make_reference(), np.array([15] * 33 + [5]))

    assert (few.num_answers, few.psi, few.reading) == (499, None, None)
    assert (enough.num_answers, enough.reading) == (500, "stable")


def test_there_is_no_index_where_the_reference_is_too_small_to_tell() -> None:
    reference = make_reference(num_clips=200)

    figure = judge_labels(reference, np.full(34, 10_000))

    assert figure.psi is None
    assert figure.noise is not None
    assert figure.noise > 0.1


def test_activity_that_the_reference_does_not_know_is_refused() -> None:
    nothing_N = np.array([])

    with pytest.raises(ValueError, match="no activities of the reference: juggling"):
        judge_drift(make_reference(), {"juggling": 1}, nothing_N, nothing_N, nothing_N)


def draw_answers(
    num: int, *, highest_brightness: float = 1.0, seed: int = 1
) -> Iterator[tuple[str, float, float, float]]:
    rng = np.random.default_rng(seed)
    for index in range(num):
        confidence, brightness, motion = rng.random(3).tolist()
        yield LABELS[index % 34], confidence, highest_brightness * brightness, motion


def fill(monitor: DriftMonitor, answers: Iterator[tuple[str, float, float, float]]) -> None:
    for label, confidence, brightness, motion in answers:
        monitor.add(MODEL, label=label, confidence=confidence, brightness=brightness, motion=motion)


def make_monitor(*, window: int = 2000, min_sample: int = 500) -> DriftMonitor:
    monitor = DriftMonitor(window=window, min_sample=min_sample)
    monitor.watch(MODEL, make_reference())
    return monitor


def test_monitor_says_what_the_columns_of_the_same_answers_say() -> None:
    monitor = make_monitor()
    fill(monitor, draw_answers(700))

    figures = monitor.judge_all()[MODEL]

    labels, *columns = zip(*draw_answers(700), strict=True)
    counts = {label: labels.count(label) for label in LABELS}
    confidence_N, brightness_N, motion_N = map(np.array, columns)
    assert figures == judge_drift(make_reference(), counts, confidence_N, brightness_N, motion_N)
    assert [figure.num_answers for figure in figures] == [700] * 4


def test_monitor_waits_for_the_least_sample() -> None:
    monitor = make_monitor()
    fill(monitor, draw_answers(499))
    before = monitor.judge_all()[MODEL]

    fill(monitor, draw_answers(1))

    assert {figure.psi for figure in before} == {None}
    assert None not in {figure.psi for figure in monitor.judge_all()[MODEL]}


def test_monitor_sees_the_last_answers_only() -> None:
    monitor = make_monitor(window=600)
    fill(monitor, draw_answers(1000, highest_brightness=0.5))
    night = monitor.judge_all()[MODEL][2]

    fill(monitor, draw_answers(600, seed=2))

    day = monitor.judge_all()[MODEL]
    fresh = make_monitor()
    fill(fresh, draw_answers(600, seed=2))
    assert (night.num_answers, night.reading) == (600, "large")
    assert (day[2].num_answers, day[2].reading) == (600, "stable")
    assert day == fresh.judge_all()[MODEL]


def test_monitor_keeps_models_apart_and_leaves_out_those_without_a_reference() -> None:
    monitor = make_monitor()
    fill(monitor, draw_answers(10))
    monitor.add(OTHER, label="x", confidence=1, brightness=1, motion=1)

    figures = monitor.judge_all()
    assert list(figures) == [MODEL]
    assert figures[MODEL][0].num_answers == 10


def test_forgotten_model_is_watched_no_more_and_begins_anew() -> None:
    monitor = make_monitor()
    fill(monitor, draw_answers(10))

    monitor.forget(MODEL)
    fill(monitor, draw_answers(10))
    assert monitor.judge_all() == {}

    monitor.watch(MODEL, make_reference())
    assert monitor.judge_all()[MODEL][0].num_answers == 0


def test_monitor_has_a_figure_for_every_quantity_before_the_first_answer() -> None:
    figures = make_monitor().judge_all()[MODEL]

    assert [figure.quantity for figure in figures] == [
        "label",
        "confidence",
        "brightness",
        "motion",
    ]
    assert {(figure.num_answers, figure.psi) for figure in figures} == {(0, None)}
