"""Deletes old observations, a few at a time, so that those who write are not held up."""

import math
import time

from sqlalchemy import ColumnElement, Connection, func, select

from app.experiments.store.database import Database
from app.experiments.store.tables import experiments, observations, probabilities

DAY_S = 24 * 60 * 60
CHUNK = 500
PAUSE_S = 0.02
"""Time for others between two transactions: SQLite's writers look only now and then."""

VACUUM_PAGES = 1000
"""Most pages that a SQLite file is shortened by at once."""


def delete_old(
    database: Database, *, max_age_days: float | None = None, max_records: int | None = None
) -> int:
    """Delete observations that are too old, and the oldest of those that are too many.

    Args:
        database: Where they are.
        max_age_days: Age up to which they are kept, in days; None for any.
        max_records: Most that are kept, at least 1, of all experiments together, and those of the
            same instant as the oldest of them; None for any number.

    Returns:
        How many were deleted.

    Raises:
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    with database.read() as connection:
        stop_s = max(_find_age_limit(max_age_days), _find_excess(connection, max_records))
        experiment_ids = connection.scalars(select(experiments.c.id)).all()
    num_deleted = 0
    for experiment_id in experiment_ids:
        is_old = (observations.c.experiment_id == experiment_id) & (observations.c.time_s < stop_s)
        while num := _delete_chunk(database, is_old):
            num_deleted += num
            time.sleep(PAUSE_S)
    return num_deleted


def _find_age_limit(max_age_days: float | None) -> float:
    return -math.inf if max_age_days is None else time.time() - max_age_days * DAY_S


def _find_excess(connection: Connection, max_records: int | None) -> float:
    """Return the time of the oldest observation that may stay."""
    num = connection.scalar(select(func.count()).select_from(observations)) or 0
    if max_records is None or num <= max_records:
        return -math.inf
    newest_first = select(observations.c.time_s).order_by(observations.c.time_s.desc())
    oldest_s = connection.scalar(newest_first.offset(max_records - 1).limit(1))
    return -math.inf if oldest_s is None else oldest_s


def _delete_chunk(database: Database, is_old: ColumnElement[bool]) -> int:
    query = (
        select(observations.c.observation_id)
        .where(is_old)
        .order_by(observations.c.time_s)
        .limit(CHUNK)
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
        num_free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        for _ in range(min(num_free, VACUUM_PAGES)):  # the driver frees only the first page of many
            connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
