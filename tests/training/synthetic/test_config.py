import pytest

from training.data.synthetic.config import SyntheticConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("num_train_people", -1),
        ("clips_per_activity", 0),
        ("frame_rate_hz", 1),
        ("size_px", 8),
        ("num_workers", 0),
    ],
)
def test_value_outside_its_range_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        SyntheticConfig(**{name: value})  # type: ignore[arg-type]


def test_odd_picture_size_is_refused() -> None:
    with pytest.raises(ValueError, match="must be even"):
        SyntheticConfig(size_px=113)


def test_people_are_split_by_index_without_overlap() -> None:
    config = SyntheticConfig(num_train_people=4, num_val_people=1, num_test_people=2)

    splits = [config.split_of(index, 0) for index in range(config.num_people)]

    assert splits == ["train"] * 4 + ["val"] + ["test"] * 2


def test_nobody_tests_in_two_splits_and_everybody_trains() -> None:
    config = SyntheticConfig()

    parts = [
        [config.split_of(index, split_index) for split_index in range(3)]
        for index in range(config.num_people)
    ]

    assert all(part.count("test") <= 1 and "train" in part for part in parts)
    assert sum(part.count("test") for part in parts) == 3 * config.num_test_people


@pytest.mark.parametrize("views", [(), ("inner_mirror", "inner_mirror"), ("moon",)])
def test_views_that_cannot_be_filmed_are_refused(views: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must be some of"):
        SyntheticConfig(views=views)


def test_number_of_workers_does_not_make_another_data_set() -> None:
    assert SyntheticConfig(num_workers=1).fingerprint() == SyntheticConfig().fingerprint()


def test_seed_makes_another_data_set() -> None:
    assert SyntheticConfig(seed=2).fingerprint() != SyntheticConfig(seed=1).fingerprint()


def test_clip_of_three_seconds_at_ten_hertz_has_thirty_frames() -> None:
    assert SyntheticConfig(frame_rate_hz=10).frames_per_clip == 30
