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
    person_indices: tuple[int, ...] = (0,),
    num_columns: int = 8,
) -> None:
    """Write a contact sheet as an image.

    Args:
        config: What to render.
        path: Image file to write; its suffix decides the format.
        labels: The activities, from top to bottom.
        person_indices: The drivers who perform, in turn.
        num_columns: Frames shown of each clip.
    """
    people = [draw_person(config.seed, index) for index in person_indices]
    bodies = make_bodies(people)
    studios = [
        Studio(config, person_index=index, person=person, body=body)
        for index, person, body in zip(person_indices, people, bodies, strict=True)
    ]
    rows = [
        _row(studios[row % len(studios)].film(label, 0), num_columns)
        for row, label in enumerate(labels)
    ]
    Image.fromarray(np.concatenate(rows, axis=0)).save(path)


def _row(frames_THWC: NDArray[np.uint8], num_columns: int) -> NDArray[np.uint8]:
    picked = np.linspace(0, len(frames_THWC) - 1, num_columns).round().astype(int)
    return np.concatenate(list(frames_THWC[picked]), axis=1)
