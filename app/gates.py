"""Bounded queues before what may run a limited number of times at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.errors import DriverActivityError


class QueueFullError(DriverActivityError):
    """As many requests are at work as may, and no more work may wait."""

    def __init__(self, queue: str, capacity: int, max_waiting: float, unit: str) -> None:
        super().__init__(queue, capacity, max_waiting, unit)
        self.queue = queue
        self.capacity = capacity
        self.accepted = max_waiting
        self.unit = unit

    def __str__(self) -> str:
        return (
            f"{self.queue} is full: accepted are {self.capacity} at work, and "
            f"{self.accepted:g} {self.unit} that wait"
        )


class Gate:
    """Lets a number of tasks in and lets so much work wait; whoever brings more is refused.

    If anything may wait, the first in the queue may, however much it brings: else what is larger
    than the queue could never be done under load.

    Args:
        name: What the gate guards, for errors and metrics.
        capacity: How many tasks may be inside at once.
        max_waiting: How much work may wait, in units.
        unit: What work is counted in; a task is one unit unless it says otherwise.
    """

    def __init__(
        self, name: str, *, capacity: int, max_waiting: float, unit: str = "requests"
    ) -> None:
        self.name = name
        self._capacity = capacity
        self._max_waiting = max_waiting
        self._unit = unit
        self._semaphore = asyncio.Semaphore(capacity)
        self._num_waiting = 0
        self._work_waiting = 0.0
        self._num_inside = 0
        self._num_borrowed = 0

    @property
    def num_waiting(self) -> int:
        """How many wait now."""
        return self._num_waiting

    @property
    def work_waiting(self) -> float:
        """How much work waits now, in units."""
        return self._work_waiting

    @property
    def num_inside(self) -> int:
        """How many are inside now."""
        return self._num_inside

    @property
    def is_idle(self) -> bool:
        """Whether a place is free and nobody waits for one."""
        num_taken = self._num_inside + self._num_borrowed
        return num_taken < self._capacity and not self._num_waiting

    @asynccontextmanager
    async def enter(self, work: float = 1) -> AsyncIterator[None]:
        """Wait for a place, in the order of arrival, and hold it for the body of the statement.

        Args:
            work: What the task brings, in units, >= 0.

        Raises:
            QueueFullError: If as much waits as may wait.
        """
        await self.acquire(work)
        try:
            yield
        finally:
            self.release()

    async def acquire(self, work: float = 1) -> None:
        """Wait for a place, in the order of arrival, and take it; `release` gives it back.

        Raises as `enter` does.
        """
        if self._semaphore.locked() and not self._may_wait(work):
            raise QueueFullError(self.name, self._capacity, self._max_waiting, self._unit)
        self._num_waiting += 1
        self._work_waiting += work
        try:
            await self._semaphore.acquire()
        finally:
            self._num_waiting -= 1
            self._work_waiting -= work
        self._num_inside += 1

    def release(self) -> None:
        """Give a place back."""
        self._num_inside -= 1
        self._semaphore.release()

    def borrow(self) -> bool:
        """Take up a place that is idle, if one is, and say so; `give_back` when it is left.

        Nobody who enters waits for it to be given back: it only keeps others from borrowing.
        """
        is_lent = self.is_idle
        self._num_borrowed += is_lent
        return is_lent

    def give_back(self) -> None:
        """Leave a place that was borrowed."""
        self._num_borrowed -= 1

    def _may_wait(self, work: float) -> bool:
        if not self._num_waiting:
            return self._max_waiting > 0
        return self._work_waiting + work <= self._max_waiting
