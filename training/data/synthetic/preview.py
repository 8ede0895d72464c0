"""A contact sheet to look at: one row an activity, frames from left to right in time."""

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
    num_columns: int = 8,
) -> None:
    """Write a contact sheet as an image.

    Args:
        config: What to render.
        path: Image file to write; its suffix decides the format.
        labels: The activities, from top to bottom.
        num_people: The drivers who perform, in turn; from driver to driver all activities are seen
            by another camera in turn, so that a sheet of few rows shows all.
        num_columns: Frames shown of each clip.
    """
    people = [draw_person(config.seed, index) for index in range(num_people)]
    bodies = make_bodies(people)
    rows = []
    for row, label in enumerate(labels):
        index = row % num_people
        view = config.views[(row + row // num_people) % len(config.views)]
        studio = Studio(
            config, person_index=index, person=people[index], body=bodies[index], views=[view]
        )
        rows.append(_row(studio.film(label, 0)[0], num_columns))
    Image.fromarray(np.concatenate(rows, axis=0)).save(path)


def _row(frames_THWC: NDArray[np.uint8], num_columns: int) -> NDArray[np.uint8]:
    picked = np.linspace(0, len(frames_THWC) - 1, num_columns).round().astype(int)
    return np.concatenate(list(frames_THWC[picked]), axis=1)
