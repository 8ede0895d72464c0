"""Damage to files, the same for the same case number whenever and wherever it is asked for."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator

MAX_STEPS = 3
MAX_CHUNK_BYTES = 2_000
HEADER_BYTES = 1_000
# What goes wrong where sizes, counts and times are computed.
NUMBERS = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)

Data = bytearray
Step = Callable[[Data, Generator], None]


def mutate(clips: Mapping[str, bytes], case: int, *, seed: int) -> tuple[str, bytes]:
    """Return the name of a good clip and its bytes with damage.

    Args:
        clips: What is damaged; they take turns.
        case: Which damage.
        seed: Another seed damages otherwise.
    """
    rng = np.random.default_rng([seed, case])
    name = list(clips)[case % len(clips)]
    data = bytearray(clips[name])
    for _ in range(int(rng.integers(1, MAX_STEPS + 1))):
        if len(data) > 1:
            STEPS[int(rng.integers(len(STEPS)))](data, rng)
    return name, bytes(data)


def _flip_bits(data: Data, rng: Generator) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _write_noise(data: Data, rng: Generator) -> None:
    start, stop = _chunk(data, rng)
    data[start:stop] = rng.bytes(stop - start)


def _write_number(data: Data, rng: Generator) -> None:
    num_bytes = int(rng.choice([1, 2, 4, 8]))
    number = NUMBERS[int(rng.integers(len(NUMBERS)))] % 256**num_bytes
    order = "big" if rng.integers(2) else "little"
    start = min(_place(data, rng), len(data) - min(num_bytes, len(data)))
    data[start : start + num_bytes] = number.to_bytes(num_bytes, order)


def _cut_out(data: Data, rng: Generator) -> None:
    start, stop = _chunk(data, rng)
    del data[start:stop]


def _repeat(data: Data, rng: Generator) -> None:
    start, stop = _chunk(data, rng)
    data[stop:stop] = data[start:stop] * int(rng.integers(1, 4))


def _move(data: Data, rng: Generator) -> None:
    start, stop = _chunk(data, rng)
    chunk = data[start:stop]
    del data[start:stop]
    place = int(rng.integers(len(data) + 1))
    data[place:place] = chunk


def _truncate(data: Data, rng: Generator) -> None:
    del data[int(rng.integers(1, len(data) + 1)) :]


STEPS: tuple[Step, ...] = (
    *(_flip_bits, _flip_bits, _write_number, _write_number, _write_noise),
    *(_cut_out, _repeat, _move, _truncate),
)


def _place(data: Data, rng: Generator) -> int:
    """Return a place anywhere, or in every fourth case one in the header."""
    stop = len(data) if rng.integers(4) else min(len(data), HEADER_BYTES)
    return int(rng.integers(stop))


def _chunk(data: Data, rng: Generator) -> tuple[int, int]:
    start = _place(data, rng)
    return start, min(len(data), start + 1 + int(rng.integers(MAX_CHUNK_BYTES)))
