"""What holds for every model of the repository."""

import json
from pathlib import Path

import pytest

from models.card import read_card, read_files
from models.classifier import load_classifier
from models.installed import find_models
from models.labels import DRIVE_AND_ACT_LABELS
from models.runtimes import RuntimeName
from tests.models.golden import PATH, WEIGHTS, moving_pattern

FOLDERS = [entry.folder for entry in find_models(WEIGHTS)]
CARDS = {card.reference: card for card in map(read_card, FOLDERS)}
GOLDEN = json.loads(PATH.read_text())
# Engines and processors round in another order; int8 rounds to steps of a few hundredths.
LOGIT_TOLERANCE = {"fp32": 2e-3, "int8": 0.3}

each_folder = pytest.mark.parametrize(
    "folder", FOLDERS, ids=[f"{path.parent.name}@{path.name}" for path in FOLDERS]
)


@each_folder
def test_files_are_those_of_the_card(folder: Path) -> None:
    card = read_card(folder)

    assert read_files(folder, card).keys() == card.files.keys()


@each_folder
@pytest.mark.parametrize("runtime_name", ["openvino", "torch"])
def test_answer_is_the_one_that_was_recorded(folder: Path, runtime_name: RuntimeName) -> None:
    classifier = load_classifier(folder, runtime_name=runtime_name, num_threads=1)
    card = classifier.card

    logits_NK = classifier.runtime.infer(moving_pattern(card))
    probs_NK = classifier.predict(moving_pattern(card)).probs_NK

    assert logits_NK.shape == (1, len(card.labels))
    assert probs_NK.sum() == pytest.approx(1.0, abs=1e-5)
    expected = GOLDEN[card.reference]
    assert logits_NK[0] == pytest.approx(expected, abs=LOGIT_TOLERANCE[card.precision])


@each_folder
def test_card_has_a_golden_clip_that_is_checked_whenever_it_is_loaded(folder: Path) -> None:
    golden = read_card(folder).golden

    assert golden is not None
    assert max(golden.probs_K) < 0.9  # where a network is sure, little of it can be seen


@each_folder
def test_card_says_what_it_was_trained_on(folder: Path) -> None:
    card = read_card(folder)

    assert card.labels == DRIVE_AND_ACT_LABELS
    assert "synthetic, not filmed" in card.notice
    assert card.recipe["spec"] == card.spec.model_dump(mode="json")


@pytest.mark.parametrize("reference", [name for name in CARDS if CARDS[name].parent])
def test_int8_model_keeps_what_its_parent_knows(reference: str) -> None:
    card = CARDS[reference]
    parent = CARDS[str(card.parent)]
    figures, parent_figures = card.metrics["test"], parent.metrics["test"]

    assert figures["balanced_accuracy"] >= parent_figures["balanced_accuracy"] - 0.01
    assert card.metrics["agreement"]["int8_with_fp32"] >= 0.97
    assert card.metrics["agreement"]["int8_torch_with_openvino"] >= 0.99


@pytest.mark.parametrize("reference", [name for name in CARDS if CARDS[name].parent])
def test_int8_files_are_at_most_three_tenths_of_the_parents(reference: str) -> None:
    card = CARDS[reference]
    parent = CARDS[str(card.parent)]

    for name in card.files:
        size = (WEIGHTS / card.name / str(card.version) / name).stat().st_size
        parent_size = (WEIGHTS / parent.name / str(parent.version) / name).stat().st_size
        assert size <= 0.30 * parent_size, name
