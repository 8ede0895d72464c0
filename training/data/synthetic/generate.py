"""Generate a synthetic data set: one video a person and camera, and the splits' CSVs."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
from filelock import AcquireReturnProxy, FileLock, Timeout

from models.labels import DRIVE_AND_ACT_LABELS
from training.data.drive_and_act import annotation_path
from training.data.examples import SPLITS, DataError, Split
from training.data.synthetic.body import Body, make_bodies
from training.data.synthetic.config import NUM_SPLITS, SyntheticConfig
from training.data.synthetic.frequency import RELATIVE_FREQUENCY
from training.data.synthetic.people import draw_person
from training.data.synthetic.writer import PART, ChunkRow, write_rows, write_videos
from training.processes import worker_processes
from training.progress import console

_RECORD = "synthetic.json"
_LOCK = "synthetic.lock"


def generate(
    config: SyntheticConfig, root: Path, *, progress: Callable[[int, int], None] | None = None
) -> int:
    """Write a data set in the layout of Drive&Act, going on where an earlier call stopped.

    A call waits for others that write to the same folder, says so, and then finds what they made.

    Returns the number of frames that were rendered.

    Args:
        config: What to generate.
        root: Folder to write to; made if it does not exist.
        progress: Called with the number of finished people and of all people.

    Raises:
        DataError: If the folder holds a data set of another configuration.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _wait_for_turn(root):
        return _generate(config, root, progress=progress)


def _wait_for_turn(root: Path) -> AcquireReturnProxy[FileLock]:
    lock = FileLock(root / _LOCK)
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        console.print(f"waiting for another run, which makes the drivers in {root}")
        return lock.acquire()


def _generate(
    config: SyntheticConfig, root: Path, *, progress: Callable[[int, int], None] | None
) -> int:
    _claim(root, config)
    for leftover in root.rglob(f"*{PART}"):
        leftover.unlink()
    missing = [
        index
        for index in range(config.num_people)
        if not all(path.exists() for path in _videos(config, root, index).values())
    ]
    num_done = config.num_people - len(missing)
    for done in _film_people(config, root, missing):
        if progress is not None:
            progress(num_done + done, config.num_people)
    for view in config.views:
        for split_index in range(NUM_SPLITS):
            for split in SPLITS:
                path = annotation_path(root, view=view, split_index=split_index, split=split)
                write_rows(path, _split_rows(config, view, split_index, split))
    num_clips = sum(len(_seen_by(config, view, i)) for view in config.views for i in missing)
    return num_clips * config.frames_per_clip


def schedule(config: SyntheticConfig, person_index: int) -> list[tuple[str, int]]:
    """Return the shuffled (activity, take) pairs of a person, in the order of filming."""
    random = np.random.default_rng([config.seed, person_index, 2])
    pairs = [
        (label, take)
        for label, count in zip(DRIVE_AND_ACT_LABELS, _count_takes(config, random), strict=True)
        for take in range(count)
    ]
    return [pairs[index] for index in random.permutation(len(pairs))]


def _seen_by(config: SyntheticConfig, view: str, person_index: int) -> list[tuple[str, int]]:
    """Return what of a person's schedule a camera films, in order."""
    pairs = schedule(config, person_index)
    return [(label, take) for label, take in pairs if view in config.views_of(take)]


def _count_takes(config: SyntheticConfig, random: np.random.Generator) -> list[int]:
    """Return how often a person performs each activity."""
    num_labels = len(DRIVE_AND_ACT_LABELS)
    if config.balance == "uniform":
        return [config.clips_per_activity] * num_labels
    shares = np.array([RELATIVE_FREQUENCY[label] for label in DRIVE_AND_ACT_LABELS])
    counts = random.multinomial(config.clips_per_activity * num_labels, shares / shares.sum())
    return [int(count) for count in counts]


def _claim(root: Path, config: SyntheticConfig) -> None:
    record = root / _RECORD
    if not record.exists():
        part = record.with_name(record.name + PART)
        part.write_text(config.fingerprint())
        os.replace(part, record)
    found = record.read_text()
    if found != config.fingerprint():
        raise DataError(
            f"{root} holds a synthetic data set of another configuration: found {found}, "
            f"asked for {config.fingerprint()}; choose another folder or remove this one"
        )


def _file_id(person_index: int) -> str:
    return f"vp{person_index + 1}/run1"


def _videos(config: SyntheticConfig, root: Path, person_index: int) -> dict[str, Path]:
    return {view: root / view / f"{_file_id(person_index)}.mp4" for view in config.views}


def _film_people(config: SyntheticConfig, root: Path, indices: list[int]) -> Iterator[int]:
    """Film people in worker processes; yield how many are finished."""
    if not indices:
        return
    bodies = make_bodies([draw_person(config.seed, index) for index in indices])
    with worker_processes(min(config.num_workers, len(indices))) as pool:
        tasks = [
            pool.submit(_film_person, config, index, body, root)
            for index, body in zip(indices, bodies, strict=True)
        ]
        for done, task in enumerate(as_completed(tasks), start=1):
            task.result()
            yield done


def _film_person(config: SyntheticConfig, person_index: int, body: Body, root: Path) -> None:
    from training.data.synthetic.studio import Studio

    person = draw_person(config.seed, person_index)
    studio = Studio(config, person_index=person_index, person=person, body=body, views=config.views)
    write_videos(
        _videos(config, root, person_index),
        (studio.film(label, take) for label, take in schedule(config, person_index)),
        frame_rate_hz=config.frame_rate_hz,
        crfs={view: camera.sensor.crf for view, camera in studio.cameras.items()},
    )


def _split_rows(
    config: SyntheticConfig, view: str, split_index: int, split: Split
) -> Iterator[ChunkRow]:
    length = config.frames_per_clip
    for index in range(config.num_people):
        if config.split_of(index, split_index) != split:
            continue
        for position, (label, _) in enumerate(_seen_by(config, view, index)):
            start = position * length
            yield ChunkRow(
                index + 1, _file_id(index), position, start, start + length, label, chunk_id=0
            )
