"""A contact sheet to look at: one row an activity, and in it, camera by camera, frames in time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.labels import DRIVE_AND_ACT_LABELS
from training.data.synthetic.body import make_bodies
from training.data.synthetic.config import SyntheticConfig
from training.data.synthetic.people import draw_person
from training.data.synthetic.studio import Studio


def write_preview(
    config: SyntheticConfig,
    path: Path,
    *,
    labels: tuple[str, ...] = DRIVE_AND_ACT_LABELS,
    num_people: int = 6,
    num_columns: int = 4,
) -> None:
    """Write a contact sheet as an image.

    Args:
        config: What to render.
        path: Image file to write; its suffix decides the format.
        labels: The activities, from top to bottom.
        num_people: The drivers who perform, in turn.
        num_columns: Frames shown of each clip.
    """
    everywhere = replace(config, takes_turns=False)
    people = [draw_person(config.seed, index) for index in range(num_people)]
    studios = [
        Studio(everywhere, person_index=index, person=person, body=body, views=config.views)
        for index, (person, body) in enumerate(zip(people, make_bodies(people), strict=True))
    ]
    films = [studios[row % num_people].film(label, 0) for row, label in enumerate(labels)]
    rows = [
        np.concatenate([_pick(seen, num_columns) for seen in film.values()], axis=1)
        for film in films
    ]
    Image.fromarray(np.concatenate(rows, axis=0)).save(path)


def _pick(frames_THWC: NDArray[np.uint8], num_columns: int) -> NDArray[np.uint8]:
    """Return evenly spaced frames side by side."""
    picked = np.linspace(0, len(frames_THWC) - 1, num_columns).round().astype(int)
    return np.concatenate(list(frames_THWC[picked]), axis=1)
