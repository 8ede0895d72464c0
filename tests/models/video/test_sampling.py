import numpy as np
import pytest

from models.spec import ClipSpec
from models.video.sampling import frame_offsets_s, sample_grid

SPEC = ClipSpec(num_frames=4, window_s=2.0)


def test_offsets_are_the_middles_of_equal_parts() -> None:
    assert frame_offsets_s(SPEC) == (0.25, 0.75, 1.25, 1.75)


@pytest.mark.parametrize(
    ("duration_s", "num_windows"),
    [(0.04, 1), (2.0, 1), (2.9, 1), (3.0, 2), (4.0, 2), (4.99, 2), (5.0, 3)],
)
def test_later_window_counts_when_half_of_it_is_covered(
    duration_s: float, num_windows: int
) -> None:
    assert sample_grid(SPEC).num_windows(duration_s) == num_windows


@pytest.mark.parametrize(("duration_s", "num_windows"), [(1.4, 1), (1.5, 2), (2.0, 3), (2.5, 4)])
def test_overlapping_windows_count_by_the_same_rule(duration_s: float, num_windows: int) -> None:
    assert sample_grid(SPEC, stride_s=0.5).num_windows(duration_s) == num_windows


def test_each_instant_takes_the_last_frame_shown_by_then() -> None:
    plan = sample_grid(SPEC).plan([0.0, 0.5, 1.0, 1.5], duration_s=2.0)

    assert plan.indices_NT.tolist() == [[0, 1, 2, 3]]
    assert [span.num_padded_frames for span in plan.spans] == [0]


def test_frame_shown_for_long_is_repeated_and_is_no_padding() -> None:
    plan = sample_grid(SPEC).plan([0.0, 1.7], duration_s=2.0)

    assert plan.indices_NT.tolist() == [[0, 0, 0, 1]]
    assert plan.spans[0].num_padded_frames == 0


def test_past_the_end_the_last_frame_is_repeated_and_counted() -> None:
    plan = sample_grid(SPEC).plan([0.0, 0.5], duration_s=1.0)

    assert plan.indices_NT.tolist() == [[0, 1, 1, 1]]
    assert plan.spans[0].num_padded_frames == 2


def test_only_the_last_window_of_a_long_video_is_padded() -> None:
    times_s = [index * 0.5 for index in range(6)]

    plan = sample_grid(SPEC).plan(times_s, duration_s=3.0)

    assert plan.indices_NT.tolist() == [[0, 1, 2, 3], [4, 5, 5, 5]]
    assert [span.num_padded_frames for span in plan.spans] == [0, 2]
    assert [(span.start_s, span.stop_s) for span in plan.spans] == [(0.0, 2.0), (2.0, 4.0)]


def test_times_rounded_to_milliseconds_give_the_same_frames() -> None:
    spec = ClipSpec(num_frames=15, window_s=1.0)  # instants fall on frame times at 30 Hz
    exact_s = [index / 30 for index in range(90)]
    rounded_s = [round(time_s, 3) for time_s in exact_s]

    exact = sample_grid(spec).plan(exact_s, duration_s=3.0)
    rounded = sample_grid(spec).plan(rounded_s, duration_s=3.0)

    assert np.array_equal(exact.indices_NT, rounded.indices_NT)


@pytest.mark.parametrize("stride_s", [0.3, 1.0, 2.0, 3.7])
def test_is_sampled_agrees_with_the_plan(stride_s: float) -> None:
    grid = sample_grid(SPEC, stride_s=stride_s)
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.0, 0.2, 100)) - 0.0
    times_s = times_s - times_s[0]
    duration_s = float(times_s[-1]) + 0.1
    stops_s = [*times_s[1:], duration_s]

    sampled = {
        index
        for index, (start_s, stop_s) in enumerate(zip(times_s, stops_s, strict=True))
        if grid.is_sampled(float(start_s), float(stop_s))
    }

    planned = set(grid.plan(list(times_s), duration_s=duration_s).used())
    assert planned - sampled <= {len(times_s) - 1}  # the last one may only serve as padding


@pytest.mark.parametrize("stride_s", [0.0, -1.0, float("nan"), float("inf")])
def test_stride_must_be_positive_and_finite(stride_s: float) -> None:
    with pytest.raises(ValueError, match="stride_s"):
        sample_grid(SPEC, stride_s=stride_s)
