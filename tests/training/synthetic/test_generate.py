from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from models.labels import DRIVE_AND_ACT_LABELS
from training.data.drive_and_act import read_drive_and_act
from training.data.examples import SPLITS, DataError
from training.data.synthetic.body import Body, make_bodies
from training.data.synthetic.config import SyntheticConfig
from training.data.synthetic.generate import VIEW, csv_path, generate, schedule
from training.data.synthetic.people import Person, draw_person
from training.data.synthetic.preview import write_preview
from training.data.synthetic.studio import Studio
from training.data.synthetic.writer import write_video


def _videos(root: Path) -> list[Path]:
    return sorted((root / VIEW).glob("vp*/run1.mp4"))


def test_every_person_has_one_video_of_all_clips(dataset: Path, tiny: SyntheticConfig) -> None:
    with av.open(str(_videos(dataset)[0])) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))

    assert len(_videos(dataset)) == 2
    assert len(frames) == len(DRIVE_AND_ACT_LABELS) * tiny.frames_per_clip
    assert (stream.width, stream.height, stream.codec_context.name) == (32, 32, "h264")


def test_every_clip_starts_with_a_key_frame(dataset: Path, tiny: SyntheticConfig) -> None:
    with av.open(str(_videos(dataset)[0])) as container:
        keys = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]

    starts = range(0, len(DRIVE_AND_ACT_LABELS) * tiny.frames_per_clip, tiny.frames_per_clip)
    assert keys == list(starts)


def test_annotations_are_read_by_the_drive_and_act_reader(dataset: Path) -> None:
    examples = read_drive_and_act(
        dataset,
        views=[VIEW],
        test_views=[VIEW],
        split_index=0,
        video_suffix=".mp4",
        frame_rate_hz=4,
    )

    by_split = {split: [e for e in examples if e.split == split] for split in SPLITS}
    assert {split: len(found) for split, found in by_split.items()} == {
        "train": 34,
        "val": 0,
        "test": 34,
    }
    assert all(path.is_file() for example in examples for path in example.media.files)
    assert sorted(example.label for example in by_split["test"]) == sorted(DRIVE_AND_ACT_LABELS)
    assert {e.subject for e in by_split["train"]}.isdisjoint(e.subject for e in by_split["test"])


def test_frames_do_not_depend_on_the_worker_that_made_them(
    dataset: Path, tiny: SyntheticConfig, tmp_path: Path
) -> None:
    person = draw_person(tiny.seed, 1)
    studio = Studio(tiny, person_index=1, person=person, body=make_bodies([person])[0])
    clips = [studio.film(label, take) for label, take in schedule(tiny, 1)]
    write_video(tmp_path / "again.mp4", clips, frame_rate_hz=tiny.frame_rate_hz)

    assert (tmp_path / "again.mp4").read_bytes() == _videos(dataset)[1].read_bytes()


def test_finished_people_are_not_filmed_again(dataset: Path, tiny: SyntheticConfig) -> None:
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in _videos(dataset)]
    csv_path(dataset, "train").unlink()

    generate(tiny, dataset)

    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in _videos(dataset)] == before
    assert csv_path(dataset, "train").is_file()


def test_folder_of_another_configuration_is_refused(dataset: Path, tiny: SyntheticConfig) -> None:
    with pytest.raises(DataError, match="another configuration"):
        generate(replace(tiny, seed=tiny.seed + 1), dataset)


def test_missing_person_is_filmed_and_reported(
    dataset: Path, tiny: SyntheticConfig, tmp_path: Path
) -> None:
    (tmp_path / "synthetic.json").write_text(tiny.fingerprint())
    kept = tmp_path / VIEW / "vp1" / "run1.mp4"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(_videos(dataset)[0].read_bytes())
    seen: list[tuple[int, int]] = []

    generate(tiny, tmp_path, progress=lambda done, total: seen.append((done, total)))

    assert seen == [(2, 2)]
    assert _videos(tmp_path)[1].read_bytes() == _videos(dataset)[1].read_bytes()


def test_clips_are_shuffled_alike_for_a_person_and_unlike_for_two(tiny: SyntheticConfig) -> None:
    assert schedule(tiny, 0) == schedule(tiny, 0)
    assert schedule(tiny, 0) != schedule(tiny, 1)


def test_something_happens_in_every_clip_of_a_moving_activity(
    tiny: SyntheticConfig, person: Person, body: Body
) -> None:
    studio = Studio(tiny, person_index=0, person=person, body=body)

    frames_THWC = studio.film("drinking", 0)

    assert frames_THWC.shape == (12, 32, 32, 3)
    assert np.abs(np.diff(frames_THWC.astype(int), axis=0)).mean() > 1.0


def test_preview_has_a_row_for_every_activity(tiny: SyntheticConfig, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    write_preview(tiny, path, labels=("drinking", "writing"), num_columns=3)

    with Image.open(path) as sheet:
        assert sheet.size == (3 * 32, 2 * 32)
