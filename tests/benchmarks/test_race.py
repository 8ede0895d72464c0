import numpy as np
import pytest

from benchmarks.engines import OURS, Engine, Infer
from benchmarks.race import Likeness, compare, race
from models.card import NetworkConfig
from models.spec import ClipSpec
from training.pairs import Pair, write_pair

# At one pixel, where smaller clips end, random networks hardly tell windows apart.
SPEC = ClipSpec(size_px=96)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    config = NetworkConfig(width=0.25, stem="3x3x3")
    return write_pair(tmp_path_factory.mktemp("pair"), config=config, spec=SPEC)


def refuse(pair: Pair, num_threads: int) -> Infer:
    raise ImportError("no such engine")


def answer_wrongly(pair: Pair, num_threads: int) -> Infer:
    return lambda windows_NTHWC: -OURS["fp32 on torch"].build(pair, num_threads)(windows_NTHWC)


def test_race_times_our_engines_in_every_round(pair: Pair) -> None:
    raced = race(
        {"tiny": pair},
        OURS,
        reference="fp32 on torch",
        num_threads=1,
        num_rounds=2,
        calls_per_round=1,
    )

    result = raced["tiny"]
    assert {name: len(rounds) for name, rounds in result.seconds.items()} == dict.fromkeys(OURS, 2)
    assert result.left_out == {}


def test_engines_that_are_missing_or_answer_wrongly_are_named_and_not_timed(pair: Pair) -> None:
    engines = {
        "fp32 on torch": OURS["fp32 on torch"],
        "missing": Engine(precision="fp32", build=refuse),
        "wrong": Engine(precision="int8", build=answer_wrongly),
    }

    raced = race(
        {"tiny": pair},
        engines,
        reference="fp32 on torch",
        num_threads=1,
        num_rounds=2,
        calls_per_round=1,
    )

    assert set(raced["tiny"].seconds) == {"fp32 on torch"}
    assert raced["tiny"].left_out["missing"] == "ImportError: no such engine"
    assert raced["tiny"].left_out["wrong"] == "cosine of logits is -1.00, accepted is 0.6"


def test_error_is_in_deviations_of_the_reference() -> None:
    reference_NK = np.array([[1.0, -1.0], [1.0, -1.0]], np.float32)

    likeness = compare(reference_NK + np.float32(0.5), reference_NK)

    assert likeness.error == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("precision", "likeness", "is_fine"),
    [
        ("fp32", Likeness(error=1e-5, cosine=1.0), True),
        ("fp32", Likeness(error=0.5, cosine=1.0), False),
        ("fp32", Likeness(error=float("nan"), cosine=1.0), False),
        ("int8", Likeness(error=0.5, cosine=0.95), True),
        ("int8", Likeness(error=0.5, cosine=0.2), False),
    ],
)
def test_float_engines_are_judged_by_error_and_int8_ones_by_cosine(
    precision: str, likeness: Likeness, is_fine: bool
) -> None:
    fault = likeness.fault("fp32" if precision == "fp32" else "int8")

    assert (fault is None) == is_fine
