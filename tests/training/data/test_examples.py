from dataclasses import replace
from pathlib import Path

import pytest

from training.data.drive_and_act import COLUMNS, annotation_path, read_drive_and_act
from training.data.examples import SPLITS, DataError, Example, Split, check_examples
from training.data.manifest import read_manifest
from training.data.media import VideoSpan

HEADER = ",".join(COLUMNS)
MANIFEST_HEADER = "path,start_s,end_s,label,subject,view,split"


def write_annotations(
    root: Path, rows: dict[Split, list[str]], *, header: str = HEADER, view: str = "cabin"
) -> None:
    for split in SPLITS:
        path = annotation_path(root, view=view, split_index=0, split=split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *rows.get(split, [])]) + "\n")


def read(root: Path) -> list[Example]:
    return read_drive_and_act(
        root,
        views=("cabin",),
        test_views=("cabin",),
        split_index=0,
        video_suffix=".mp4",
        frame_rate_hz=30.0,
    )


def make_example(split: Split, *, label: str = "eating", subject: str | None = None) -> Example:
    return Example(
        media=VideoSpan(path=Path("a.mp4")),
        label=label,
        subject=subject or split,
        view="cabin",
        split=split,
    )


def test_annotation_becomes_a_span_in_seconds_of_its_video(tmp_path: Path) -> None:
    write_annotations(tmp_path, {"val": ["5,vp5/run1_2018-05-22,7,90,177,eating,1"]})

    assert read(tmp_path) == [
        Example(
            media=VideoSpan(
                path=tmp_path / "cabin/vp5/run1_2018-05-22.mp4", start_s=3.0, stop_s=5.9
            ),
            label="eating",
            subject="5",
            view="cabin",
            split="val",
        )
    ]


def test_other_cameras_can_test_than_train(tmp_path: Path) -> None:
    rows: dict[Split, list[str]] = {
        split: [f"{number},vp{number}/run1,7,0,90,eating,1"]
        for number, split in enumerate(SPLITS, start=1)
    }
    for view in ("roof", "mirror"):
        write_annotations(tmp_path, rows, view=view)

    examples = read_drive_and_act(
        tmp_path,
        views=("roof",),
        test_views=("mirror",),
        split_index=0,
        video_suffix=".mp4",
        frame_rate_hz=30.0,
    )

    assert [(example.split, example.view) for example in examples] == [
        ("train", "roof"),
        ("val", "roof"),
        ("test", "mirror"),
    ]


def test_missing_annotation_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"split_0\.train\.csv is missing"):
        read(tmp_path)


def test_annotations_with_other_columns_are_refused(tmp_path: Path) -> None:
    write_annotations(tmp_path, {}, header="participant_id,activity")

    with pytest.raises(DataError, match="columns are"):
        read(tmp_path)


@pytest.mark.parametrize("frames", ["90,90", "-1,5", "a,5"])
def test_annotation_with_impossible_frames_is_refused(tmp_path: Path, frames: str) -> None:
    write_annotations(tmp_path, {"train": [f"5,vp5/run1,7,{frames},eating,1"]})

    with pytest.raises(DataError, match="frame"):
        read(tmp_path)


@pytest.mark.parametrize("row", ["5,vp5/run1,7,0,90", "5,vp5/run1,7,0,90,eating,1,2"])
def test_annotation_with_too_few_or_too_many_fields_is_named_by_its_line(
    tmp_path: Path, row: str
) -> None:
    write_annotations(tmp_path, {"train": [row]})

    with pytest.raises(DataError, match="line 2: needs 7 fields"):
        read(tmp_path)


def test_manifest_row_becomes_an_example(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"{MANIFEST_HEADER}\nday1/a.mp4,1.5,4.5,eating,anna,roof,train\n")

    assert read_manifest(manifest, window_s=3.0) == [
        Example(
            media=VideoSpan(path=tmp_path / "day1/a.mp4", start_s=1.5, stop_s=4.5),
            label="eating",
            subject="anna",
            view="roof",
            split="train",
        )
    ]


