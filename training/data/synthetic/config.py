"""What a synthetic data set is made of: counts, cameras, size, rate and seed."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from training.data.examples import Split
from training.data.synthetic.cameras import VIEWS

CLIP_DURATION_S = 3.0
NUM_SPLITS = 3
# Bumped whenever the same configuration would give other frames.
GENERATOR_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """Describe a synthetic data set; equal configurations give byte-identical frames.

    Attributes:
        seed: Root of every random draw.
        num_train_people: Drivers who train, in each of the three splits.
        num_val_people: Drivers who validate.
        num_test_people: Drivers who test; from split to split others, where there are enough.
        clips_per_activity: Clips of 3 s that each driver performs of each activity, on average.
        balance: `uniform`, all activities alike; or `drive_and_act`, about as often as there,
            where some are two orders of magnitude rarer than others.
        views: Cameras that film.
        takes_turns: Whether a clip is filmed by one of the cameras, in turn, instead of by all:
            more different clips for the same work, where nobody has to compare views.
        frame_rate_hz: Frames per second of the videos; 3 s must be a whole number of frames.
        size_px: Height and width of the videos, even.
        num_workers: Processes that render; does not change the frames.

    Raises:
        ValueError: If a value lies outside its range.
    """

    seed: int = 1
    num_train_people: int = 56
    num_val_people: int = 8
    num_test_people: int = 16
    clips_per_activity: int = 1
    balance: Literal["uniform", "drive_and_act"] = "uniform"
    views: tuple[str, ...] = VIEWS
    takes_turns: bool = False
    frame_rate_hz: int = 10
    size_px: int = 128
    num_workers: int = 2

    def __post_init__(self) -> None:
        _check_range("seed", self.seed, minimum=0, maximum=2**31 - 1)
        for name in ("num_train_people", "num_val_people", "num_test_people"):
            _check_range(name, getattr(self, name), minimum=0, maximum=10_000)
        _check_range("clips_per_activity", self.clips_per_activity, minimum=1, maximum=100)
        _check_range("frame_rate_hz", self.frame_rate_hz, minimum=4, maximum=60)
        _check_range("size_px", self.size_px, minimum=32, maximum=1024)
        _check_range("num_workers", self.num_workers, minimum=1, maximum=256)
        if not self.views or len(set(self.views)) != len(self.views) or set(self.views) - {*VIEWS}:
            raise ValueError(f"views are {self.views}, must be some of {VIEWS}, each once")
        if self.size_px % 2:
            raise ValueError(f"size_px is {self.size_px}, must be even for 4:2:0 video")

    @property
    def num_people(self) -> int:
        """Count the drivers of all splits."""
        return self.num_train_people + self.num_val_people + self.num_test_people

    @property
    def frames_per_clip(self) -> int:
        """Count the frames of one clip."""
        return round(CLIP_DURATION_S * self.frame_rate_hz)

    def views_of(self, take: int) -> tuple[str, ...]:
        """Name the cameras that film the n-th clip of a person and an activity."""
        return (self.views[take % len(self.views)],) if self.takes_turns else self.views

    def split_of(self, person_index: int, split_index: int) -> Split:
        """Name the part of a driver in one of the three official splits, 0 to 2.

        The drivers stand in a circle, on which the parts move on by a third from split to split.
        """
        place = (person_index + split_index * self.num_people // NUM_SPLITS) % self.num_people
        if place < self.num_train_people:
            return "train"
        return "val" if place < self.num_train_people + self.num_val_people else "test"

    def fingerprint(self) -> str:
        """Return the JSON of everything that decides the frames of a person."""
        values = asdict(self) | {"generator_version": GENERATOR_VERSION}
        del values["num_workers"]
        return json.dumps(values, sort_keys=True)


def _check_range(name: str, value: int, *, minimum: int, maximum: int) -> None:
    if not minimum <= value <= maximum:
        raise ValueError(f"{name} is {value}, must lie in [{minimum}, {maximum}]")
