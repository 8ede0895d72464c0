"""Decoding in worker processes, so that a stranger's file can harm nothing but its own request.

FFmpeg reads what strangers send. It runs in a few processes of its own: a crash, a hang or a memory
bomb ends one of them, which is replaced, and one request. The decoded windows come back in a file
that this process names, maps and unlinks, so that a worker leaves nothing behind however it ends.
This process never loads FFmpeg. Before its first job a worker gives up what decoding does not need:
sockets, processes, and the sight of other processes, see `app.isolation`.
"""

import asyncio
import dataclasses
import math
import mmap
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import TypeAdapter

from app.arrivals import ArrivingFile
from app.gates import Gate
from app.isolation.limits import JobBudget
from app.isolation.messages import read_answer, write_failure, write_result
from app.isolation.worker import Isolation, find_isolation, isolate_process
from app.workers import (
    PoolClosedError,
    Reply,
    UnreadableAnswerError,
    WorkerEndedError,
    WorkerPool,
    ask,
    reply_nothing,
)
from models.errors import DriverActivityError
from models.spec import ClipSpec
from models.video.arrays import array_to_windows, has_model_size, parse_npy
from models.video.job import DecodeJob
from models.video.limits import DecodeLimits
from models.video.windows import VideoInfo, VideoWindows, WindowSpan

START_TIMEOUT_S = 30.0
BYTES_PER_WINDOW = 256
"""An answer takes some 70 bytes a window."""
OTHER_BYTES = 2**16

Blob = Path | bytes
"""A received file: on disk, or in memory because it is small."""

Decoded = tuple[tuple[WindowSpan, ...], VideoInfo]
Read = Callable[[BinaryIO], Decoded]
"""Writes the bytes of windows_NTHWC to a file, in a worker."""

DECODED: TypeAdapter[Decoded] = TypeAdapter(Decoded)
ISOLATION = TypeAdapter(Isolation)
Job = tuple[JobBudget, Path, Read]
Options = dict[str, Any]


class DecodeWorkerDiedError(DriverActivityError):
    """The process that decoded this media ended, or ran out of memory, before it was done."""


class DecodeTimeoutError(DriverActivityError):
    """Decoding took longer than it may."""

    def __init__(self, accepted_s: float) -> None:
        super().__init__(accepted_s)
        self.accepted_s = accepted_s

    def __str__(self) -> str:
        return f"decoding took longer than {self.accepted_s:g} s"


@dataclass(frozen=True, kw_only=True)
class MappedWindows(VideoWindows):
    """Windows that lie in a file, which need not all be in memory.

    Attributes:
        memory: The file's mapping, all of it windows.
    """

    memory: mmap.mmap

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the windows as `VideoWindows` does; a block's pages are dropped after its turn."""
        position = 0
        for block_NTHWC in super().blocks():
            yield block_NTHWC
            first = position - position % mmap.PAGESIZE
            position += block_NTHWC.nbytes
            self.memory.madvise(mmap.MADV_DONTNEED, first, position - first)


