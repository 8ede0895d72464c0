"""Decoding in worker processes, so that a stranger's file can harm nothing but its own request.

FFmpeg reads what strangers send. It runs in a few processes of its own: a crash, a hang or a memory
bomb ends one of them, which is replaced, and one request. The decoded windows come back in a file
that this process names, maps and unlinks, so that a worker leaves nothing behind however it ends.
This process never loads FFmpeg.
"""

import asyncio
import mmap
import multiprocessing
import resource
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from app.gates import Gate
from models.errors import DriverActivityError
from models.spec import ClipSpec
from models.video.limits import DecodeLimits
from models.video.windows import DecodeMode, VideoInfo, VideoWindows, WindowSpan

START_TIMEOUT_S = 30.0
PRELOADED_MODULES = ["app.decoding", "models.video.decode", "models.video.frames"]

Read = Callable[..., VideoWindows]
Decoded = tuple[tuple[int, ...], tuple[WindowSpan, ...], VideoInfo]


class DecodeWorkerDiedError(DriverActivityError):
    """The process that decoded this media ended, or ran out of memory, before it was done."""


class DecodeTimeoutError(DriverActivityError):
    """Decoding took longer than it may."""

    def __init__(self, accepted_s: float) -> None:
        super().__init__(accepted_s)
        self.accepted_s = accepted_s

    def __str__(self) -> str:
        return f"decoding took longer than {self.accepted_s:g} s"


class DecodePool:
    """A few processes that decode, behind a bounded queue.

    Use it from one event loop. Cancelling a task that waits for its turn costs nothing; cancelling
    one whose job runs ends the worker, which is replaced.

    Args:
        num_workers: Processes, each with one decoder thread.
        timeout_s: Longest time that one job may run, its wait not included.
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
        self._num_workers = num_workers
        self._timeout_s = timeout_s
        self._spool_dir = spool_dir
        self._max_worker_bytes = max_worker_bytes
        # A job that waits here has not been given to a worker yet.
        self._gate = Gate("decode", capacity=num_workers, max_waiting=max_waiting)
        self._is_closed = False
        self._pool: Any = None
        self._pool_lock = threading.Lock()

    @property
    def num_waiting(self) -> int:
        """Jobs that wait for a worker."""
        return self._gate.num_waiting

    @property
    def num_active(self) -> int:
        """Jobs that a worker is on."""
        return self._gate.num_inside

    def start(self) -> None:
        """Start the workers and wait until the first one answers.

        Raises:
            TimeoutError: If none does within half a minute.
        """
        self._renew_pool()
        self._pool.schedule(_do_nothing).result(timeout=START_TIMEOUT_S)

    def close(self, *, timeout_s: float) -> None:
        """Let the jobs that run finish, for so long at most, and end the workers."""
        with self._pool_lock:
            self._is_closed = True
        if self._pool is None:
            return
        self._pool.close()
        try:
            self._pool.join(timeout=timeout_s)
        except TimeoutError:
            self._pool.stop()
            self._pool.join()

    async def read_windows(
        self,
        path: Path,
        spec: ClipSpec,
        *,
        stride_s: float | None,
        limits: DecodeLimits,
        mode: DecodeMode = "exact",
    ) -> VideoWindows:
        """Decode a video file; see `models.video.decode.read_windows`.

        Raises:
            MediaError: As that function.
            DecodeWorkerDiedError: If the worker crashed or ran out of memory.
            DecodeTimeoutError: If it took too long.
            QueueFullError: If too many jobs wait.
        """
        return await self._run(_read_video, path, spec, stride_s=stride_s, limits=limits, mode=mode)

    async def read_images(
        self,
        paths: Sequence[Path],
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
        return await self._run(
            _read_images,
            paths,
            spec,
            frame_rate_hz=frame_rate_hz,
            stride_s=stride_s,
            limits=limits,
        )

    async def read_array(
        self,
        path: Path,
        spec: ClipSpec,
        *,
        frame_rate_hz: float | None,
        stride_s: float | None,
        limits: DecodeLimits,
    ) -> VideoWindows:
        """Read an `.npy` file: frames (T,H,W,3), or clips (N,T,H,W,3) that are windows already.

        Frames without a `frame_rate_hz` are taken to fill one window; for clips neither it nor
        `stride_s` matters.

        Raises:
            DriverActivityError: As `read_windows`.
        """
        return await self._run(
            _read_array, path, spec, frame_rate_hz=frame_rate_hz, stride_s=stride_s, limits=limits
        )

    async def _run(self, read: Read, *args: object, **options: object) -> VideoWindows:
        async with self._gate.enter():
            with NamedTemporaryFile(prefix="driver-activity-", dir=self._spool_dir) as file:
                job = (Path(file.name), read, args, options)
                shape, spans, info = await self._finish(job)
                windows = mmap.mmap(file.fileno(), 0)
        windows_NTHWC = np.frombuffer(windows, np.uint8).reshape(shape)
        return VideoWindows(windows_NTHWC=windows_NTHWC, spans=spans, info=info)

    async def _finish(self, job: tuple[object, ...]) -> Decoded:
        try:
            return await self._attempt(job)
        except ProcessExpired as exc:
            message = f"the decoder ended with exit code {exc.exitcode}"
            raise DecodeWorkerDiedError(message) from exc
        except MemoryError as exc:
            message = f"decoding needs more than {self._max_worker_bytes} bytes of memory"
            raise DecodeWorkerDiedError(message) from exc
        except TimeoutError as exc:
            raise DecodeTimeoutError(self._timeout_s) from exc

    async def _attempt(self, job: tuple[object, ...]) -> Decoded:
        try:
            return await asyncio.wrap_future(await self._submit(job))
        except BrokenProcessPool:  # a worker died while it had no job, so none is at fault
            return await asyncio.wrap_future(await self._submit(job))

    async def _submit(self, job: tuple[object, ...]) -> "ProcessFuture[Decoded]":
        if self._is_closed or self._pool is None or not self._pool.active:
            await asyncio.to_thread(self._renew_pool)
        return self._pool.schedule(_work, args=job, timeout=self._timeout_s)

    def _renew_pool(self) -> None:
        """Make a new pool if there is none, or if it broke; pebble's breaks on an idle death."""
        with self._pool_lock:
            if self._is_closed:
                raise DecodeWorkerDiedError("the decoder has been shut down")
            if self._pool is not None:
                if self._pool.active:
                    return
                self._pool.stop()
                self._pool.join()
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(PRELOADED_MODULES)
            self._pool = ProcessPool(
                max_workers=self._num_workers,
                initializer=_prepare_worker,
                initargs=(self._max_worker_bytes,),
                context=context,
            )


