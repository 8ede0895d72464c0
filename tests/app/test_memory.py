"""What the process does to take little memory."""

import psutil
import pytest

from app.memory import return_freed_memory

NUM_BLOCKS = 50_000
BLOCK_BYTES = 3_000  # small enough to lie in the heap


def test_memory_freed_below_something_that_stays_goes_back_to_the_system() -> None:
    process = psutil.Process()
    blocks = [bytes(BLOCK_BYTES) for _ in range(NUM_BLOCKS)]
    stays = blocks[-1]
    del blocks
    before = process.memory_info().rss

    return_freed_memory()

    assert before - process.memory_info().rss > 0.8 * NUM_BLOCKS * BLOCK_BYTES
    assert len(stays) == BLOCK_BYTES


def test_other_libraries_than_glibc_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.memory.ctypes.CDLL", lambda _: object())

    return_freed_memory()
