"""The part of the environment that processes which decode have no need of."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SECRET_PREFIXES = ("DRIVER_ACTIVITY_", "PG")
"""Settings, among them URLs with passwords, and what PostgreSQL's client reads."""


@contextmanager
def without_secrets() -> Iterator[None]:
    """Hide them from processes that are started in the body of the statement."""
    names = [name for name in os.environ if name.startswith(SECRET_PREFIXES)]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)
