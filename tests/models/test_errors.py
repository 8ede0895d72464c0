import pickle

import pytest

from models.errors import (
    DriverActivityError,
    MediaLimitError,
    MediaTooShortError,
    ModelNotReadyError,
    UndecodableMediaError,
    UnknownModelError,
)

ERRORS = [
    (UndecodableMediaError("moov atom not found"), "moov atom not found"),
    (MediaTooShortError(1, 2), "video has 1 frames, needs at least 2"),
    (MediaLimitError("max_pixels", 9.0, 4), "max_pixels: found 9, accepted at most 4"),
    (
        MediaLimitError("max_frames", 9_437_185, 9_437_184),
        "max_frames: found 9437185, accepted at most 9437184",
    ),
    (UnknownModelError("x", ("a", "b@1")), "unknown model 'x', known: a, b@1"),
    (UnknownModelError("x", ()), "unknown model 'x', known: none"),
    (ModelNotReadyError("a@1", "still loading"), "model 'a@1' is not ready: still loading"),
]


@pytest.mark.parametrize(("error", "message"), ERRORS)
def test_error_says_what_was_found_and_what_is_accepted(
    error: DriverActivityError, message: str
) -> None:
    assert str(error) == message


@pytest.mark.parametrize("error", [error for error, _ in ERRORS])
def test_error_keeps_its_facts_on_the_way_out_of_a_process(error: DriverActivityError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
