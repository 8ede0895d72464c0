from pathlib import Path

import pytest

from training.data.synthetic.body import Body, make_bodies
from training.data.synthetic.config import SyntheticConfig
from training.data.synthetic.generate import generate
from training.data.synthetic.people import Person, draw_person


@pytest.fixture(scope="session")
def tiny() -> SyntheticConfig:
    return SyntheticConfig(
        seed=3,
        num_train_people=1,
        num_val_people=1,
        num_test_people=1,
        clips_per_activity=1,
        views=("inner_mirror", "passenger_side"),
        frame_rate_hz=4,
        size_px=32,
        num_workers=2,
    )


@pytest.fixture(scope="session")
def person(tiny: SyntheticConfig) -> Person:
    return draw_person(tiny.seed, 0)


@pytest.fixture(scope="session")
def body(person: Person) -> Body:
    return make_bodies([person])[0]


@pytest.fixture(scope="session")
def dataset(tiny: SyntheticConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic")
    generate(tiny, root)
    return root
