"""Decodes damaged files in workers, and tells what is a failure of ours."""

import asyncio
import multiprocessing
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.decoding import DecodePool
from models.errors import MediaError
from models.spec import ClipSpec
from models.video.job import DecodeJob
from models.video.limits import DecodeLimits
from models.video.windows import DecodeMode
from tests.fuzz.mutation import mutate

SPEC = ClipSpec(num_frames=4, window_s=1.0, size_px=32)
# Far over what a good clip of the fuzzer takes, so that what takes longer hangs.
TIMEOUT_S = 10.0
LIMITS = DecodeLimits(
    max_duration_s=60, max_frames=2_000, max_windows=100, max_decoded_bytes=500_000_000
)
MODES: tuple[DecodeMode, ...] = ("exact", "fast")
FAILED = "failed"
"""How words of outcomes begin that no file may have."""
MEMORY_PERIOD = 50
REPORT_PERIOD = 1_000
MAX_GROWTH_BYTES = 32 * 2**20


@dataclass(kw_only=True)
class Hunt:
    """What became of the cases.

    Attributes:
        outcomes: How often each answer or error came.
        failures: What a case did that no file may do, by case number.
        worker_bytes: Resident memory of a worker, every `MEMORY_PERIOD` cases.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    worker_bytes: list[int] = field(default_factory=list)

    @property
    def growth_bytes(self) -> float:
        """How much more a worker held in the last fifth than in the second; 0 for few cases."""
        fifth = len(self.worker_bytes) // 5
        if not fifth:
            return 0.0
        early, late = self.worker_bytes[fifth : 2 * fifth], self.worker_bytes[-fifth:]
        return statistics.median(late) - statistics.median(early)

    @property
    def has_failed(self) -> bool:
        """Whether a case failed, or memory grew."""
        return bool(self.failures) or self.growth_bytes > MAX_GROWTH_BYTES

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.outcomes.most_common())
        return f"{counts}; a worker grew by {self.growth_bytes / 1e6:.1f} MB"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Where it is hunted.

    Attributes:
        clips: Good clips by name, which are damaged.
        seed: Seed of the damage.
        folder: Takes the files that fail, and results on the way.
        num_workers: Workers that decode.
        report: Takes a line about each failure, and one every `REPORT_PERIOD` cases.
    """

    clips: Mapping[str, bytes]
    seed: int
    folder: Path
    num_workers: int
    report: Callable[[str], None]


def hunt(ground: Ground, cases: Iterable[int]) -> Hunt:
    """Decode damaged clips, by numbers of cases, and return what became of them."""
    pool = DecodePool(
        num_workers=ground.num_workers,
        timeout_s=TIMEOUT_S,
        spool_dir=ground.folder,
        max_waiting=0,
    )
    pool.start()
    try:
        return asyncio.run(_hunt(pool, ground, cases))
    finally:
        pool.close(timeout_s=TIMEOUT_S)


async def _hunt(pool: DecodePool, ground: Ground, cases: Iterable[int]) -> Hunt:
    found = Hunt()
    remaining = iter(cases)

    async def take_cases() -> None:
        for case in remaining:
            name, data = mutate(ground.clips, case, seed=ground.seed)
            outcome = await _decode(pool, data, case)
            found.outcomes[outcome.split(":")[0]] += 1
            if outcome.startswith(FAILED):
                found.failures[case] = f"{name}: {outcome}"
                ground.report(f"case {case} of seed {ground.seed}, {found.failures[case]}")
                (ground.folder / f"{ground.seed}-{case}-{name}").write_bytes(data)
            if case % MEMORY_PERIOD == 0:
                found.worker_bytes.append(_worker_bytes())
            if (case + 1) % REPORT_PERIOD == 0:
                ground.report(f"to case {case}: {found}")

    await asyncio.gather(*(take_cases() for _ in range(ground.num_workers)))
    return found


async def _decode(pool: DecodePool, data: bytes, case: int) -> str:
    """Return in a word what became of a file."""
    job = DecodeJob(spec=SPEC, limits=LIMITS, mode=MODES[case // 2 % len(MODES)])
    try:
        video = await pool.read_windows(data, job)
    except MediaError as exc:
        return type(exc).__name__
    except Exception as exc:
        return f"{FAILED}: {exc!r}"
    is_whole = video.windows_NTHWC.shape[1:] == SPEC.clip_shape and video.info.num_frames > 1
    return "answer" if is_whole else f"{FAILED}: {video.info}"


def _worker_bytes() -> int:
    """Return the resident memory of the largest worker."""
    workers = [psutil.Process(worker.pid) for worker in multiprocessing.active_children()]
    return max((worker.memory_info().rss for worker in workers), default=0)
