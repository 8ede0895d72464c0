"""Makes experiments, and changes them until they end; every change with a line of the trail."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, select, text

from app.experiments.definition import Experiment, State
from app.experiments.evidence import Event
from app.experiments.store.database import Database
from app.experiments.store.errors import (
    ExperimentEndedError,
    ExperimentExistsError,
    OverlappingExperimentsError,
    UnknownExperimentError,
)
from app.experiments.store.tables import experiments
from app.experiments.store.trail import EXPERIMENT, insert_event, new_event

SALT_BYTES = 16
CREATION_LOCK = 0x6472_6976_6572_0001
"""Key of the advisory lock under which PostgreSQL makes experiments, one after the other."""

ACTIONS: dict[State, str] = {"running": "resumed", "paused": "paused", "ended": "ended"}


@dataclass(frozen=True, kw_only=True)
class StoredExperiment:
    """An experiment and how far it has come.

    Attributes:
        experiment_id: Its number in the database.
        experiment: Its definition.
        labels: The activities of both arms, in the order of the models' cards.
        salt: Random; what subjects are hashed with, in hexadecimal digits.
        state: Whether it runs.
        created_s: When it was made, in seconds since 1970.
        verdict: What it ended with; None before, and where there was none.
        why: Why it ended; None before.
    """

    experiment_id: int
    experiment: Experiment
    labels: tuple[str, ...]
    salt: str
    state: State
    created_s: float
    verdict: str | None
    why: str | None


def create_experiment(
    database: Database, experiment: Experiment, *, labels: Sequence[str], by: str, reason: str
) -> StoredExperiment:
    """Make an experiment, which runs from now on.

    Args:
        database: Where to.
        experiment: Its definition.
        labels: The activities of both arms, in the order of the models' cards.
        by: Who wants it, such as `api` or `file`.
        reason: Why, for people.

    Raises:
        ExperimentExistsError: If the name is taken.
        OverlappingExperimentsError: If another one, that has not ended, has the same alias.
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    row = {
        "name": experiment.name,
        "definition": experiment.model_dump_json(),
        "labels": list(labels),
        "salt": secrets.token_hex(SALT_BYTES),
        "state": "running",
        "created_s": time.time(),
    }
    detail = f"{experiment.treatment.model} against {experiment.control.model}"
    event = new_event(
        EXPERIMENT, experiment.name, action="created", detail=detail, by=by, reason=reason
    )
    with database.write() as connection:
        _serialize(connection)
        _check_free(connection, experiment)
        connection.execute(experiments.insert(), row)
        insert_event(connection, event)
        return select_experiment(connection, experiment.name)


def read_experiment(database: Database, name: str) -> StoredExperiment:
    """Return one experiment.

    Raises:
        UnknownExperimentError: If there is none of that name.
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    with database.read() as connection:
        return select_experiment(connection, name)


def list_experiments(database: Database) -> tuple[StoredExperiment, ...]:
    """Return all experiments, oldest first.

    Raises:
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    with database.read() as connection:
        return _select_all(connection)


def change_state(
    database: Database,
    name: str,
    *,
    state: State,
    by: str,
    reason: str,
    verdict: str | None = None,
) -> bool:
    """Pause, resume or end an experiment.

    Args:
        database: Where it is.
        name: Which one.
        state: What it is to be.
        by: Who wants it.
        reason: Why, for people.
        verdict: What it ends with, if it ends with one.

    Returns:
        False if it was so before: then nothing is changed, so that of several that end an
        experiment at once one knows that it was the one.

    Raises:
        UnknownExperimentError: If there is none of that name.
        ExperimentEndedError: If it has ended, and is to run or pause.
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    values = {"state": state, **({"verdict": verdict, "why": reason} if state == "ended" else {})}
    event = new_event(
        EXPERIMENT, name, action=ACTIONS[state], detail=verdict or "", by=by, reason=reason
    )
    with database.write() as connection:
        stored = select_experiment(connection, name, is_locked=True)
        if stored.state == state:
            return False
        _check_alive(stored)
        _update(connection, stored, values, event)
        return True


def change_share(database: Database, name: str, *, share: float, by: str, reason: str) -> None:
    """Change the share of requests of an experiment, 0-1.

    Raises:
        UnknownExperimentError: If there is none of that name.
        ExperimentEndedError: If it has ended.
        ValueError: If the share is not a ratio.
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    event = new_event(EXPERIMENT, name, action="share", detail=f"{share:g}", by=by, reason=reason)
    with database.write() as connection:
        stored = select_experiment(connection, name, is_locked=True)
        _check_alive(stored)
        changed = Experiment.model_validate({**stored.experiment.model_dump(), "share": share})
        _update(connection, stored, {"definition": changed.model_dump_json()}, event)


def select_experiment(
    connection: Connection, name: str, *, is_locked: bool = False
) -> StoredExperiment:
    """Return one experiment as a part of a transaction.

    Args:
        connection: The transaction.
        name: Which one.
        is_locked: Whether others wait, before they change it, until the transaction has ended.

    Raises:
        UnknownExperimentError: If there is none of that name.
    """
    query = select(experiments).where(experiments.c.name == name)
    row = connection.execute(query.with_for_update() if is_locked else query).one_or_none()
    if row is None:
        known = connection.scalars(select(experiments.c.name).order_by(experiments.c.id))
        raise UnknownExperimentError(name, tuple(known))
    return _to_stored(row)


def _serialize(connection: Connection) -> None:
    """Let others make experiments only after this transaction; SQLite does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CREATION_LOCK})


def _check_free(connection: Connection, experiment: Experiment) -> None:
    for stored in _select_all(connection):
        other = stored.experiment
        if other.name == experiment.name:
            raise ExperimentExistsError(other.name)
        if other.alias == experiment.alias and stored.state != "ended":
            raise OverlappingExperimentsError(experiment.name, other.name, other.alias)


def _check_alive(stored: StoredExperiment) -> None:
    if stored.state == "ended":
        raise ExperimentEndedError(stored.experiment.name)


def _select_all(connection: Connection) -> tuple[StoredExperiment, ...]:
    rows = connection.execute(select(experiments).order_by(experiments.c.id))
    return tuple(_to_stored(row) for row in rows)


def _update(
    connection: Connection, stored: StoredExperiment, values: dict[str, Any], event: Event
) -> None:
    is_it = experiments.c.id == stored.experiment_id
    connection.execute(experiments.update().where(is_it).values(values))
    insert_event(connection, event)


def _to_stored(row: Row[Any]) -> StoredExperiment:
    return StoredExperiment(
        experiment_id=row.id,
        experiment=Experiment.model_validate_json(row.definition),
        labels=tuple(row.labels),
        salt=row.salt,
        state=cast(State, row.state),
        created_s=row.created_s,
        verdict=row.verdict,
        why=row.why,
    )