class DecodePool:
    """A few processes that decode, behind a bounded queue.

    Use it from one event loop. Cancelling a task that waits for its turn costs nothing; cancelling
    one whose job runs ends the worker. A worker that has ended is replaced when it is missed.

    Args:
        num_workers: Processes, each with one decoder thread; for files that arrive there are more.
        timeout_s: Longest time that one job may run, its wait not included; it may not use more
            processor time either.
        spool_dir: Where results pass through, in pages that hardly ever reach a disk; None for
            the system's folder of temporary files.
        max_waiting: Most jobs that wait; a further one is refused.
        max_worker_bytes: Address space of a worker; what needs more fails alone.
    """

    def __init__(
        self,
        *,
        num_workers: int,
        timeout_s: float,
        spool_dir: Path | None = None,
        max_waiting: int = 32,
        max_worker_bytes: int = 2 * 2**30,
    ) -> None:
        self._timeout_s = timeout_s
        self._spool_dir = spool_dir
        self._max_worker_bytes = max_worker_bytes
        # A job that waits here has not been given to a worker yet.
        self._gate = Gate("decode", capacity=num_workers, max_waiting=max_waiting)
        self._pool = WorkerPool(partial(_prepare_worker, max_worker_bytes), max_idle=num_workers)

    @property
    def num_waiting(self) -> int:
        """Jobs that wait for a worker."""
        return self._gate.num_waiting

    @property
    def num_active(self) -> int:
        """Jobs that a worker is on, but for files that arrive."""
        return self._gate.num_inside

    def start(self) -> None:
        """Start the workers, wait until one answers, and log how far it is isolated.

        Raises:
            TimeoutError: If it does not within half a minute.
        """
        self._pool.start()
        isolation = asyncio.run(self._find_isolation())
        in_force = dataclasses.asdict(isolation)
        log = structlog.get_logger("driver_activity.decoding")
        (log.info if all(in_force.values()) else log.warning)("decoder_started", **in_force)

    def close(self, *, timeout_s: float) -> None:
        """Let the jobs that run finish, for so long at most, and end the workers."""
        self._pool.close(timeout_s=timeout_s)

    async def read_windows(self, source: Blob, job: DecodeJob) -> VideoWindows:
        """Decode a video file; see `models.video.decode.read_windows`.

        Raises:
            MediaError: As that function.
            DecodeWorkerDiedError: If the worker crashed or ran out of memory.
            DecodeTimeoutError: If it took too long.
            QueueFullError: If too many jobs wait.
        """
        return await self._run(partial(_read_video, source, job), job.spec, job.limits)

    async def read_arriving(self, path: Path, job: DecodeJob, *, reply: Reply) -> VideoWindows:
        """Decode a video file that is still being received.

        It takes a worker beside those that others wait for: who calls this bounds how many.

        Args:
            path: The file.
            job: What is read.
            reply: Tells the worker how far it may read, see `ArrivingFile`. The time that it takes
                is not counted.

        Raises:
            MediaError: If it cannot be read in one go, too.
            DriverActivityError: As `read_windows`.
        """
        read = partial(_read_arriving, path, job)
        return await self._work(read, job.spec, job.limits, reply=reply)

    async def read_images(
        self,
        sources: Sequence[Blob],
        spec: ClipSpec,
        *,
        frame_rate_hz: float,
        stride_s: float | None,
        limits: DecodeLimits,
    ) -> VideoWindows:
        """Decode image files as the frames of a video; see `models.video.frames`.

        Raises:
            DriverActivityError: As `read_windows`.
        """
        options = {"frame_rate_hz": frame_rate_hz, "stride_s": stride_s, "limits": limits}
        return await self._run(partial(_read_images, sources, spec, options), spec, limits)

    async def read_array(
        self,
        source: Blob,
        spec: ClipSpec,
        *,
        frame_rate_hz: float | None,
        stride_s: float | None,
        limits: DecodeLimits,
    ) -> VideoWindows:
        """Read an `.npy` file of frames or clips; see `models.video.arrays.array_to_windows`.

        Pictures of model size need no FFmpeg, and so no worker.

        Raises:
            DriverActivityError: As `read_windows`.
        """
        options = {"frame_rate_hz": frame_rate_hz, "stride_s": stride_s, "limits": limits}
        if isinstance(source, bytes):  # small: a turn of a thread takes longer than to read it
            video = _read_unless_scaled(source, spec, options)
        else:
            video = await asyncio.to_thread(_read_unless_scaled, source, spec, options)
        return video or await self._run(partial(_read_array, source, spec, options), spec, limits)

    async def _run(self, read: Read, spec: ClipSpec, limits: DecodeLimits) -> VideoWindows:
        async with self._gate.enter():
            return await self._work(read, spec, limits, reply=reply_nothing)

    async def _work(
        self, read: Read, spec: ClipSpec, limits: DecodeLimits, *, reply: Reply
    ) -> VideoWindows:
        budget = JobBudget(
            cpu_s=self._timeout_s, max_file_bytes=limits.max_windows * math.prod(spec.clip_shape)
        )
        with NamedTemporaryFile(prefix="driver-activity-", dir=self._spool_dir) as file:
            job = budget, Path(file.name), read
            spans, info = await self._finish(job, max_windows=limits.max_windows, reply=reply)
            memory = mmap.mmap(file.fileno(), 0)
        windows_NTHWC = np.frombuffer(memory, np.uint8).reshape(-1, *spec.clip_shape)
        return MappedWindows(windows_NTHWC=windows_NTHWC, spans=spans, info=info, memory=memory)

    async def _finish(self, job: Job, *, max_windows: int, reply: Reply) -> Decoded:
        try:
            async with asyncio.timeout(self._timeout_s) as deadline:
                return await self._pool.call(
                    _work_within,
                    job,
                    read=partial(read_answer, kind=DECODED),
                    max_answer_bytes=OTHER_BYTES + BYTES_PER_WINDOW * max_windows,
                    reply=partial(self._reply_untimed, reply, deadline),
                )
        except WorkerEndedError as exc:
            if exc.exit_code == -signal.SIGXCPU:
                raise DecodeTimeoutError(self._timeout_s) from exc
            message = f"the decoder ended with exit code {exc.exit_code}"
            raise DecodeWorkerDiedError(message) from exc
        except PoolClosedError as exc:
            raise DecodeWorkerDiedError("the decoder has been shut down") from exc
        except UnreadableAnswerError as exc:
            raise DecodeWorkerDiedError("the decoder did not answer as it should") from exc
        except MemoryError as exc:
            message = f"decoding needs more than {self._max_worker_bytes} bytes of memory"
            raise DecodeWorkerDiedError(message) from exc
        except TimeoutError as exc:
            raise DecodeTimeoutError(self._timeout_s) from exc

    async def _reply_untimed(self, reply: Reply, deadline: asyncio.Timeout, question: int) -> int:
        """Reply while no time passes."""
        clock = asyncio.get_running_loop().time
        left_s = (deadline.when() or math.inf) - clock()
        deadline.reschedule(None)
        number = await reply(question)
        deadline.reschedule(clock() + left_s)
        return number

    async def _find_isolation(self) -> Isolation:
        async with asyncio.timeout(START_TIMEOUT_S):
            return await self._pool.call(
                _tell_isolation,
                (),
                read=partial(read_answer, kind=ISOLATION),
                max_answer_bytes=OTHER_BYTES,
            )


