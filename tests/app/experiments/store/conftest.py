"""Fixtures of the records' tests: databases of both kinds, and what is kept in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.experiments.store.database import Database, sqlite_url
from tests.app.experiments.store.making import Losses
from tests.postgresql import Cluster, needs_postgresql


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is new."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.create_database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def losses() -> Losses:
    return Losses()
