import asyncio
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from app.experiments import shadows
from app.experiments.shadows import Shadow, ShadowQueue
from app.experiments.trial import Trial
from app.gates import Gate
from models.video.windows import VideoWindows


class StubTrial:
    """A trial whose second arm only notes that it was asked, or shed."""

    def __init__(self, said: list[str], *, num_bytes: int = 1) -> None:
        self._said = said
        self.video = cast(VideoWindows, StubVideo(num_bytes))

    def ask_other(self) -> None:
        self._said.append("asked")

    def shed(self) -> None:
        self._said.append("shed")


class StubVideo:
    def __init__(self, num_bytes: int) -> None:
        self.windows_NTHWC = np.zeros(num_bytes, dtype=np.uint8)


async def run(work: Callable[[ShadowQueue, Gate], Any]) -> None:
    lanes = Gate("decode", capacity=1, max_waiting=1)
    queue = ShadowQueue(lanes)
    await work(queue, lanes)
    await queue.close()


def offer(queue: ShadowQueue, said: list[str], *, num_bytes: int = 1) -> None:
    trial = cast(Trial, StubTrial(said, num_bytes=num_bytes))
    queue.offer(Shadow(trial=trial, finish=lambda: said.append("finished")))


def test_shadow_waits_until_a_lane_is_free() -> None:
    said: list[str] = []

    async def work(queue: ShadowQueue, lanes: Gate) -> None:
        async with lanes.enter():
            offer(queue, said)
            await asyncio.sleep(0.05)
            said.append("lane left")
        await asyncio.sleep(0.05)

    asyncio.run(run(work))

    assert said == ["lane left", "asked", "finished"]


def test_shadow_that_waits_too_long_is_shed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadows, "MAX_WAIT_S", 0.01)
    said: list[str] = []

    async def work(queue: ShadowQueue, lanes: Gate) -> None:
        async with lanes.enter():
            offer(queue, said)
            await asyncio.sleep(0.05)

    asyncio.run(run(work))

    assert said == ["shed", "finished"]


def test_shadow_that_needs_too_much_memory_is_shed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shadows, "MAX_WAITING_BYTES", 150)
    said: list[str] = []

    async def work(queue: ShadowQueue, lanes: Gate) -> None:
        async with lanes.enter():
            offer(queue, said, num_bytes=100)
            offer(queue, said, num_bytes=100)
        await asyncio.sleep(0.05)

    asyncio.run(run(work))

    assert said == ["shed", "finished", "asked", "finished"]


def test_what_waits_at_the_end_is_shed() -> None:
    said: list[str] = []

    async def work(queue: ShadowQueue, lanes: Gate) -> None:
        await lanes.acquire()
        offer(queue, said)

    asyncio.run(run(work))

    assert said == ["shed", "finished"]
