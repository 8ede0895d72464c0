"""The database of the records: connections, transactions, and errors in the project's own words."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from app.experiments.store.errors import (
    ForeignDatabaseError,
    InvalidRecordsUrlError,
    MissingDriverError,
    RecordsUnavailableError,
)
from app.experiments.store.migrating import migrate

TIMEOUT_S = 5
"""Longest wait for a connection, and for other writers of a SQLite file."""

SQLITE_PRAGMAS = ("synchronous = NORMAL", "foreign_keys = ON", "cache_size = -16000")
DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg"}

POSTGRESQL_LIMITS = {
    "connect_timeout": TIMEOUT_S,
    "keepalives_idle": TIMEOUT_S,
    "tcp_user_timeout": 2 * TIMEOUT_S * 1000,
}
"""When a server that does not answer counts as gone: seconds, but milliseconds for the last one.

Source: PostgreSQL documentation, libpq, parameter key words.
"""


def sqlite_url(records_dir: Path) -> str:
    """Return the URL of the SQLite file that is used unless a URL is set."""
    return URL.create("sqlite", database=str(records_dir / "records.sqlite")).render_as_string()


def check_url(url: str) -> None:
    """Check that a database can be used, without connecting.

    Raises:
        InvalidRecordsUrlError: If the URL is of none that is supported.
        MissingDriverError: If what speaks to it is not installed.
    """
    try:
        _parse(url).get_dialect().import_dbapi()
    except ModuleNotFoundError as exc:
        raise MissingDriverError(exc.name) from exc


class Database:
    """Gives transactions on the records, and brings their tables up to date before the first.

    Thread safe. A SQLite file is in WAL mode and not synchronized at every commit: what was
    committed survives the end of the process, but the last of it perhaps not a loss of power.

    Attributes:
        where: The database as it may be shown, without user and password.
    """

    def __init__(self, url: str) -> None:
        """Check the URL, without connecting.

        Args:
            url: `sqlite:///<file>` or `postgresql+psycopg://<user>:<password>@<host>/<database>`.

        Raises:
            InvalidRecordsUrlError: If it is neither.
        """
        parsed = _parse(url)
        self._engine = _create_engine(parsed)
        self._preparing = threading.Lock()
        self._is_prepared = False
        self.where = URL.create(
            parsed.drivername, host=parsed.host, port=parsed.port, database=parsed.database
        ).render_as_string()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def prepare(self) -> None:
        """Make or update the tables, unless that is done.

        Raises:
            RecordsUnavailableError: If the database cannot be used at the moment.
            ForeignDatabaseError: If it holds something else.
            NewerDatabaseError: If a later release made it.
        """
        if self._is_prepared:
            return
        with self._translate(), self._take_turn():
            if not self._is_prepared:
                migrate(self._engine, where=self.where)
                self._is_prepared = True

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the records; raises as `prepare` does."""
        self.prepare()
        options = _reading(self.dialect)
        with (
            self._translate(),
            self._engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that is committed at the end; raises as `prepare` does.

        Raises:
            DataError: If a value is not accepted.
            IntegrityError: If a row contradicts another.
        """
        self.prepare()
        with self._translate(), self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._engine.dispose()

    @contextmanager
    def _take_turn(self) -> Iterator[None]:
        """Let one thread at a time connect first; while nobody answers, none waits for many."""
        if not self._preparing.acquire(timeout=TIMEOUT_S):
            raise RecordsUnavailableError(self.where, "somebody else waits for an answer already")
        try:
            yield
        finally:
            self._preparing.release()

    @contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except (DataError, IntegrityError):
            raise
        except (DBAPIError, PoolTimeoutError) as exc:
            self._is_prepared = False
            raise _describe(exc, where=self.where) from exc


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        is_known = DRIVERS.get(parsed.get_backend_name()) == parsed.get_driver_name()
    except ArgumentError:
        is_known = False
    if not is_known or not parsed.database:
        raise InvalidRecordsUrlError
    return parsed


def _create_engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": TIMEOUT_S})
        _configure_sqlite(engine)
        return engine
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,  # the server may have been started anew
        pool_timeout=TIMEOUT_S,
        connect_args={key: POSTGRESQL_LIMITS[key] for key in POSTGRESQL_LIMITS.keys() - url.query},
    )


def _configure_sqlite(engine: Engine) -> None:
    """Begin transactions explicitly, and follow the file if another one takes its place."""

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        entry.info["file"] = _identify(engine.url)

    @event.listens_for(engine, "checkout")
    def check(_: sqlite3.Connection, entry: ConnectionPoolEntry, __: object) -> None:
        if entry.info["file"] != _identify(engine.url):
            raise DisconnectionError

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        is_reading = connection.get_execution_options().get("is_reading", False)
        connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def _identify(url: URL) -> tuple[int, int] | None:
    """Return what distinguishes the file from any other, or None if there is none."""
    try:
        status = Path(url.database or "").stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _reading(dialect: str) -> Mapping[str, Any]:
    if dialect == "sqlite":
        return {"is_reading": True}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def _describe(error: Exception, *, where: str) -> RecordsUnavailableError | ForeignDatabaseError:
    """Return an error without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    reason = (str(cause).splitlines() or [type(cause).__name__])[0]
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return ForeignDatabaseError(where, reason)
    return RecordsUnavailableError(where, reason)
