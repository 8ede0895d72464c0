"""Film one person: performances in, frames out.

Shapes: `T` frames, `H` `W` pixels.
"""

import numpy as np
from numpy.typing import NDArray

from models.labels import DRIVE_AND_ACT_LABELS
from training.data.synthetic.body import Body
from training.data.synthetic.cabin import make_cabin, make_scenery
from training.data.synthetic.config import SyntheticConfig
from training.data.synthetic.people import Person
from training.data.synthetic.render import Actor, Camera, Light, Renderer
from training.data.synthetic.scene import Scene, make_scene
from training.data.synthetic.wardrobe import make_wardrobe

# Noise is drawn once a person, for so many pictures, and every frame takes a part of it.
_NOISE_PICTURES = 4


class Studio:
    """A person in a lit car, in front of a camera."""

    def __init__(self, config: SyntheticConfig, *, person_index: int, person: Person, body: Body):
        self._config = config
        self._person_index = person_index
        self._person = person
        self._body = body
        setting = person.setting
        camera = Camera.from_setting(setting, size_px=config.size_px)
        cabin = make_cabin(setting, recline_deg=person.habit.recline_deg)
        scenery_P3 = make_scenery(camera.rays_P3, setting.scenery_seed)
        self._renderer = Renderer(body, cabin, camera, scenery_P3)
        random = np.random.default_rng([config.seed, person_index, 3])
        grain = random.standard_normal(_NOISE_PICTURES * scenery_P3.size, dtype=np.float32)
        self._noise = grain * np.float32(setting.noise)
        sleeve = "R" if person.habit.is_right_handed else "L"
        self._wardrobe = make_wardrobe(body, person.look, first_sleeve=sleeve)

    def film(self, label: str, take: int) -> NDArray[np.uint8]:
        """Return the frames (T, H, W, 3), uint8 RGB, of one performance of an activity."""
        seeds = [self._config.seed, self._person_index, 1, DRIVE_AND_ACT_LABELS.index(label), take]
        random = np.random.default_rng(seeds)
        num_frames = self._config.frames_per_clip
        scene = make_scene(
            self._person,
            self._body,
            label=label,
            num_frames=num_frames,
            random=random,
        )
        self._renderer.start_clip(self._draw_light(random), self._actor(scene, 0))
        pictures = (self._renderer.frame(self._actor(scene, index)) for index in range(num_frames))
        return np.stack([self._develop(picture, random) for picture in pictures])

    def _draw_light(self, random: np.random.Generator) -> Light:
        setting = self._person.setting
        strength = random.uniform(0.85, 1.15)
        red, green, blue = (channel * strength for channel in setting.sun_color)
        return Light(setting.sun, (red, green, blue), setting.ambient)

    def _actor(self, scene: Scene, index: int) -> Actor:
        colors_V3, padding_V = self._wardrobe.dressed(float(scene.jacket_T[index]))
        return Actor(
            scene.transforms_TJ34[index],
            colors_V3,
            padding_V,
            scene.things,
            scene.things_TV3[index],
        )

    def _develop(
        self, picture_P3: NDArray[np.float32], random: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Apply tone (gamma 4/3) and the sensor's noise."""
        linear = np.clip(picture_P3, 0.0, 1.2)
        toned = np.sqrt(linear * np.sqrt(linear))
        start = random.integers(len(self._noise) - toned.size)
        toned += self._noise[start : start + toned.size].reshape(toned.shape)
        size = self._config.size_px
        levels = (np.clip(toned, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
        return levels.reshape(size, size, 3)
