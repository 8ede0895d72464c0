"""Puts lines of a journal into the database, each once, however often it is tried."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError

from app.experiments.observation import Observation
from app.experiments.store.database import Database
from app.experiments.store.lines import decode_line
from app.experiments.store.rows import Key, Row, to_probabilities, to_row
from app.experiments.store.tables import experiments, observations, probabilities

LossReason = Literal["journal_full", "disk", "invalid", "unknown_experiment", "closed"]
Losses = Counter[LossReason]


def insert_lines(database: Database, lines: Sequence[bytes]) -> Losses:
    """Insert the observations of lines in one transaction; what is there already stays as it is.

    Returns:
        How many lines cannot be stored, ever, and why.

    Raises:
        RecordsUnavailableError: If the database cannot be used at the moment; all is as before.
        ForeignDatabaseError: If it holds something else.
    """
    decoded = [_decode(line) for line in lines]
    found = [observation for observation in decoded if observation is not None]
    return Losses({"invalid": len(decoded) - len(found)}) + _insert(database, found)


def _decode(line: bytes) -> Observation | None:
    try:
        return decode_line(line)
    except ValueError:
        return None


def _insert(database: Database, found: Sequence[Observation]) -> Losses:
    try:
        with database.write() as connection:
            return _insert_all(connection, found)
    except (DataError, IntegrityError, UnicodeEncodeError):  # of one of them, at least
        if len(found) == 1:
            return Losses({"invalid": 1})
    return sum((_insert(database, [observation]) for observation in found), Losses())


def _insert_all(connection: Connection, found: Sequence[Observation]) -> Losses:
    keys = read_keys(connection, {observation.experiment for observation in found})
    losses = Losses()
    rows: list[Row] = []
    probability_rows: list[Row] = []
    for observation in found:
        if (key := keys.get(observation.experiment)) is None:
            losses["unknown_experiment"] += 1
            continue
        try:
            rows.append(to_row(observation, key))
        except KeyError:
            losses["invalid"] += 1
            continue
        probability_rows.append(to_probabilities(observation))
    _insert_rows(connection, observations, rows)
    _insert_rows(connection, probabilities, probability_rows)
    return losses


def read_keys(connection: Connection, names: Iterable[str]) -> Mapping[str, Key]:
    """Return what rows of these experiments refer to; of those that exist."""
    columns = (experiments.c.id, experiments.c.name, experiments.c.labels)
    rows = connection.execute(select(*columns).where(experiments.c.name.in_(names)))
    return {
        row.name: Key.of(name=row.name, experiment_id=row.id, labels=row.labels) for row in rows
    }


def _insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(_insert_once(table, connection.dialect.name), rows)


def _insert_once(table: Table, dialect: str) -> Any:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()
