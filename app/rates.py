"""How often a client may ask."""

import time
from collections.abc import Callable

from models.errors import DriverActivityError

MINUTE_S = 60.0
MANY_CLIENTS = 10_000


class RateExceededError(DriverActivityError):
    """A client asks more often than it may."""

    def __init__(self, accepted: int, retry_after_s: float) -> None:
        super().__init__(accepted, retry_after_s)
        self.limit = "max_requests_per_minute"
        self.accepted = accepted
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"a client may ask {self.accepted} times a minute, again in {self.retry_after_s:g} s"


class RateLimiter:
    """Lets every client make so many requests a minute, and as many at once at most.

    It is the generic cell rate algorithm (ITU-T I.371), which keeps one time a client: when its
    requests would be done if they came evenly. Only a clock that is never set makes that safe: a
    wall clock put back an hour would lock clients out for an hour.

    Args:
        max_per_minute: Requests; 0 for any number.
        clock: Seconds from any start, never set back.
    """

    def __init__(self, *, max_per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_per_minute = max_per_minute
        self._clock = clock
        self._done_s: dict[str, float] = {}

    @property
    def num_clients(self) -> int:
        """Clients that are remembered."""
        return len(self._done_s)

    def admit(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            RateExceededError: If the client has to wait first; such a request is not counted.
        """
        if not self._max_per_minute:
            return
        now = self._clock()
        done_s = max(self._done_s.get(client, now), now)
        period_s = MINUTE_S / self._max_per_minute
        early_s = done_s + period_s - now - MINUTE_S
        if early_s > 0:
            raise RateExceededError(self._max_per_minute, early_s)
        if client not in self._done_s and self.num_clients >= MANY_CLIENTS:
            self._done_s = {name: done for name, done in self._done_s.items() if done > now}
        self._done_s[client] = done_s + period_s
