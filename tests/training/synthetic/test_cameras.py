from dataclasses import replace

import numpy as np
import pytest

from training.data.synthetic.body import Body
from training.data.synthetic.cameras import VIEWS, Sensor, draw_camera, pixel_rays
from training.data.synthetic.config import SyntheticConfig
from training.data.synthetic.people import Person
from training.data.synthetic.studio import METERED_QUANTILE, Studio, develop

_PLAIN = Sensor(
    is_infrared=False,
    lamp=0.0,
    grey_mix=(0.2, 0.3, 0.5),
    level=0.4,
    contrast=1.0,
    tint=(1.0, 1.0, 1.0),
    blur=0.0,
    exposure=0.0,
    noise=0.0,
    vignette=0.0,
    crf=20,
)


def test_middle_of_the_picture_looks_along_the_direction_and_its_top_up() -> None:
    rays_P3 = pixel_rays(
        np.array([0.0, 1.0, 0.0]), turn_deg=0.0, field_of_view_deg=90.0, aspect=4 / 3, size_px=3
    ).reshape(3, 3, 3)

    np.testing.assert_allclose(rays_P3[1, 1], [0, 1, 0], atol=1e-6)
    assert rays_P3[1, 2, 0] / rays_P3[1, 2, 1] == pytest.approx(
        4 / 3 * rays_P3[0, 1, 2] / rays_P3[0, 1, 1]
    )
    assert rays_P3[0, 1, 2] > 0.3  # Up.
    assert rays_P3[1, 2, 0] > 0.3  # To the left the car's nose is on the right.


@pytest.mark.parametrize("view", VIEWS)
def test_every_camera_sees_the_driver_move(
    view: str, tiny: SyntheticConfig, person: Person, body: Body
) -> None:
    config = replace(tiny, views=VIEWS)
    studio = Studio(config, person_index=0, person=person, body=body, views=[view])

    frames_THWC = studio.film("putting_on_jacket", 0)[view]

    assert np.abs(np.diff(frames_THWC.astype(int), axis=0)).mean() > 1.0


def test_cars_have_their_cameras_in_other_places() -> None:
    cameras = [
        draw_camera("ceiling", np.random.default_rng(seed), stature_m=1.7, size_px=2)
        for seed in range(20)
    ]

    assert len({camera.origin for camera in cameras}) == 20
    assert {camera.sensor.is_infrared for camera in cameras} == {False, True}


def test_exposure_brings_any_light_to_the_level_of_the_sensor() -> None:
    random = np.random.default_rng(0)
    dim_TP3 = random.uniform(0.01, 0.02, (2, 64, 1)).repeat(3, axis=2).astype(np.float32)

    levels = [
        np.quantile(develop(dim_TP3 * gain, _PLAIN, random)[0], METERED_QUANTILE) / 255
        for gain in (1.0, 30.0)
    ]

    assert levels == pytest.approx([_PLAIN.level, _PLAIN.level], abs=0.02)


def test_infrared_is_grey() -> None:
    seen_TP3 = np.random.default_rng(0).uniform(size=(2, 64, 3)).astype(np.float32)
    infrared = Sensor(**{**vars(_PLAIN), "is_infrared": True})

    frames_THWC = develop(seen_TP3, infrared, np.random.default_rng(0))

    assert frames_THWC.shape == (2, 8, 8, 3)
    assert (frames_THWC == frames_THWC[..., :1]).all()
    assert len(np.unique(frames_THWC)) > 30
