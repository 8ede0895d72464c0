"""The service as a whole: what it consists of, how it starts and how it ends."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.decoding import DecodePool
from app.drift import DriftMonitor
from app.experiments.manager import ExperimentManager
from app.experiments.metrics import ExperimentMetrics
from app.gates import Gate
from app.headstarts import HeadStarts
from app.inference import InferencePool
from app.lengths import LengthEstimator
from app.lifecycle import ModelLifecycle
from app.memory import return_freed_memory
from app.metrics import Metrics
from app.rates import RateLimiter
from app.settings import Settings
from app.uploads import Upload
from app.workers import Reply
from models.registry import ModelRegistry
from models.runtimes.compiled import CompiledFolder
from models.spec import ClipSpec
from models.video.job import DecodeJob
from models.video.limits import DecodeLimits
from models.video.windows import DecodeMode, VideoWindows


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a client chose for one request.

    Attributes:
        top_k: How many activities to name.
        stride_s: Distance of window starts; None for windows that do not overlap.
        frame_rate_hz: Rate of frames that carry no times.
        decode: How exactly a video is decoded; None for what the operator chose.
    """

    top_k: int
    stride_s: float | None
    frame_rate_hz: float | None
    decode: DecodeMode | None


class Service:
    """Everything that requests share, wired once.

    At most `settings.num_lanes` requests compute at a time: first in a decode worker, then in an
    inference thread, so that together they never use more than the cores. The others wait in the
    decode queue.

    Args:
        settings: What the operator chose.

    Raises:
        UnsafeFolderError: If others can write to the folder of compiled models.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.limits = _read_limits(settings)
        self.registry = ModelRegistry(
            settings.model_dir,
            requested=settings.models,
            aliases=settings.all_aliases,
            runtime_name=settings.runtime,
            num_threads=settings.threads_per_inference,
            num_streams=settings.num_inference_workers,
            public_key=settings.trusted_key,
            compiled=_open_compiled(settings),
        )
        self.uploads = Gate("upload", capacity=settings.max_uploads, max_waiting=0)
        self.lanes = Gate(
            "decode",
            capacity=settings.num_lanes,
            max_waiting=settings.decode_queue_length_s,
            unit="s of video",
        )
        self.rates = RateLimiter(max_per_minute=settings.max_requests_per_minute)
        self.lengths = LengthEstimator(max_s=settings.max_duration_s)
        self.decoder = DecodePool(
            num_workers=settings.num_decode_workers,
            timeout_s=settings.decode_timeout_s,
            max_waiting=settings.num_lanes,
            max_worker_bytes=settings.max_worker_bytes,
        )
        self.head_starts = HeadStarts(lanes=self.lanes, max_num=settings.num_decode_workers)
        self.inference = InferencePool(
            num_workers=settings.num_inference_workers, max_waiting=settings.inference_queue_size
        )
        self.drift = DriftMonitor()
        self.metrics = Metrics(
            queue_depths={
                "decode": lambda: self.lanes.num_waiting + self.decoder.num_waiting,
                "inference": lambda: self.inference.num_waiting,
            },
            is_ready=lambda: not self.problems,
            drift=self.drift,
        )
        self.experiments = ExperimentManager(
            settings,
            registry=self.registry,
            lanes=self.lanes,
            inference=self.inference,
            metrics=ExperimentMetrics(self.metrics.registry),
        )
        self.models = ModelLifecycle(
            self.registry,
            metrics=self.metrics,
            drift=self.drift,
            find_compared=lambda: self.experiments.compared,
        )
        self.spool = Path()
        self._faults = {"service": "starting"}
        self._log = structlog.get_logger("driver_activity.service")

    @property
    def problems(self) -> dict[str, str]:
        """Why the service is not ready, by what is at fault; empty when it is ready."""
        return {**self._faults, **self.registry.problems}

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve for the body of the statement; loading goes on beside it."""
        self.spool = Path(tempfile.mkdtemp(prefix="driver-activity-"))
        loading = asyncio.create_task(self._load())
        try:
            yield
        finally:
            self.withdraw()
            await loading
            await self.models.close()
            await self.experiments.close()
            await asyncio.to_thread(self._close)

    async def decode(self, upload: Upload, spec: ClipSpec, options: Options) -> VideoWindows:
        """Return the windows of an upload.

        Frames that come without a rate are taken to fill one window.

        Args:
            upload: What the client sent.
            spec: What a window is.
            options: What the client chose.

        Raises:
            DriverActivityError: If it cannot be decoded; see `DecodePool.read_windows`.
        """
        stride_s, frame_rate_hz = options.stride_s, options.frame_rate_hz
        if upload.kind == "video":
            video = await self._decode_video(upload, spec, options)
            self.lengths.learn(upload, video.info.duration_s)
            return video
        if upload.kind == "npy":
            return await self.decoder.read_array(
                upload.blobs[0],
                spec,
                frame_rate_hz=frame_rate_hz,
                stride_s=stride_s,
                limits=self.limits,
            )
        return await self.decoder.read_images(
            upload.blobs,
            spec,
            frame_rate_hz=frame_rate_hz or len(upload.blobs) / spec.window_s,
            stride_s=stride_s,
            limits=self.limits,
        )

    async def decode_arriving(
        self, spec: ClipSpec, options: Options, path: Path, reply: Reply
    ) -> VideoWindows:
        """Return the windows of a video that is still being received; see `decode`.

        Args:
            spec: What a window is.
            options: What the client chose.
            path: Where it is written.
            reply: Tells the worker how far it is.
        """
        return await self.decoder.read_arriving(path, self._job(spec, options), reply=reply)

    async def _decode_video(self, upload: Upload, spec: ClipSpec, options: Options) -> VideoWindows:
        if upload.head_start is not None:
            video = await upload.head_start.finish()
            if video is not None:
                return video
        return await self.decoder.read_windows(upload.blobs[0], self._job(spec, options))

    def _job(self, spec: ClipSpec, options: Options) -> DecodeJob:
        return DecodeJob(
            spec=spec,
            stride_s=options.stride_s,
            limits=self.limits,
            mode=options.decode or self.settings.decode,
        )

    def withdraw(self) -> None:
        """Be not ready from now on, so that no new traffic comes while the rest is answered."""
        self._faults["service"] = "shutting down"

    async def _load(self) -> None:
        """Start decoder, models and experiments; what fails leaves the service not ready."""
        started = time.perf_counter()
        try:
            await asyncio.gather(
                asyncio.to_thread(self.decoder.start), asyncio.to_thread(self.registry.load)
            )
            await self.experiments.start()
            await asyncio.to_thread(return_freed_memory)
        except Exception as exc:
            self._faults["service"] = f"cannot start: {exc}"
            self._log.exception("start_failed")
            return
        self._announce(seconds=time.perf_counter() - started)
        self.models.start(self.settings.watch_models_s)

    def _announce(self, *, seconds: float) -> None:
        if self._faults["service"] == "starting":
            del self._faults["service"]
        self.models.announce()
        self._log.info("started", is_ready=not self.problems, seconds=round(seconds, 3))

    def _close(self) -> None:
        self.decoder.close(timeout_s=self.settings.shutdown_grace_s)
        self.inference.close()
        shutil.rmtree(self.spool)


def _open_compiled(settings: Settings) -> CompiledFolder | None:
    return None if settings.compiled_dir is None else CompiledFolder(settings.compiled_dir)


def _read_limits(settings: Settings) -> DecodeLimits:
    return DecodeLimits(
        max_pixels=settings.max_pixels,
        max_aspect_ratio=settings.max_aspect_ratio,
        max_duration_s=settings.max_duration_s,
        max_frames=settings.max_frames,
        max_windows=settings.max_windows,
        max_batch_bytes=settings.max_batch_bytes,
        max_decoded_bytes=settings.max_decoded_bytes,
        max_streams=settings.max_streams,
        min_frames=settings.min_frames,
    )
