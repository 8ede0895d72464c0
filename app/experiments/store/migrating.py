"""Brings the tables of a database to the newest revision; never those of somebody else."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from app.experiments.store.errors import ForeignDatabaseError, NewerDatabaseError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0001"
"""The newest revision, so that alembic is only imported where there is something to do."""

VERSION_TABLE = "records_revision"
SCRIPTS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6472_6976_6572_0000
"""Key of the advisory lock under which PostgreSQL is migrated by one process at a time."""

WAL_ATTEMPTS = 100
WAL_PAUSE_S = 0.05


def migrate(engine: Engine, *, where: str) -> None:
    """Bring the tables to the newest revision, all or nothing, in one process at a time.

    Raises:
        ForeignDatabaseError: If there are tables, but no revision of ours.
        NewerDatabaseError: If the revision is not known.
    """
    with engine.connect().execution_options(is_reading=True) as connection:
        if _read_revision(connection, where=where) == HEAD:
            return
    if engine.dialect.name == "sqlite":
        _configure_file(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            key = {"key": MIGRATION_LOCK}
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)
        found = _read_revision(connection, where=where)
        if found != HEAD:
            _upgrade(connection, found, where=where)


def _read_revision(connection: Connection, *, where: str) -> str | None:
    """Return the revision of the tables, or None if there are no tables at all."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        return str(connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")))
    if tables:
        raise ForeignDatabaseError(where, f"it has a table {min(tables)!r} of something else")
    return None


def _configure_file(engine: Engine) -> None:
    """Set what a SQLite file keeps for good: it must be done before the first table is made."""
    with closing(engine.raw_connection()) as pooled:
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _set_wal(connection)


def _set_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL mode, for which SQLite does not wait by itself while another one does it."""
    for _ in range(WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        time.sleep(WAL_PAUSE_S)
    connection.execute("PRAGMA journal_mode = WAL")


def _upgrade(connection: Connection, found: str | None, *, where: str) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _configure(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise NewerDatabaseError(where, found, HEAD)
    command.upgrade(config, "head")


def _configure(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
