import resource

import pytest

from app.server import OTHER_DESCRIPTORS, reserve_descriptors


class Limits:
    """Limits of descriptors as a system might set them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, soft: int, hard: int) -> None:
        self.soft = soft
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
        monkeypatch.setattr(resource, "setrlimit", self._set)

    def _set(self, _: int, limits: tuple[int, int]) -> None:
        self.soft = limits[0]


@pytest.mark.parametrize("hard", [1_000_000, resource.RLIM_INFINITY])
def test_as_many_files_as_needed_may_be_open(monkeypatch: pytest.MonkeyPatch, hard: int) -> None:
    limits = Limits(monkeypatch, soft=1024, hard=hard)

    assert reserve_descriptors(10_000) == 10_000
    assert limits.soft == 10_000 + OTHER_DESCRIPTORS


@pytest.mark.parametrize("soft", [20_000, resource.RLIM_INFINITY])
def test_limit_that_is_high_enough_stays(monkeypatch: pytest.MonkeyPatch, soft: int) -> None:
    limits = Limits(monkeypatch, soft=soft, hard=resource.RLIM_INFINITY)

    assert reserve_descriptors(10_000) == 10_000
    assert limits.soft == soft


@pytest.mark.parametrize(
    ("hard", "num_connections"), [(4096, 4096 - OTHER_DESCRIPTORS), (256, 128)]
)
def test_few_files_leave_fewer_connections_and_a_reserve(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    hard: int,
    num_connections: int,
) -> None:
    limits = Limits(monkeypatch, soft=hard, hard=hard)

    assert reserve_descriptors(10_000) == num_connections
    assert limits.soft == hard
    assert "connections_limited" in caplog.text
