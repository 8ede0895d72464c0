from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from models.labels import DRIVE_AND_ACT_LABELS
from training.data.drive_and_act import annotation_path, read_drive_and_act
from training.data.examples import SPLITS, DataError, Split
from training.data.synthetic.body import Body, make_bodies
from training.data.synthetic.config import SyntheticConfig
from training.data.synthetic.generate import generate, schedule
from training.data.synthetic.people import Person, draw_person
from training.data.synthetic.preview import write_preview
from training.data.synthetic.studio import Studio
from training.data.synthetic.writer import write_videos


def _videos(root: Path, view: str = "inner_mirror") -> list[Path]:
    return sorted((root / view).glob("vp*/run1.mp4"))


def _csv(root: Path, split: Split, *, view: str = "inner_mirror", split_index: int = 0) -> Path:
    return annotation_path(root, view=view, split_index=split_index, split=split)


def test_every_person_has_one_video_a_camera(dataset: Path, tiny: SyntheticConfig) -> None:
    with av.open(str(_videos(dataset)[0])) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))

    assert len(_videos(dataset)) == len(_videos(dataset, "passenger_side")) == 3
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
        views=["inner_mirror"],
        test_views=["passenger_side"],
        split_index=0,
        video_suffix=".mp4",
        frame_rate_hz=4,
    )

    by_split = {split: [e for e in examples if e.split == split] for split in SPLITS}
    assert {split: len(found) for split, found in by_split.items()} == {
        "train": 34,
        "val": 34,
        "test": 34,
    }
    assert all(path.is_file() for example in examples for path in example.media.files)
    assert sorted(example.label for example in by_split["test"]) == sorted(DRIVE_AND_ACT_LABELS)
    assert {e.subject for e in by_split["train"]}.isdisjoint(e.subject for e in by_split["test"])


@pytest.mark.parametrize("split_index", [1, 2])
def test_other_splits_test_other_people(dataset: Path, split_index: int) -> None:
    first, other = (
        {
            row.split(",")[0]
            for row in _csv(dataset, "test", split_index=index).read_text().splitlines()
        }
        for index in (0, split_index)
    )

    assert first & other == {"participant_id"}


def test_frames_depend_on_neither_worker_nor_other_cameras(
    dataset: Path, tiny: SyntheticConfig, tmp_path: Path
) -> None:
    person = draw_person(tiny.seed, 1)
    body = make_bodies([person])[0]
    studio = Studio(tiny, person_index=1, person=person, body=body, views=["passenger_side"])
    write_videos(
        {"passenger_side": tmp_path / "again.mp4"},
        (studio.film(label, take) for label, take in schedule(tiny, 1)),
        frame_rate_hz=tiny.frame_rate_hz,
        crfs={"passenger_side": studio.cameras["passenger_side"].sensor.crf},
    )

    expected = _videos(dataset, "passenger_side")[1].read_bytes()
    assert (tmp_path / "again.mp4").read_bytes() == expected


def test_finished_people_are_not_filmed_again(dataset: Path, tiny: SyntheticConfig) -> None:
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in _videos(dataset)]
    _csv(dataset, "train").unlink()

    generate(tiny, dataset)

    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in _videos(dataset)] == before
    assert _csv(dataset, "train").is_file()


def test_callers_that_share_a_folder_take_turns(dataset: Path, tiny: SyntheticConfig) -> None:
    before = _csv(dataset, "train").read_bytes()

    with ThreadPoolExecutor(8) as pool:
        num_frames = list(pool.map(lambda _: generate(tiny, dataset), range(32)))

    assert num_frames == [0] * 32
    assert _csv(dataset, "train").read_bytes() == before


def test_caller_that_waits_says_for_what(
    dataset: Path, tiny: SyntheticConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with FileLock(dataset / "synthetic.lock"):
            waiting = pool.submit(generate, tiny, dataset)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=2)
            output = capsys.readouterr().out

        assert waiting.result() == 0
    assert output == f"waiting for another run, which makes the drivers in {dataset}\n"


def test_folder_of_another_configuration_is_refused(dataset: Path, tiny: SyntheticConfig) -> None:
    with pytest.raises(DataError, match="another configuration"):
        generate(replace(tiny, seed=tiny.seed + 1), dataset)


def test_missing_person_is_filmed_and_reported(
    dataset: Path, tiny: SyntheticConfig, tmp_path: Path
) -> None:
    (tmp_path / "synthetic.json").write_text(tiny.fingerprint())
    for video in (*_videos(dataset), *_videos(dataset, "passenger_side")):
        kept = tmp_path / video.relative_to(dataset)
        kept.parent.mkdir(parents=True)
        kept.write_bytes(video.read_bytes())
    _videos(tmp_path)[1].unlink()
    leftover = tmp_path / "inner_mirror" / "vp2" / "run1.mp4.123.part"
    leftover.write_bytes(b"half a video")
    seen: list[tuple[int, int]] = []

    generate(tiny, tmp_path, progress=lambda done, total: seen.append((done, total)))

    assert seen == [(3, 3)]
    assert not leftover.exists()
    assert _videos(tmp_path)[1].read_bytes() == _videos(dataset)[1].read_bytes()


def test_clips_are_shuffled_alike_for_a_person_and_unlike_for_two(tiny: SyntheticConfig) -> None:
    assert schedule(tiny, 0) == schedule(tiny, 0)
    assert schedule(tiny, 0) != schedule(tiny, 1)


def test_something_happens_in_every_clip_of_a_moving_activity(
    tiny: SyntheticConfig, person: Person, body: Body
) -> None:
    studio = Studio(tiny, person_index=0, person=person, body=body, views=["passenger_side"])

    frames_THWC = studio.film("drinking", 0)["passenger_side"]

    assert frames_THWC.shape == (12, 32, 32, 3)
    assert np.abs(np.diff(frames_THWC.astype(int), axis=0)).mean() > 1.0


def test_preview_has_a_row_for_every_activity_and_shows_every_view(
    tiny: SyntheticConfig, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.png"
    write_preview(tiny, path, labels=("drinking", "writing"), num_people=2, num_columns=3)

    with Image.open(path) as sheet:
        assert sheet.size == (len(tiny.views) * 3 * 32, 2 * 32)


def test_rare_activities_are_rare_when_balanced_as_drive_and_act(tiny: SyntheticConfig) -> None:
    config = replace(tiny, balance="drive_and_act", clips_per_activity=100)

    counts = Counter(label for label, _ in schedule(config, 0))

    assert counts.total() == 34 * 100
    # 1,810 to 14 there.
    assert counts["sitting_still"] / counts["closing_door_outside"] == pytest.approx(129, rel=0.5)


def test_cameras_that_take_turns_film_every_clip_once(
    tiny: SyntheticConfig, tmp_path: Path
) -> None:
    config = replace(
        tiny,
        takes_turns=True,
        clips_per_activity=2,
        num_train_people=1,
        num_val_people=0,
        num_test_people=0,
    )

    num_frames = generate(config, tmp_path)

    examples = [
        read_drive_and_act(
            tmp_path,
            views=[view],
            test_views=[view],
            split_index=0,
            video_suffix=".mp4",
            frame_rate_hz=4,
        )
        for view in config.views
    ]
    assert num_frames == 2 * 34 * config.frames_per_clip
    for view, seen in zip(config.views, examples, strict=True):
        assert sorted(example.label for example in seen) == sorted(DRIVE_AND_ACT_LABELS)
        with av.open(str(_videos(tmp_path, view)[0])) as container:
            assert sum(1 for _ in container.decode(video=0)) == 34 * config.frames_per_clip
