"""Decoding that begins while its video is still being received.

It takes nothing from requests that are complete: its worker goes on only while a place that fits
the cores is idle, and asks again after every step. Nobody waits for such a place, but who comes
during a step shares a core with it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from app.arrivals import COMPLETE, Arrival
from app.gates import Gate
from app.workers import Reply, UnreadableAnswerError
from models.errors import MediaError
from models.video.windows import VideoWindows

STEP_BYTES = 128 * 1024
"""How much is decoded at a time: 30 ms of work, as bit rates of small clips are."""
POLL_S = 0.01
"""How often a worker that may read on looks whether a place has become idle."""

ReadArriving = Callable[[Path, Reply], Coroutine[None, None, VideoWindows]]
"""Decodes a file in a worker that asks how far it may read."""


class HeadStart:
    """That of one video.

    Args:
        arrival: The file.
        lanes: The places that fit the cores.
        read: Decodes it.
    """

    def __init__(self, arrival: Arrival, *, lanes: Gate, read: ReadArriving) -> None:
        self._arrival = arrival
        self._lanes = lanes
        self._num_told = 0
        self._has_told_all = False
        self._has_lane = False
        self._is_claimed = asyncio.Event()
        self._task = asyncio.create_task(self._run(read))

    @property
    def has_failed(self) -> bool:
        """Whether it has ended without windows, and keeps nothing any more."""
        task = self._task
        return task.done() and (task.cancelled() or task.exception() is not None)

    @property
    def share_left(self) -> float:
        """What part of the file has to be decoded yet, 0-1."""
        if self.has_failed:
            return 1.0
        return 1 - self._num_told / max(self._arrival.num_bytes, 1)

    async def finish(self) -> VideoWindows | None:
        """Return the windows of the complete file; for who holds a place, and only once.

        Returns:
            None if they cannot be had by reading the file in one go.

        Raises:
            DriverActivityError: As `DecodePool.read_windows`, save for the media's own errors.
        """
        self._is_claimed.set()
        self._leave_lane()
        try:
            return await self._task
        except MediaError:
            return None

    async def close(self) -> None:
        """Give up what has not been finished."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, read: ReadArriving) -> VideoWindows:
        try:
            await self._arrival.reach(1)  # and the file is there
            return await read(self._arrival.path, self._reply)
        finally:
            self._leave_lane()

    async def _reply(self, num_bytes: int) -> int:
        """Tell the worker how far it may read, when it may."""
        if num_bytes <= self._num_told or self._has_told_all:
            raise UnreadableAnswerError(f"a worker asked for {num_bytes} bytes, which it was told")
        self._leave_lane()
        await self._arrival.reach(num_bytes)
        await self._take_lane()
        there = self._arrival.num_bytes
        step = there if self._is_claimed.is_set() else max(self._num_told + STEP_BYTES, num_bytes)
        self._num_told = min(there, step)
        self._has_told_all = self._arrival.is_complete and self._num_told == there
        return self._num_told << 1 | COMPLETE * self._has_told_all

    async def _take_lane(self) -> None:
        """Borrow a place once one is idle, unless the request has its own."""
        while not (self._is_claimed.is_set() or self._has_lane):
            self._has_lane = self._lanes.borrow()
            if not self._has_lane:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._is_claimed.wait()

    def _leave_lane(self) -> None:
        if self._has_lane:
            self._has_lane = False
            self._lanes.give_back()


Begin = Callable[[Arrival], HeadStart | None]
"""Begins to decode a file; None while there is no idle place, or as many are decoded as may."""


class HeadStarts:
    """Those of all videos.

    Args:
        lanes: The places that fit the cores.
        max_num: How many there may be at a time, each with a worker and with windows of its own.
    """

    def __init__(self, *, lanes: Gate, max_num: int) -> None:
        self._lanes = lanes
        self._max_num = max_num
        self._begun: list[HeadStart] = []

    @asynccontextmanager
    async def allow(self, read: ReadArriving) -> AsyncIterator[Begin]:
        """Let an upload have some; what is not finished at the end of the statement is given up.

        Args:
            read: Decodes a video.
        """
        begun: list[HeadStart] = []
        try:
            yield partial(self._begin, begun, read)
        finally:
            for head_start in begun:
                try:
                    await head_start.close()
                finally:
                    self._begun.remove(head_start)

    def _begin(
        self, begun: list[HeadStart], read: ReadArriving, arrival: Arrival
    ) -> HeadStart | None:
        num_now = sum(not head_start.has_failed for head_start in self._begun)
        if num_now >= self._max_num or not self._lanes.is_idle:
            return None
        head_start = HeadStart(arrival, lanes=self._lanes, read=read)
        begun.append(head_start)
        self._begun.append(head_start)
        return head_start
