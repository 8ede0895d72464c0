"""How much a process of one thread may use, for good and for one job."""

import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MAX_OPEN_FILES = 64
"""A worker has fewer than twenty; one job adds its file and its result."""


def limit_process(*, max_bytes: int) -> None:
    """Bound this process for good.

    Args:
        max_bytes: Address space.
    """
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))


@dataclass(frozen=True, kw_only=True)
class JobBudget:
    """What one job may use.

    Attributes:
        cpu_s: Processor time, > 0; the kernel counts in whole seconds and rounds up. A job that
            takes more ends its process with SIGXCPU, even where it hangs outside of Python.
        max_file_bytes: Largest file that it may write.
    """

    cpu_s: float
    max_file_bytes: int

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Hold this process to the budget for the body of the statement."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        # The kernel counts from the start of the process, not of the job.
        _limit_softly(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + self.cpu_s))
        _limit_softly(resource.RLIMIT_FSIZE, self.max_file_bytes)
        try:
            yield
        finally:
            for kind in (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
                _limit_softly(kind, resource.getrlimit(kind)[1])


def _limit_softly(kind: int, value: int) -> None:
    """Set the limit that holds, and that this process may raise again up to the hard one."""
    hard = resource.getrlimit(kind)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))
