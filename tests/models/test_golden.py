from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from models.card import ModelCard, read_card, write_card
from models.classifier import load_classifier
from models.errors import GoldenClipError
from models.golden import GoldenClip, make_golden_clip
from models.runtimes import RuntimeName
from models.spec import ClipSpec
from tests.model_factory import write_model_folder
from tests.models.test_card import card_fields

EVEN = (1 / 3, 1 / 3, 1 / 3)


def make_golden(folder: Path, *, seed: int = 0) -> GoldenClip:
    classifier = load_classifier(folder, runtime_name="torch", num_threads=1)
    clip_NTHWC = make_golden_clip(classifier.card.spec, seed=seed)
    probs_K = classifier.predict(clip_NTHWC).probs_NK[0]
    return GoldenClip(seed=seed, probs_K=tuple(probs_K.tolist()), tolerance=0.005)


def rewrite(folder: Path, change: Callable[[ModelCard], dict[str, object]]) -> None:
    card = read_card(folder)
    write_card(folder, card.model_copy(update=change(card)))


def test_clip_of_a_seed_is_the_same_everywhere() -> None:
    clip_NTHWC = make_golden_clip(ClipSpec(num_frames=2, size_px=16), seed=7)

    # Recorded once; a change would make every published card wrong.
    assert clip_NTHWC.shape == (1, 2, 16, 16, 3)
    assert clip_NTHWC.dtype == np.uint8
    assert clip_NTHWC[0, 1, 2, :3].tolist() == [[27, 30, 33], [54, 57, 60], [81, 84, 87]]


def test_seeds_give_different_clips() -> None:
    one, other = (make_golden_clip(ClipSpec(), seed=seed) for seed in (0, 1))

    assert (one != other).mean() > 0.9


@pytest.mark.parametrize("runtime_name", ["openvino", "torch"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_model_that_answers_as_it_did_is_loaded_on_either_engine(
    tmp_path: Path, precision: str, runtime_name: RuntimeName
) -> None:
    name = f"tiny-{precision}"
    folder = write_model_folder(tmp_path, name=name, precision=precision)  # type: ignore[arg-type]
    golden = make_golden(folder)
    rewrite(folder, lambda _: {"golden": golden})

    classifier = load_classifier(folder, runtime_name=runtime_name, num_threads=1)

    assert classifier.card.golden == golden


def test_model_that_answers_otherwise_is_refused_with_the_difference(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path)
    golden = make_golden(folder)
    shifted = (golden.probs_K[1], golden.probs_K[0], golden.probs_K[2])
    rewrite(folder, lambda _: {"golden": golden.model_copy(update={"probs_K": shifted})})

    with pytest.raises(
        GoldenClipError, match=r"tiny-fp32@1 on openvino: .* off by 0\.\d+, accepted .* 0\.005$"
    ):
        load_classifier(folder, runtime_name="openvino", num_threads=1)


def test_answer_that_is_no_number_is_refused() -> None:
    golden = GoldenClip(seed=0, probs_K=EVEN, tolerance=0.5)

    with pytest.raises(GoldenClipError, match="off by nan"):
        golden.check(np.full(3, np.nan, np.float32))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"probs_K": (0.5, 0.4)}, "probabilities sum to 0.9"),
        ({"tolerance": 0}, "greater than 0"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_golden_clip_that_makes_no_sense_is_refused(changes: dict[str, object], fault: str) -> None:
    fields = {"seed": 0, "probs_K": (0.5, 0.5), "tolerance": 0.1, **changes}

    with pytest.raises(ValidationError, match=fault):
        GoldenClip.model_validate(fields)


def test_card_needs_one_golden_probability_for_every_label() -> None:
    golden = {"seed": 0, "probs_K": EVEN, "tolerance": 0.1}

    with pytest.raises(ValidationError, match="golden has 3 probabilities for 2 labels"):
        ModelCard.model_validate(card_fields(golden=golden))
