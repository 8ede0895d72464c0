from dataclasses import dataclass
from fractions import Fraction

import pytest

from models.errors import UndecodableMediaError
from models.video.timeline import Shown, cut, shown_frames


@dataclass(frozen=True)
class Frame:
    time: float | None
    duration: int = 0
    time_base: Fraction | None = Fraction(1, 1000)


def ranges_s(shown: list[Shown[Frame]]) -> list[tuple[float, float]]:
    return [(round(item.start_s, 6), round(item.stop_s, 6)) for item in shown]


def test_frame_is_shown_until_the_next_and_the_last_for_its_duration() -> None:
    frames = [Frame(0.0), Frame(0.1), Frame(0.5, duration=250)]

    shown = list(shown_frames(frames, frame_period_s=0.04))

    assert ranges_s(shown) == [(0.0, 0.1), (0.1, 0.5), (0.5, 0.75)]


def test_frames_without_times_follow_at_the_frame_period() -> None:
    frames = [Frame(None), Frame(None), Frame(None)]

    shown = list(shown_frames(frames, frame_period_s=0.04))

    assert ranges_s(shown) == [(0.0, 0.04), (0.04, 0.08), (0.08, 0.12)]


def test_small_step_back_in_time_is_taken_as_no_step() -> None:
    shown = list(shown_frames([Frame(0.0), Frame(0.2), Frame(0.1)], frame_period_s=0.1))

    assert ranges_s(shown) == [(0.0, 0.2), (0.2, 0.2), (0.2, 0.3)]


def test_large_step_back_in_time_is_refused() -> None:
    with pytest.raises(UndecodableMediaError, match=r"go back from 9 s to 0 s"):
        list(shown_frames([Frame(9.0), Frame(0.0)], frame_period_s=0.1))


def test_no_frames_give_no_times() -> None:
    assert list(shown_frames([], frame_period_s=0.1)) == []


def test_cut_begins_with_the_frame_shown_at_the_start() -> None:
    shown = [Shown(frame=Frame(None), start_s=k / 10, stop_s=(k + 1) / 10) for k in range(10)]

    assert ranges_s(list(cut(shown, start_s=0.25, stop_s=0.5))) == [
        (0.0, 0.05),
        (0.05, 0.15),
        (0.15, 0.25),
    ]


def test_cut_takes_times_within_a_millisecond_as_on_the_border() -> None:
    shown = [Shown(frame=Frame(None), start_s=s, stop_s=s + 0.033) for s in (0.0, 0.033, 0.067)]

    inside = list(cut(shown, start_s=1 / 30, stop_s=2 / 30))

    assert [item.frame for item in inside] == [shown[1].frame]