def _prepare_worker(max_bytes: int) -> None:
    """Limit a new worker and load what it needs, before its first job."""
    # pebble installs a handler, which would not run while FFmpeg hangs in C.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import models.video.decode
    import models.video.frames  # noqa: F401


def _do_nothing() -> None:
    """Answer, which shows that a worker is there."""


def _work(result: Path, read: Read, args: tuple[Any, ...], options: dict[str, Any]) -> Decoded:
    """Decode in a worker; the file must exist, so that no late worker makes it anew."""
    video = read(*args, **options)
    with result.open("r+b") as file:
        file.write(video.windows_NTHWC.data)
    return video.windows_NTHWC.shape, video.spans, video.info


# These run in workers only, which is why only they import what loads FFmpeg.


def _read_video(path: Path, spec: ClipSpec, **options: Any) -> VideoWindows:
    from models.video import decode

    return decode.read_windows(path, spec, **options)


def _read_images(paths: Sequence[Path], spec: ClipSpec, **options: Any) -> VideoWindows:
    from models.video import frames

    return frames.images_to_windows([path.read_bytes() for path in paths], spec, **options)


def _read_array(
    path: Path,
    spec: ClipSpec,
    *,
    frame_rate_hz: float | None,
    stride_s: float | None,
    limits: DecodeLimits,
) -> VideoWindows:
    from models.video import frames
    from models.video.arrays import parse_npy

    with path.open("rb") as file:
        array = parse_npy(file, limits=limits)
    if array.ndim == 5:
        return frames.clips_to_windows(array, spec, limits=limits)
    return frames.frames_to_windows(
        array,
        spec,
        frame_rate_hz=frame_rate_hz or len(array) / spec.window_s,
        stride_s=stride_s,
        limits=limits,
    )
