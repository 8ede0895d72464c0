"""What tests have a decode worker run; it is imported there."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from app import decoding
from app.decoding import Decoded
from app.isolation.limits import JobBudget
from app.workers import ask
from models.video.decode import write_windows
from models.video.job import DecodeJob
from models.video.windows import VideoInfo, WindowSpan

Stage = Literal["opening", "decoding"]


NUM_BYTES = 4 * 64 * 64 * 3
"""Of a window as `tests.app.pools.SPEC` has it: an empty file cannot be mapped."""
NOTHING: Decoded = (
    (WindowSpan(start_s=0.0, stop_s=1.0, num_padded_frames=4),),
    VideoInfo(
        container="none",
        codec="none",
        width_px=1,
        height_px=1,
        rotation_degrees=0,
        frame_rate_hz=None,
        duration_s=0.0,
        num_frames=0,
    ),
)


def run_instead(
    function: Callable[..., object], args: tuple[Any, ...], target: BinaryIO
) -> Decoded:
    """Run something that no file can be made to do on purpose, and decode no window."""
    function(*args)
    target.write(bytes(NUM_BYTES))
    return NOTHING


def say_instead(message: bytes, target: BinaryIO) -> Decoded:
    """Answer the service with these very bytes."""
    vars(decoding)["write_result"] = lambda *_: message
    return NOTHING


def tell_pid() -> bytes:
    """Return the worker's number."""
    return str(os.getpid()).encode()


def end_by(number: int) -> bytes:
    """Send a signal to the worker itself."""
    signal.raise_signal(number)
    return b""


def sleep(duration_s: float) -> bytes:
    """Sleep, and return nothing."""
    time.sleep(duration_s)
    return b""


def ask_until(last: int) -> bytes:
    """Ask for numbers, each for the one after what came before, until one is that."""
    number = 0
    while number != last:
        number = ask(number + 1)
    return str(number).encode()


def ask_slowly(pause_s: float, target: BinaryIO) -> Decoded:
    """Ask again and again, with pauses."""
    while True:
        time.sleep(pause_s)
        ask(1)


def write_bytes(num_bytes: int, target: BinaryIO) -> Any:
    """Write so many bytes as the result."""
    target.write(bytes(num_bytes))
    target.flush()


def allocate_array(num_bytes: int) -> None:
    """Fill an array of so many bytes."""
    np.ones(num_bytes, np.uint8)


def spin(cpu_s: float) -> None:
    """Compute until the limit of processor time ends it."""
    with JobBudget(cpu_s=cpu_s, max_file_bytes=1).spend():
        while True:
            pass


def compute(cpu_s: float, accepted_s: float) -> None:
    """Compute for so long, of what it may."""
    with JobBudget(cpu_s=accepted_s, max_file_bytes=1).spend():
        stop_s = time.process_time() + cpu_s
        while time.process_time() < stop_s:
            pass


def open_files(num_files: int) -> None:
    """Open so many files at once."""
    with ExitStack() as stack:
        for _ in range(num_files):
            stack.enter_context(Path(os.devnull).open("rb"))


def run_thread() -> None:
    """Run a thread."""
    has_run = threading.Event()
    threading.Thread(target=has_run.set).start()
    assert has_run.wait(10)


class Waiting(BytesIO):
    """A file at whose second read or first write whoever uses it stops, for somebody to kill it."""

    def __init__(self, data: bytes, *, sign: Path) -> None:
        super().__init__(data)
        self._sign = sign
        self._num_reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._num_reads += 1
        if self._num_reads > 1:  # the first looks at the magic bytes
            self._wait()
        return super().read(size)

    def write(self, _: object, /) -> int:
        return self._wait()

    def _wait(self) -> int:
        self._sign.touch()
        time.sleep(60)
        raise AssertionError("nobody killed this worker")


def decode_until(stage: Stage, path: Path, job: DecodeJob, sign: Path, target: BinaryIO) -> Any:
    """Decode a video up to a stage, make a file as a sign of it, and wait there."""
    data = path.read_bytes()
    if stage == "opening":
        return write_windows(target, Waiting(data, sign=sign), job)
    return write_windows(Waiting(b"", sign=sign), BytesIO(data), job)
