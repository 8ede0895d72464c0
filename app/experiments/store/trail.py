"""The audit trail: who changed which experiment or alias, when and why."""

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from app.experiments.evidence import Event
from app.experiments.store.database import Database
from app.experiments.store.tables import events

ALIAS = "alias"
EXPERIMENT = "experiment"


def new_event(subject: str, name: str, *, action: str, detail: str, by: str, reason: str) -> Event:
    """Return an event that happens now."""
    return Event(
        time_s=time.time(),
        subject=subject,
        name=name,
        action=action,
        detail=detail,
        by=by,
        reason=reason,
    )


def append_event(database: Database, event: Event) -> None:
    """Add an event.

    Raises:
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    with database.write() as connection:
        insert_event(connection, event)


def insert_event(connection: Connection, event: Event) -> None:
    """Add an event as a part of a transaction."""
    connection.execute(events.insert(), vars(event))


def read_events(database: Database, *, subject: str, name: str) -> tuple[Event, ...]:
    """Return all events of one experiment or alias, oldest first; raises as `append_event`."""
    with database.read() as connection:
        return select_events(connection, _is_of(subject, name))


def read_latest_moves(database: Database) -> Mapping[str, Event]:
    """Return the latest event of each alias, by its name; raises as `append_event`."""
    newest = select(func.max(events.c.id)).where(events.c.subject == ALIAS).group_by(events.c.name)
    with database.read() as connection:
        found = select_events(connection, events.c.id.in_(newest))
    return {event.name: event for event in found}


def select_trail(connection: Connection, *, experiment: str, alias: str) -> tuple[Event, ...]:
    """Return the events of an experiment and of its alias, oldest first."""
    condition = or_(_is_of(EXPERIMENT, experiment), _is_of(ALIAS, alias))
    return select_events(connection, condition)


def select_events(connection: Connection, condition: ColumnElement[bool]) -> tuple[Event, ...]:
    """Return the events that fulfil a condition, in the order in which they were added."""
    columns = [column for column in events.c if column is not events.c.id]
    rows = connection.execute(select(*columns).where(condition).order_by(events.c.id))
    return tuple(_to_event(row) for row in rows)


def _is_of(subject: str, name: str) -> ColumnElement[bool]:
    return (events.c.subject == subject) & (events.c.name == name)


def _to_event(row: Row[Any]) -> Event:
    return Event(**row._mapping)
