import dataclasses
import math

import numpy as np
import pytest

from app.experiments.observation import Observation
from app.experiments.store.lines import decode_line, encode_line
from tests.app.experiments.making import make_observation, make_outcome


def assert_same(found: Observation, expected: Observation) -> None:
    """Compare all facts, and probabilities bit by bit."""
    for arm in ("control", "treatment"):
        one, other = getattr(found, arm), getattr(expected, arm)
        if other is not None and other.probs_K is not None:
            assert one.probs_K.dtype == np.float32
            assert one.probs_K.tobytes() == other.probs_K.tobytes()
    assert _without_probs(found) == _without_probs(expected)


def _without_probs(observation: Observation) -> dict[str, object]:
    facts = dataclasses.asdict(observation)
    for arm in ("control", "treatment"):
        facts[arm] = facts[arm] and {**facts[arm], "probs_K": None}
    return facts


def test_observation_is_the_same_after_a_line_was_made_of_it() -> None:
    observation = make_observation(time_s=1_800_000_000.123456, subject=None)

    assert_same(decode_line(encode_line(observation)), observation)


def test_observation_of_a_failed_and_an_absent_arm_is_the_same_after_a_line() -> None:
    failed = make_outcome(code="timeout", label=None, probs_K=None, inference_s=None)
    observation = make_observation(control=failed, treatment=None, max_difference=None)

    assert_same(decode_line(encode_line(observation)), observation)


def test_line_ends_at_its_only_newline() -> None:
    line = encode_line(make_observation(request_id="a\nb\rc"))

    assert line.index(b"\n") == len(line) - 1
    assert decode_line(line).request_id == "a\nb\rc"


def test_number_that_is_not_finite_counts_as_not_measured() -> None:
    observation = make_observation(max_difference=math.nan, motion=math.inf)

    found = decode_line(encode_line(observation))

    assert (found.max_difference, found.motion) == (None, None)


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    observation = make_observation(max_difference=np.float32(0.5))

    assert decode_line(encode_line(observation)).max_difference == 0.5


def test_value_of_no_documented_type_is_refused() -> None:
    with pytest.raises(TypeError):
        encode_line(make_observation(subject=b"raw"))


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"garbage\n",
        b'{"experiment":"trial"}\n',
        b"[1]\n",
        b"\xff\x00\n",
        encode_line(make_observation()).replace(b'"served":"control"', b'"served":"nobody"'),
        encode_line(make_observation()).replace(b'"total_s":0.04', b'"total_s":NaN'),
        encode_line(make_observation()).replace(b'"probs_K":"', b'"probs_K":"!'),
    ],
)
def test_line_that_is_no_observation_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_line(line)
