"""What a synthetic data set is made of: counts, size, rate and seed."""

import json
from dataclasses import asdict, dataclass

CLIP_DURATION_S = 3.0
# Bumped whenever the same configuration would give other frames.
GENERATOR_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """Describe a synthetic data set; equal configurations give byte-identical frames.

    Attributes:
        seed: Root of every random draw.
        num_train_people: Drivers in the train split.
        num_val_people: Drivers in the val split.
        num_test_people: Drivers in the test split.
        clips_per_activity: Clips of 3 s that each driver performs of each activity.
        frame_rate_hz: Frames per second of the videos; 3 s must be a whole number of frames.
        size_px: Height and width of the videos, even.
        num_workers: Processes that render; does not change the frames.

    Raises:
        ValueError: If a value lies outside its range.
    """

    seed: int = 1
    num_train_people: int = 40
    num_val_people: int = 8
    num_test_people: int = 12
    clips_per_activity: int = 2
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

    def split_of(self, person_index: int) -> str:
        """Name the split of a driver: train, then val, then test in order of index."""
        if person_index < self.num_train_people:
            return "train"
        is_val = person_index < self.num_train_people + self.num_val_people
        return "val" if is_val else "test"

    def fingerprint(self) -> str:
        """Return the JSON of everything that decides the frames of a person."""
        values = asdict(self) | {"generator_version": GENERATOR_VERSION}
        del values["num_workers"]
        return json.dumps(values, sort_keys=True)


def _check_range(name: str, value: int, *, minimum: int, maximum: int) -> None:
    if not minimum <= value <= maximum:
        raise ValueError(f"{name} is {value}, must lie in [{minimum}, {maximum}]")
