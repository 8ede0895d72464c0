"""Stores what drivers really did, days later: all of what is sent at once, or none of it."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from app.experiments.store.database import Database
from app.experiments.store.errors import InvalidFeedbackError
from app.experiments.store.rows import Key, Row
from app.experiments.store.tables import experiments, observations

CHUNK = 1000
"""Requests that are looked up with one query."""

MAX_FAULTS = 10
"""Faults that are named; of the others only the number is told."""


@dataclass(frozen=True)
class _Found:
    """An observation of a request that feedback came for."""

    observation_id: str
    key: Key


def store_feedback(database: Database, rows: Sequence[tuple[str, str]]) -> int:
    """Store true activities of requests; the latest of a request counts.

    What this process observed just now is found if the recorder was flushed before.

    Args:
        database: Where the observations are.
        rows: Request ids and activities.

    Returns:
        How many observations have a true activity now that was sent; several belong to a request
        that took part in several experiments.

    Raises:
        InvalidFeedbackError: If a request is not known, or its experiment does not have the
            activity; then nothing is stored.
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    truths = dict(rows)
    with database.write() as connection:
        found = _find(connection, list(truths))
        faults = [fault for row in rows if (fault := _find_fault(row, found))]
        if faults:
            raise InvalidFeedbackError(tuple(faults[:MAX_FAULTS]), len(faults))
        updates = _list_updates(truths, found)
        if updates:
            connection.execute(_UPDATE, updates)
    return len(updates)


_UPDATE = (
    observations.update()
    .where(observations.c.observation_id == bindparam("key"))
    .values(true_label=bindparam("position"), labeled_s=bindparam("now_s"))
)


def _find(connection: Connection, request_ids: list[str]) -> Mapping[str, list[_Found]]:
    """Return the observations of requests, by request id."""
    keys = {
        row.id: Key.of(name=row.name, experiment_id=row.id, labels=row.labels)
        for row in connection.execute(select(experiments))
    }
    columns = (observations.c.request_id, observations.c.observation_id)
    query = select(*columns, observations.c.experiment_id)
    found: dict[str, list[_Found]] = defaultdict(list)
    for start in range(0, len(request_ids), CHUNK):
        is_sent = observations.c.request_id.in_(request_ids[start : start + CHUNK])
        for row in connection.execute(query.where(is_sent)):
            found[row.request_id].append(_Found(row.observation_id, keys[row.experiment_id]))
    return found


def _find_fault(row: tuple[str, str], found: Mapping[str, list[_Found]]) -> str | None:
    request_id, label = row
    if request_id not in found:
        return f"request {request_id!r} is not known"
    for observation in found[request_id]:
        if label not in observation.key.positions:
            return f"activity {label!r} is unknown to experiment {observation.key.name!r}"
    return None


def _list_updates(truths: Mapping[str, str], found: Mapping[str, list[_Found]]) -> Sequence[Row]:
    """Return what is to be changed, in an order in which two at once cannot block each other."""
    now_s = time.time()
    updates = [
        {
            "key": observation.observation_id,
            "position": observation.key.positions[label],
            "now_s": now_s,
        }
        for request_id, label in truths.items()
        for observation in found[request_id]
    ]
    return sorted(updates, key=lambda update: str(update["key"]))
