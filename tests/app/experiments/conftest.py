"""One server of PostgreSQL databases for all tests of experiments."""

from collections.abc import Iterator

import pytest

from tests.postgresql import Cluster, run_postgresql


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with run_postgresql() as cluster:
        yield cluster
