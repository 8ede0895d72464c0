"""Clients that post one request over and over, in a process of their own.

The process shares the machine with the server that it loads: it is kept cheap (bodies are made
beforehand, answers are not parsed), and every spell says what it cost.

A closed loop has clients that wait for an answer before they ask again. An open loop sends at times
drawn beforehand, whatever became of earlier requests, and counts latency from the time at which a
request was meant to be sent: a server that stalls is charged for all who wait meanwhile.
"""

import asyncio
import os
import time
from collections.abc import Callable, Collection, Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np
from numpy.typing import NDArray

from training.processes import worker_processes

REFUSALS = (429, 503)
OK = 200
PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Post:
    """One request, ready to be sent.

    Attributes:
        path: Path below the server's URL.
        body: What is sent.
        content_type: What it is said to be.
    """

    path: str
    body: bytes
    content_type: str


@dataclass(frozen=True, kw_only=True)
class Spell:
    """What became of the requests of some seconds.

    Attributes:
        latencies_s: Seconds until each answer of status 200 was there, in order of arrival.
        num_refused: Requests that were refused for overload (429 and 503).
        num_failed: Requests that ended in any other way: another status, no connection, no answer.
        elapsed_s: Seconds from the first request until the last was settled.
        client_processor_s: What the clients' own process spent.
    """

    latencies_s: tuple[float, ...]
    num_refused: int
    num_failed: int
    elapsed_s: float
    client_processor_s: float

    @property
    def num_answers(self) -> int:
        """Answers of status 200."""
        return len(self.latencies_s)


class Clients:
    """Runs spells in a process of their own; see `clients`."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def closed_loop(self, url: str, post: Post, *, num_clients: int, duration_s: float) -> Spell:
        """Ask with so many clients, each one request at a time."""
        return self._executor.submit(
            _run, _closed_loop, url, post, num_clients=num_clients, duration_s=duration_s
        ).result()

    def open_loop(
        self,
        url: str,
        post: Post,
        *,
        rate_hz: float,
        duration_s: float,
        seed: int,
        patience_s: float = PATIENCE_S,
    ) -> Spell:
        """Ask at random times, a Poisson process, and never wait for an answer before the next.

        Args:
            url: Where the server listens.
            post: What is sent.
            rate_hz: Mean requests per second.
            duration_s: For how long requests are sent.
            seed: Of the times.
            patience_s: A client that has waited so long leaves, and counts as failed.
        """
        due_s = draw_arrivals(rate_hz, duration_s=duration_s, seed=seed)
        return self._executor.submit(
            _run, _open_loop, url, post, due_s=due_s, patience_s=patience_s
        ).result()

    def burst(self, url: str, post: Post, *, num_clients: int, patience_s: float) -> Spell:
        """Ask with so many clients at the same moment, who leave when they have waited so long."""
        due_s = np.zeros(num_clients)
        return self._executor.submit(
            _run, _open_loop, url, post, due_s=due_s, patience_s=patience_s
        ).result()


@contextmanager
def clients(cores: Collection[int] | None = None) -> Iterator[Clients]:
    """Start the clients' process; it ends with the block.

    Args:
        cores: Those that it may use; None for all.
    """
    with worker_processes(1) as executor:
        if cores is not None:
            executor.submit(os.sched_setaffinity, 0, cores).result()
        yield Clients(executor)


def draw_arrivals(rate_hz: float, *, duration_s: float, seed: int) -> NDArray[np.float64]:
    """Return the times of a Poisson process within a duration, in seconds, ascending."""
    generator = np.random.default_rng(seed)
    num_requests = generator.poisson(rate_hz * duration_s)
    return np.sort(generator.uniform(0, duration_s, num_requests))


class _Tally:
    """Sends requests and counts what becomes of them."""

    def __init__(self, session: aiohttp.ClientSession, post: Post) -> None:
        self._session = session
        self._post = post
        self.latencies_s: list[float] = []
        self.num_refused = 0
        self.num_failed = 0

    async def send(self, due: float) -> None:
        """Send one request and wait for what becomes of it; its latency counts from `due`."""
        headers = {"Content-Type": self._post.content_type}
        try:
            async with self._session.post(
                self._post.path, data=self._post.body, headers=headers
            ) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError):
            self.num_failed += 1
            return
        if response.status == OK:
            self.latencies_s.append(time.perf_counter() - due)
        elif response.status in REFUSALS:
            self.num_refused += 1
        else:
            self.num_failed += 1


async def _closed_loop(tally: _Tally, *, num_clients: int, duration_s: float) -> None:
    deadline = time.perf_counter() + duration_s

    async def ask() -> None:
        while (now := time.perf_counter()) < deadline:
            await tally.send(now)

    await asyncio.gather(*(ask() for _ in range(num_clients)))


async def _open_loop(tally: _Tally, *, due_s: NDArray[np.float64]) -> None:
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for due in started + due_s:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(tally.send(float(due)))


def _run(
    loop: Callable[..., Coroutine[Any, Any, None]],
    url: str,
    post: Post,
    *,
    patience_s: float = PATIENCE_S,
    **options: Any,
) -> Spell:
    return asyncio.run(_spell(loop, url, post, patience_s=patience_s, options=options))


async def _spell(
    loop: Callable[..., Coroutine[Any, Any, None]],
    url: str,
    post: Post,
    *,
    patience_s: float,
    options: dict[str, Any],
) -> Spell:
    async with aiohttp.ClientSession(
        url,
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=patience_s),
    ) as session:
        tally = _Tally(session, post)
        started, spent_s = time.perf_counter(), time.process_time()
        await loop(tally, **options)
        return Spell(
            latencies_s=tuple(tally.latencies_s),
            num_refused=tally.num_refused,
            num_failed=tally.num_failed,
            elapsed_s=time.perf_counter() - started,
            client_processor_s=time.process_time() - spent_s,
        )
