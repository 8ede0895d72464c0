"""Deletes old observations, a few at a time, so that those who write are not held up."""

import math
import time

from sqlalchemy import ColumnElement, Connection, func, select, true

from app.experiments.store.database import Database
from app.experiments.store.tables import observations, probabilities

DAY_S = 24 * 60 * 60
CHUNK = 500
PAUSE_S = 0.02
"""Time for others between two transactions: SQLite's writers look only now and then."""

VACUUM_PAGES = 1000
"""Most pages that a SQLite file is shortened by at once."""


def delete_old(
    database: Database, *, max_age_days: float | None = None, max_records: int | None = None
) -> int:
    """Delete observations that are too old, then the oldest of those that are too many.

    Args:
        database: Where they are.
        max_age_days: Age up to which they are kept, in days; None for any.
        max_records: Most that are kept, of all experiments together; None for any number.

    Returns:
        How many were deleted.

    Raises:
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    num_deleted = 0
    if max_age_days is not None:
        is_old = observations.c.time_s < time.time() - max_age_days * DAY_S
        num_deleted += _delete_oldest(database, is_old)
    if max_records is not None:
        num_excess = max(0, _count(database) - max_records)
        num_deleted += _delete_oldest(database, true(), max_num=num_excess)
    return num_deleted


def _count(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(observations)) or 0


def _delete_oldest(
    database: Database, condition: ColumnElement[bool], *, max_num: float = math.inf
) -> int:
    num_deleted = 0
    while num := _delete_chunk(database, condition, limit=min(CHUNK, max_num - num_deleted)):
        num_deleted += num
        time.sleep(PAUSE_S)
    return num_deleted


def _delete_chunk(database: Database, condition: ColumnElement[bool], *, limit: float) -> int:
    query = (
        select(observations.c.observation_id)
        .where(condition)
        .order_by(observations.c.time_s)
        .limit(int(limit))
        .with_for_update(skip_locked=True)  # another replica may do the same
    )
    with database.write() as connection:
        ids = connection.scalars(query).all()
        for table in (probabilities, observations):
            connection.execute(table.delete().where(table.c.observation_id.in_(ids)))
        _shorten_file(connection)
    return len(ids)


def _shorten_file(connection: Connection) -> None:
    """Give free pages of a SQLite file back to the file system."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
