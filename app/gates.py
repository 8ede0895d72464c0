"""Bounded queues before what may run a limited number of times at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.errors import DriverActivityError


class QueueFullError(DriverActivityError):
    """As many requests are at work, and wait for it, as may."""

    def __init__(self, queue: str, capacity: int, max_waiting: int) -> None:
        super().__init__(queue, capacity, max_waiting)
        self.queue = queue
        self.accepted = capacity + max_waiting

    def __str__(self) -> str:
        return f"{self.queue} is full: {self.accepted} requests may be at work or wait for it"


class Gate:
    """Lets a number of tasks in and lets a number wait; any further one is refused.

    Args:
        name: What the gate guards, for errors and metrics.
        capacity: How many may be inside at once.
        max_waiting: How many may wait.
    """

    def __init__(self, name: str, *, capacity: int, max_waiting: int) -> None:
        self.name = name
        self._capacity = capacity
        self._max_waiting = max_waiting
        self._semaphore = asyncio.Semaphore(capacity)
        self._num_waiting = 0
        self._num_inside = 0

    @property
    def num_waiting(self) -> int:
        """How many wait now."""
        return self._num_waiting

    @property
    def num_inside(self) -> int:
        """How many are inside now."""
        return self._num_inside

    @property
    def is_idle(self) -> bool:
        """Whether a place is free and nobody waits for one."""
        return self._num_inside < self._capacity and not self._num_waiting

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Wait for a place, in the order of arrival, and hold it for the body of the statement.

        Raises:
            QueueFullError: If as many wait as may wait.
        """
        await self.acquire()
        try:
            yield
        finally:
            self.release()

    async def acquire(self) -> None:
        """Wait for a place, in the order of arrival, and take it; `release` gives it back.

        Raises:
            QueueFullError: If as many wait as may wait.
        """
        if self._semaphore.locked() and self._num_waiting >= self._max_waiting:
            raise QueueFullError(self.name, self._capacity, self._max_waiting)
        self._num_waiting += 1
        try:
            await self._semaphore.acquire()
        finally:
            self._num_waiting -= 1
        self._num_inside += 1

    def release(self) -> None:
        """Give a place back."""
        self._num_inside -= 1
        self._semaphore.release()
