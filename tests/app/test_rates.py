import pytest

from app import rates
from app.rates import RateExceededError, RateLimiter


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_client_may_ask_its_minute_at_once_and_then_evenly() -> None:
    clock = Clock()
    limiter = RateLimiter(max_per_minute=3, clock=clock)
    for _ in range(3):
        limiter.admit("vehicle")

    with pytest.raises(RateExceededError, match="3 times a minute, again in 20 s") as caught:
        limiter.admit("vehicle")
    clock.now_s += caught.value.retry_after_s
    limiter.admit("vehicle")

    with pytest.raises(RateExceededError):
        limiter.admit("vehicle")


def test_refused_requests_do_not_lengthen_the_wait() -> None:
    clock = Clock()
    limiter = RateLimiter(max_per_minute=1, clock=clock)
    limiter.admit("vehicle")
    for _ in range(5):
        with pytest.raises(RateExceededError):
            limiter.admit("vehicle")

    clock.now_s += 60
    limiter.admit("vehicle")


def test_clients_do_not_share_a_limit() -> None:
    limiter = RateLimiter(max_per_minute=1, clock=Clock())

    limiter.admit("one")
    limiter.admit("other")

    assert limiter.num_clients == 2


def test_no_limit_remembers_nobody() -> None:
    limiter = RateLimiter(max_per_minute=0)

    for _ in range(1000):
        limiter.admit("vehicle")

    assert limiter.num_clients == 0


def test_clients_whose_limit_is_free_again_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MANY_CLIENTS", 10)
    clock = Clock()
    limiter = RateLimiter(max_per_minute=60, clock=clock)
    for index in range(100):
        limiter.admit(f"client-{index}")
        clock.now_s += 1

    assert limiter.num_clients <= 10
