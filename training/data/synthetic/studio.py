"""Film one person: performances in, frames of every camera out.

Shapes: `T` frames, `H` `W` pixels, `P` pixels in row order.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.labels import DRIVE_AND_ACT_LABELS
from training.data.synthetic.body import Body
from training.data.synthetic.cabin import make_cabin, make_scenery
from training.data.synthetic.cameras import VIEWS, Camera, Sensor, draw_camera
from training.data.synthetic.config import CLIP_DURATION_S, SyntheticConfig
from training.data.synthetic.people import Person, Setting
from training.data.synthetic.render import Actor, Light, Stage, Viewpoint
from training.data.synthetic.scene import Scene, make_scene
from training.data.synthetic.wardrobe import make_wardrobe

Floats = NDArray[np.float32]
METERED_QUANTILE = 0.45
"""Which brightness the exposure looks at: most of the car, and not the sky in its windows."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class Studio:
    """A person in a car, in front of its cameras.

    Args:
        config: What is made.
        person_index: Which person.
        person: The same person, drawn.
        body: Their body.
        views: Cameras to film with; each gives the same frames whatever others there are.

    Attributes:
        cameras: The cameras, by view.
    """

    def __init__(
        self,
        config: SyntheticConfig,
        *,
        person_index: int,
        person: Person,
        body: Body,
        views: Sequence[str],
    ):
        self._config = config
        self._person_index = person_index
        self._person = person
        self._body = body
        cabin = make_cabin(person.setting, recline_deg=person.habit.recline_deg)
        self._stage = Stage(body, cabin)
        self.cameras = {
            view: draw_camera(
                view,
                self._random(4, VIEWS.index(view)),
                stature_m=person.stature_m,
                size_px=config.size_px,
            )
            for view in views
        }
        self._viewpoints = {view: self._look(camera) for view, camera in self.cameras.items()}
        sleeve = "R" if person.habit.is_right_handed else "L"
        self._wardrobe = make_wardrobe(
            body, person.look, first_sleeve=sleeve, random=self._random(3)
        )

    def film(self, label: str, take: int) -> dict[str, NDArray[np.uint8]]:
        """Return one performance of an activity: frames (T, H, W, 3), uint8 RGB, by view."""
        views = [view for view in self._config.views_of(take) if view in self.cameras]
        performance = (DRIVE_AND_ACT_LABELS.index(label), take)
        random = self._random(1, *performance)
        num_frames = self._config.frames_per_clip
        scene = make_scene(
            self._person,
            self._body,
            label=label,
            num_frames=num_frames,
            random=random,
        )
        light = draw_light(self._person.setting, random)
        return {
            view: develop(
                seen_TP3,
                self.cameras[view].sensor,
                self._random(5, VIEWS.index(view), *performance),
            )
            for view, seen_TP3 in self._shoot(scene, light, num_frames, views).items()
        }

    def _shoot(
        self, scene: Scene, light: Light, num_frames: int, views: Sequence[str]
    ) -> dict[str, Floats]:
        """Return linear pictures (T, P, 3) by view."""
        shape = (num_frames, self._config.size_px**2, 3)
        pictures = {view: np.empty(shape, dtype=np.float32) for view in views}
        self._stage.start_clip(self._actor(scene, 0))
        for index in range(num_frames):
            self._stage.move(self._actor(scene, index))
            time_s = index * CLIP_DURATION_S / num_frames
            for view, seen_TP3 in pictures.items():
                seen_TP3[index] = self._viewpoints[view].picture(light, time_s=time_s)
        return pictures

    def _random(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([self._config.seed, self._person_index, *purpose])

    def _look(self, camera: Camera) -> Viewpoint:
        scenery_P3 = make_scenery(camera.rays_P3, self._person.setting.scenery_seed)
        return Viewpoint(self._stage, camera, scenery_P3)

    def _actor(self, scene: Scene, index: int) -> Actor:
        colors_V3, padding_V = self._wardrobe.dressed(float(scene.jacket_T[index]))
        return Actor(
            scene.transforms_TJ34[index],
            colors_V3,
            padding_V,
            scene.things,
            scene.things_TV3[index],
        )


def draw_light(setting: Setting, random: np.random.Generator) -> Light:
    """Draw the light of one clip: the car turns below the sun, and drives past things."""
    azimuth = np.radians(setting.sun_azimuth_deg + random.uniform(-60, 60))
    elevation = np.radians(setting.sun_elevation_deg)
    sun = (
        float(np.cos(elevation) * np.cos(azimuth)),
        float(np.cos(elevation) * np.sin(azimuth)),
        float(np.sin(elevation)),
    )
    strength = setting.sun_strength * random.uniform(0.7, 1.3)
    ambient = setting.ambient * random.uniform(0.8, 1.2)
    warmth = setting.warmth
    x, y, z = random.normal(0.0, 1.0, 3) * random.uniform(0.5, 3.5)
    is_driving = random.uniform() < 0.6
    return Light(
        sun=sun,
        sun_color=(strength * (1 + warmth), strength, strength * (1 - warmth)),
        ambient=(ambient, ambient, ambient * (1 - warmth)),
        outside=setting.outside * random.uniform(0.8, 1.25),
        wave=(float(x), float(y), float(z)),
        drift=random.uniform(0.5, 5.0) if is_driving else 0.0,
    )


def develop(seen_TP3: Floats, sensor: Sensor, random: np.random.Generator) -> NDArray[np.uint8]:
    """Turn light into frames (T, H, W, 3): exposure, lens, tone and noise of a sensor."""
    if sensor.is_infrared:
        seen_TP3 = (seen_TP3 @ np.asarray(sensor.grey_mix, dtype=np.float32))[..., None]
    num_frames, num_pixels, num_channels = seen_TP3.shape
    side = round(num_pixels**0.5)
    light_THWC = seen_TP3.reshape(num_frames, side, side, num_channels)
    light_THWC = _blur(_smear(light_THWC, sensor.exposure), sensor.blur)
    light_THWC = light_THWC * (_gain(light_THWC, sensor) * _vignette(side, sensor.vignette))
    if not sensor.is_infrared:
        light_THWC = light_THWC * np.asarray(sensor.tint, dtype=np.float32)
    toned_THWC = np.clip(light_THWC, 0.0, 1.0) ** np.float32(sensor.contrast)
    grain_THWC = random.standard_normal(toned_THWC.shape, dtype=np.float32)
    toned_THWC += grain_THWC * np.float32(sensor.noise)
    levels_THWC = (np.clip(toned_THWC, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return np.broadcast_to(levels_THWC, (num_frames, side, side, 3))


def _smear(light_THWC: Floats, share: float) -> Floats:
    """Let every frame keep a share of the one before it, as long exposures do."""
    before_THWC = np.concatenate([light_THWC[:1], light_THWC[:-1]])
    smeared_THWC: Floats = light_THWC + np.float32(share) * (before_THWC - light_THWC)
    return smeared_THWC


def _blur(light_THWC: Floats, share: float) -> Floats:
    """Give a share of every pixel's light to either neighbour, along rows and along columns."""
    part = np.float32(share)
    for axis in (1, 2):
        size = light_THWC.shape[axis]
        before: Floats = light_THWC.take([0, *range(size - 1)], axis=axis)
        after: Floats = light_THWC.take([*range(1, size), size - 1], axis=axis)
        light_THWC = (1 - 2 * part) * light_THWC + part * (before + after)
    return light_THWC


def _gain(light_THWC: Floats, sensor: Sensor) -> np.float32:
    """Return the exposure that brings the darker half of the first frame to the sensor's level."""
    first = light_THWC[0] if sensor.is_infrared else light_THWC[0] @ _LUMA
    metered = max(float(np.quantile(first, METERED_QUANTILE)), 1e-3)
    return np.float32(sensor.level / metered)


def _vignette(side: int, loss: float) -> Floats:
    steps = np.linspace(-1.0, 1.0, side, dtype=np.float32)
    kept_HW = 1.0 - np.float32(loss / 2) * (steps[:, None] ** 2 + steps**2)
    return kept_HW[..., None]