def test_span_longer_than_a_window_gives_an_example_for_every_window(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"{MANIFEST_HEADER}\na.mp4,1,9,eating,anna,roof,train\n")

    spans = [example.media for example in read_manifest(manifest, window_s=3.0)]

    path = tmp_path / "a.mp4"
    assert spans == [
        VideoSpan(path=path, start_s=1.0, stop_s=4.0),
        VideoSpan(path=path, start_s=4.0, stop_s=7.0),
        VideoSpan(path=path, start_s=7.0, stop_s=9.0),
    ]


def test_span_without_an_end_is_one_example(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"{MANIFEST_HEADER}\na.mp4,2,inf,eating,anna,roof,train\n")

    assert len(read_manifest(manifest, window_s=3.0)) == 1


def test_rest_of_a_span_that_covers_less_than_half_a_window_is_in_no_example(
    tmp_path: Path,
) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"{MANIFEST_HEADER}\na.mp4,0,4.4,eating,anna,roof,train\n")

    assert len(read_manifest(manifest, window_s=3.0)) == 1


def test_manifest_without_times_means_the_whole_file(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"{MANIFEST_HEADER}\na.mp4,,,eating,anna,roof,test\n")

    (example,) = read_manifest(manifest, window_s=3.0)

    assert example.media == VideoSpan(path=tmp_path / "a.mp4", start_s=0.0, stop_s=None)


@pytest.mark.parametrize(
    "row",
    [
        "a.mp4,0,x,eating,anna,roof,train",
        "a.mp4,0,3,eating,anna,roof,dev",
        "a.mp4,3,1,e,s,v,val",
        "a.mp4,nan,1,e,s,v,val",
        "a.mp4,0,nan,e,s,v,val",
        "a.mp4,inf,,e,s,v,val",
        "a.mp4,0,1",
    ],
)
def test_malformed_manifest_row_is_named_by_its_line(tmp_path: Path, row: str) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"{MANIFEST_HEADER}\n{row}\n")

    with pytest.raises(DataError, match="line 2"):
        read_manifest(manifest, window_s=3.0)


def test_manifest_that_a_spreadsheet_marked_as_utf8_is_read(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    text = f"{MANIFEST_HEADER}\na.mp4,,,eating,anna,roof,test\n"
    manifest.write_text(text, encoding="utf-8-sig")

    assert len(read_manifest(manifest, window_s=3.0)) == 1


def test_manifest_in_another_encoding_is_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    text = f"{MANIFEST_HEADER}\na.mp4,,,eating,j\xf6rg,roof,test\n"
    manifest.write_text(text, encoding="latin-1")

    with pytest.raises(DataError, match=r"clips\.csv is not a CSV file in UTF-8"):
        read_manifest(manifest, window_s=3.0)


def test_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        read_manifest(tmp_path / "none.csv", window_s=3.0)


def test_manifest_with_other_columns_is_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "clips.csv"
    manifest.write_text("path,label\n")

    with pytest.raises(DataError, match="columns are"):
        read_manifest(manifest, window_s=3.0)


def test_label_that_the_recipe_does_not_know_is_refused() -> None:
    examples = [make_example(split, label="juggling") for split in SPLITS]

    with pytest.raises(DataError, match="does not know: juggling"):
        check_examples(examples, ["eating"])


def test_person_in_two_splits_is_refused() -> None:
    examples = [make_example(split) for split in SPLITS]
    examples.append(replace(examples[0], split="test"))

    with pytest.raises(DataError, match="subject train is in splits train and test"):
        check_examples(examples, ["eating"])


def test_empty_split_is_refused() -> None:
    with pytest.raises(DataError, match="no examples in split: val, test"):
        check_examples([make_example("train")], ["eating"])