def _prepare_worker(max_bytes: int) -> None:
    """Limit a new worker and load what it needs, before its first job."""
    import models.video.decode
    import models.video.frames  # noqa: F401

    isolate_process(max_bytes=max_bytes)


def _tell_isolation() -> bytes:
    return write_result(find_isolation(), ISOLATION)


def _work_within(budget: JobBudget, result: Path, read: Read) -> bytes:
    """Work, and word what came out or what went wrong."""
    try:
        with budget.spend():
            decoded = _work(result, read)
        return write_result(decoded, DECODED)
    except OSError as exc:
        return write_failure(OSError(*exc.args[:2]))  # without the name of a file
    except DriverActivityError as exc:
        return write_failure(exc)
    except MemoryError as exc:  # NumPy has its own
        return write_failure(MemoryError(str(exc)))
    except Exception as exc:
        return write_failure(RuntimeError(f"decoding failed: {exc!r}"), traceback.format_exc())


def _work(result: Path, read: Read) -> Decoded:
    """Decode in a worker; the file must exist, so that no late worker makes it anew."""
    with result.open("r+b") as file:
        return read(file)


# These run in workers only, which is why only they import what loads FFmpeg.


def _read_video(source: Blob, job: DecodeJob, target: BinaryIO) -> Decoded:
    from models.video import decode

    opened = BytesIO(source) if isinstance(source, bytes) else source
    return decode.write_windows(target, opened, job)


def _read_arriving(source: Path, job: DecodeJob, target: BinaryIO) -> Decoded:
    from models.video import decode

    with ArrivingFile(source, ask) as arriving:
        return decode.write_windows(target, arriving, job)


def _read_images(
    sources: Sequence[Blob], spec: ClipSpec, options: Options, target: BinaryIO
) -> Decoded:
    from models.video import frames

    images = [source if isinstance(source, bytes) else source.read_bytes() for source in sources]
    return _put(frames.images_to_windows(images, spec, **options), target)


def _read_array(source: Blob, spec: ClipSpec, options: Options, target: BinaryIO) -> Decoded:
    array = parse_npy(source, limits=options["limits"])
    return _put(array_to_windows(array, spec, **options), target)


def _put(video: VideoWindows, target: BinaryIO) -> Decoded:
    target.write(video.windows_NTHWC.data)
    return video.spans, video.info


def _read_unless_scaled(source: Blob, spec: ClipSpec, options: Options) -> VideoWindows | None:
    """Read an array here if none of its pictures has to be scaled, for which FFmpeg is needed."""
    array = parse_npy(source, limits=options["limits"])
    return array_to_windows(array, spec, **options) if has_model_size(array, spec) else None
