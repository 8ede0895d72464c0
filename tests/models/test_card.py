import json
from pathlib import Path
from typing import Any

import pytest

from models.card import (
    CARD_FILE,
    ONNX_FILE,
    WEIGHTS_FILE,
    ModelCard,
    hash_file,
    read_card,
    read_files,
    write_card,
)
from models.errors import CorruptFileError, InvalidCardError

SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # FIPS 180-4


def card_fields(**changes: Any) -> dict[str, Any]:
    return {
        "name": "tiny-fp32",
        "version": 1,
        "precision": "fp32",
        "network": {"name": "mobilenet3d", "width": 0.5, "stem": "1x3x3"},
        "spec": {"num_frames": 4, "size_px": 32},
        "labels": ["a", "b"],
        "temperature": 1.0,
        "metrics": {"test": {"balanced_accuracy": 0.5}},
        "files": {WEIGHTS_FILE: SHA256_OF_NOTHING, ONNX_FILE: SHA256_OF_NOTHING},
        "recipe": {"seed": 1},
        "data": "random",
        "licence": "Apache-2.0",
        "notice": "knows nothing",
        **changes,
    }


def reference_fields(**changes: Any) -> dict[str, Any]:
    histogram = {"edges": [0, 0.25, 1], "shares": [0.5, 0.5]}
    return {
        "num_clips": 4,
        "labels": {"a": 0.75, "b": 0.25},
        **dict.fromkeys(("confidence", "brightness", "motion"), histogram),
        **changes,
    }


def write_folder(root: Path, *, folder_name: str = "tiny-fp32", **changes: Any) -> Path:
    folder = root / folder_name / "1"
    folder.mkdir(parents=True)
    (folder / WEIGHTS_FILE).touch()
    (folder / ONNX_FILE).touch()
    (folder / CARD_FILE).write_text(json.dumps(card_fields(**changes)))
    return folder


def test_card_survives_writing_and_reading(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    card = ModelCard.model_validate(card_fields())

    write_card(folder, card)

    assert read_card(folder) == card
    assert card.reference == "tiny-fp32@1"


def test_reference_for_drift_survives_writing_and_reading(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    card = ModelCard.model_validate(card_fields(drift_reference=reference_fields()))

    write_card(folder, card)

    reference = read_card(folder).drift_reference
    assert reference is not None
    assert reference == card.drift_reference
    assert tuple(reference.labels) == card.labels


def test_card_without_a_reference_for_drift_is_valid(tmp_path: Path) -> None:
    assert read_card(write_folder(tmp_path)).drift_reference is None


@pytest.mark.parametrize("labels", [{"b": 0.25, "a": 0.75}, {"a": 1.0}, {"a": 0.5, "c": 0.5}])
def test_reference_of_other_labels_is_refused(tmp_path: Path, labels: dict[str, float]) -> None:
    folder = write_folder(tmp_path, drift_reference=reference_fields(labels=labels))

    with pytest.raises(InvalidCardError, match="labels of drift_reference are not those"):
        read_card(folder)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"labels": ["a"]}, "labels: Tuple should have at least 2"),
        ({"labels": ["a", "a"]}, "labels are not unique"),
        ({"labels": ["a", ""]}, "labels.1: String should have at least 1"),
        ({"temperature": 0.0}, "temperature: Input should be greater than 0"),
        ({"precision": "int4"}, "precision: Input should be 'fp32' or 'int8'"),
        ({"precision": "int8"}, "an int8 card names its fp32 parent"),
        ({"parent": "other-fp32@1"}, "no other card has one"),
        ({"precision": "int8", "parent": "no version"}, "parent: String should match"),
        ({"files": {WEIGHTS_FILE: SHA256_OF_NOTHING}}, "files must be"),
        ({"files": {WEIGHTS_FILE: "0", ONNX_FILE: "0"}}, "files.weights.safetensors: String"),
        ({"version": 0}, "version: Input should be greater"),
        ({"name": "../x"}, "name: String should match"),
        ({"spec": {"std": [0, 1, 1]}}, "spec.std.0: Input should be greater than 0"),
        ({"metrics": {"test": {"loss": float("nan")}}}, "metrics.test.loss"),
        ({"drift_reference": {"num_clips": 4}}, "drift_reference.labels: Field required"),
    ],
)
def test_card_is_refused_with_its_fault(
    tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    folder = write_folder(tmp_path, **changes)

    with pytest.raises(InvalidCardError, match=fault):
        read_card(folder)


def test_missing_card_is_refused_without_showing_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "tiny-fp32" / "1"

    with pytest.raises(InvalidCardError, match="No such file") as caught:
        read_card(folder)

    assert str(tmp_path) not in str(caught.value)


def test_card_that_is_no_json_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / CARD_FILE).write_bytes(b"\xff{")

    with pytest.raises(InvalidCardError, match="Invalid JSON"):
        read_card(folder)


def test_card_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, folder_name="other-fp32")

    with pytest.raises(InvalidCardError, match=r"tiny-fp32@1 lies in folder other-fp32/1"):
        read_card(folder)


def test_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "nothing").touch()

    assert hash_file(tmp_path / "nothing") == SHA256_OF_NOTHING


def test_files_that_fit_the_card_are_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    card = read_card(folder)

    assert read_files(folder, card) == dict.fromkeys(card.files, b"")


def test_changed_file_is_found(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / ONNX_FILE).write_bytes(b"x")

    with pytest.raises(CorruptFileError, match=r"model.onnx has sha256 2d71.*, its card says e3b0"):
        read_files(folder, read_card(folder))


def test_missing_file_is_found(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / WEIGHTS_FILE).unlink()

    with pytest.raises(CorruptFileError, match=r"weights\.safetensors: No such file"):
        read_files(folder, read_card(folder))
