"""Sequences of images with a table of who does what: the layout of State Farm's competition.

Source of the layout: `driver_imgs_list.csv` and `imgs/train` of the Kaggle competition "State Farm
Distracted Driver Detection". Its rows stand in the order of time within a subject and class.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from training.data.examples import DataError, Example, Split
from training.data.media import ImageRun
from training.data.tables import read_rows

COLUMNS = ("subject", "classname", "img")
"""Columns of the table; an image is the file `<images>/<classname>/<img>`."""

VIEW = "dashboard"


def read_image_sequences(
    table: Path,
    images: Path,
    *,
    num_images: int,
    stride: int,
    subjects: Mapping[Split, Collection[str]],
    labels: Mapping[str, str],
) -> list[Example]:
    """Read runs of images that follow each other, all of one subject and class.

    Args:
        table: The CSV file.
        images: Folder of one folder of images a class.
        num_images: Images of one run; a sequence that is shorter is one run.
        stride: Distance of the starts of runs, in images.
        subjects: Who is in `val` and who in `test`; all others are in `train`.
        labels: Activity of each class name; classes that it lacks are left out. Empty: the class
            names are the activities.

    Raises:
        DataError: If the table is missing or malformed, or a subject is in two splits or unknown.
    """
    sequences = _read_sequences(table)
    split_of = _assign_subjects(subjects, known={subject for subject, _ in sequences})
    return [
        Example(
            media=ImageRun(files=tuple(images / class_name / name for name in run)),
            label=labels.get(class_name, class_name),
            subject=subject,
            view=VIEW,
            split=split_of.get(subject, "train"),
        )
        for (subject, class_name), names in sequences.items()
        if not labels or class_name in labels
        for run in cut_runs(names, num_images=num_images, stride=stride)
    ]


def cut_runs(names: list[str], *, num_images: int, stride: int) -> Iterator[list[str]]:
    """Yield runs of names, `stride` apart; what is left over at the end is in none."""
    last_start = max(0, len(names) - num_images)
    for start in range(0, last_start + 1, stride):
        yield names[start : start + num_images]


def _read_sequences(table: Path) -> dict[tuple[str, str], list[str]]:
    sequences: dict[tuple[str, str], list[str]] = {}
    for row in read_rows(table, COLUMNS):
        key = (row.values["subject"], row.values["classname"])
        sequences.setdefault(key, []).append(row.values["img"])
    return sequences


def _assign_subjects(
    subjects: Mapping[Split, Collection[str]], *, known: Collection[str]
) -> dict[str, Split]:
    split_of: dict[str, Split] = {}
    for split, names in subjects.items():
        for name in names:
            if name not in known:
                raise DataError(f"{split} subject {name} is not in the table")
            if split_of.setdefault(name, split) != split:
                raise DataError(f"subject {name} is in splits {split_of[name]} and {split}")
    return split_of
