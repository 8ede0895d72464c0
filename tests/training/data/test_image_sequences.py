"""Runs of images with a table of subjects, in the layout of State Farm's competition."""

from pathlib import Path

import numpy as np
import pytest

from models.spec import ClipSpec
from tests.media import barcode_frames, encode_image, read_barcodes
from tests.training.recipes import SMOKE
from training.__main__ import main
from training.config import ImageSequenceData, read_recipe
from training.data.cache import decode_example
from training.data.examples import DataError, Example, Split
from training.data.image_sequences import cut_runs, read_image_sequences
from training.data.media import ImageRun
from training.workspace import read_examples

SUBJECTS: dict[Split, tuple[str, ...]] = {"val": ("p2",), "test": ("p3",)}


def write_layout(root: Path, *, num_images: int = 6) -> Path:
    """Write three drivers with two classes each; file names do not follow the order of time."""
    rows = ["subject,classname,img"]
    frames_THWC = barcode_frames(num_images)
    for subject in ("p1", "p2", "p3"):
        for class_name in ("c0", "c1"):
            folder = root / "train" / class_name
            folder.mkdir(parents=True, exist_ok=True)
            for index, frame_HWC in enumerate(frames_THWC):
                name = f"{subject}_{num_images - index}.jpg"
                (folder / name).write_bytes(encode_image(frame_HWC, codec="mjpeg"))
                rows.append(f"{subject},{class_name},{name}")
    table = root / "table.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def read(
    table: Path,
    *,
    subjects: dict[Split, tuple[str, ...]] = SUBJECTS,
    labels: dict[str, str] | None = None,
) -> list[Example]:
    return read_image_sequences(
        table,
        table.parent / "train",
        num_images=4,
        stride=2,
        subjects=subjects,
        labels=labels or {},
    )


def test_run_shows_its_images_in_the_order_of_the_table(tmp_path: Path) -> None:
    second = read(write_layout(tmp_path))[1]

    clip = decode_example(second, ClipSpec(num_frames=4, size_px=64))

    assert isinstance(clip, np.ndarray)
    assert read_barcodes(clip) == [2, 3, 4, 5]
    assert (second.subject, second.label, second.split) == ("p1", "c0", "train")


def test_people_are_in_the_split_they_are_put_in(tmp_path: Path) -> None:
    examples = read(write_layout(tmp_path))

    assert {(example.subject, example.split) for example in examples} == {
        ("p1", "train"),
        ("p2", "val"),
        ("p3", "test"),
    }
    assert len(examples) == 3 * 2 * 2


def test_classes_are_renamed_and_others_left_out(tmp_path: Path) -> None:
    examples = read(write_layout(tmp_path), labels={"c1": "drinking"})

    assert {example.label for example in examples} == {"drinking"}
    assert all(path.parent.name == "c1" for example in examples for path in example.media.files)


@pytest.mark.parametrize(
    ("num_names", "starts"), [(4, [0]), (5, [0]), (6, [0, 2]), (9, [0, 2, 4]), (3, [0])]
)
def test_runs_are_a_stride_apart_and_whole(num_names: int, starts: list[int]) -> None:
    names = [str(index) for index in range(num_names)]

    runs = list(cut_runs(names, num_images=4, stride=2))

    assert runs == [names[start : start + 4] for start in starts]


def test_unknown_subject_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="val subject p9 is not in the table"):
        read(write_layout(tmp_path), subjects={"val": ("p9",), "test": ("p3",)})


def test_subject_in_two_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="subject p2 is in splits val and test"):
        read(write_layout(tmp_path), subjects={"val": ("p2",), "test": ("p2", "p3")})


def test_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table\.csv is missing"):
        read(tmp_path / "table.csv")


def test_missing_image_is_reported_and_never_replaced(tmp_path: Path) -> None:
    example = read(write_layout(tmp_path))[0]
    assert isinstance(example.media, ImageRun)
    example.media.files[2].unlink()

    assert "No such file" in str(decode_example(example, ClipSpec(num_frames=4, size_px=64)))


def test_recipe_reads_the_layout(tmp_path: Path) -> None:
    write_layout(tmp_path)
    data = ImageSequenceData(
        kind="image_sequences",
        root=tmp_path,
        table=Path("table.csv"),
        images=Path("train"),
        stride=2,
        val_subjects=("p2",),
        test_subjects=("p3",),
    )
    recipe = read_recipe(SMOKE).model_copy(update={"data": data})

    examples = read_examples(recipe)

    assert examples == read(tmp_path / "table.csv")


def test_check_prints_what_is_wrong_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_layout(tmp_path)
    (tmp_path / "train/c0/p1_6.jpg").unlink()
    text = SMOKE.read_text()
    start, stop = text.index("[data]"), text.index("[augment]")
    data = f"""labels = ["c0", "c1"]
[data]
kind = "image_sequences"
root = "{tmp_path}"
table = "table.csv"
images = "train"
val_subjects = ["p2"]
test_subjects = ["p3"]

"""
    labels, _, table = data.partition("\n")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"{labels}\n{text[:start]}{table}{text[stop:]}")

    status = main(["data", "--recipe", str(recipe), "--check"])

    printed = capsys.readouterr()
    assert status == 1
    assert "missing: train" in printed.out
    assert printed.err == "DataError: 1 examples cannot be used\n"
