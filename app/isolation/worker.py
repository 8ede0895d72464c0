"""Isolating a worker, and saying how far the system let it."""

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from app.isolation.kernel import end_with_pipe, renounce_capabilities
from app.isolation.landlock import enter_domain, landlock_version
from app.isolation.limits import limit_process
from app.isolation.seccomp import filter_system_calls, is_filtered


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """What is in force in a process.

    Attributes:
        seccomp: No sockets, no processes.
        landlock: No way to other processes of the same user.
    """

    seccomp: bool
    landlock: bool


def isolate_process(*, max_bytes: int) -> None:
    """Take from this process what decoding does not need, as far as the system allows.

    It also ends with the process that had it started, even while it hangs.

    Args:
        max_bytes: Address space that it may use.
    """
    if (service := multiprocessing.parent_process()) is not None:
        end_with_pipe(service.sentinel)
    limit_process(max_bytes=max_bytes)
    for take_away in (renounce_capabilities, enter_domain, filter_system_calls):
        with suppress(OSError):  # what is not in force is reported by find_isolation
            take_away()


def find_isolation() -> Isolation:
    """Return what is in force in this process, which `isolate_process` has been called in."""
    return Isolation(seccomp=is_filtered(), landlock=_succeeds(landlock_version))


def _succeeds(call: Callable[[], object]) -> bool:
    try:
        call()
    except OSError:
        return False
    return True
