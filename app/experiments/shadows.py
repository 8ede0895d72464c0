"""Asks second arms after their answers have gone out, when a core has nothing better to do."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from app.experiments.trial import Trial
from app.gates import Gate

LOOK_EVERY_S = 0.005
MAX_WAIT_S = 5.0
MAX_WAITING_BYTES = 64 * 2**20
"""Windows of about a hundred short clips, or of one of 110 windows."""


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A second arm that is still to be asked.

    Attributes:
        trial: The request.
        finish: Called when the arm was asked, or was shed.
        offered: When it was offered, on the clock of `time.perf_counter`.
    """

    trial: Trial
    finish: Callable[[], None]
    offered: float = field(default_factory=time.perf_counter)

    @property
    def num_bytes(self) -> int:
        """Bytes of the windows that are kept for it."""
        return 0 if self.trial.video is None else self.trial.video.windows_NTHWC.nbytes

    @property
    def is_late(self) -> bool:
        """Whether it has waited too long."""
        return time.perf_counter() - self.offered > MAX_WAIT_S


class ShadowQueue:
    """Runs one shadow at a time, while a lane is free and no request waits for one.

    What would need too much memory, or waits too long, is shed.

    Args:
        lanes: The places of requests that compute.
    """

    def __init__(self, lanes: Gate) -> None:
        self._lanes = lanes
        # A shadow may be slow, so it must not take the place of what clients wait for.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        self._waiting: deque[Shadow] = deque()
        self._task: asyncio.Task[None] | None = None

    def offer(self, shadow: Shadow) -> None:
        """Take in a shadow, or shed it at once if too many wait."""
        held = sum(waiting.num_bytes for waiting in self._waiting)
        if held + shadow.num_bytes > MAX_WAITING_BYTES:
            _shed(shadow)
            return
        self._waiting.append(shadow)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Shed what waits, and wait for what runs."""
        while self._waiting:
            _shed(self._waiting.popleft())
        if self._task is not None:
            await self._task
        self._executor.shutdown()

    async def _work(self) -> None:
        while self._waiting:
            if self._waiting[0].is_late:
                _shed(self._waiting.popleft())
            elif self._lanes.is_idle:
                await self._run(self._waiting.popleft())
            else:
                await asyncio.sleep(LOOK_EVERY_S)

    async def _run(self, shadow: Shadow) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, shadow.trial.ask_other)
        shadow.finish()


def _shed(shadow: Shadow) -> None:
    shadow.trial.shed()
    shadow.finish()
