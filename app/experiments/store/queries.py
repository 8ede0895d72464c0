"""Reads what the observations of an experiment add up to."""

from dataclasses import fields
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from app.experiments.evidence import Cell, Evidence, Sample
from app.experiments.observation import Observation
from app.experiments.store.database import Database
from app.experiments.store.experiments import StoredExperiment, select_experiment
from app.experiments.store.rows import Key, to_observation
from app.experiments.store.tables import (
    CELL_COLUMNS,
    experiments,
    observations,
    probabilities,
)
from app.experiments.store.trail import select_trail

SAMPLE_SIZE = 20_000
SAMPLE_COLUMNS = tuple(observations.c[field.name] for field in fields(Sample))


def read_evidence(database: Database, name: str, *, sample_size: int = SAMPLE_SIZE) -> Evidence:
    """Return everything that is known of an experiment, as it was at one moment.

    Args:
        database: Where it is.
        name: Which one.
        sample_size: Most observations in the sample.

    Raises:
        UnknownExperimentError: If there is none of that name.
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    with database.read() as connection:
        stored = select_experiment(connection, name)
        extremes = _select_extremes(connection, stored)
        return Evidence(
            experiment=stored.experiment,
            state=stored.state,
            labels=stored.labels,
            cells=_select_cells(connection, stored),
            sample=_select_sample(connection, stored, sample_size),
            largest_difference=extremes.largest_difference,
            first_s=extremes.first_s,
            last_s=extremes.last_s,
            events=select_trail(connection, experiment=name, alias=stored.experiment.alias),
        )


def read_cells(database: Database, name: str) -> tuple[Cell, ...]:
    """Return the counts of all observations of an experiment; raises as `read_evidence`."""
    with database.read() as connection:
        return _select_cells(connection, select_experiment(connection, name))


def read_observations(database: Database, request_id: str) -> tuple[Observation, ...]:
    """Return all that was observed of one request, oldest first.

    Raises:
        RecordsUnavailableError: If the database cannot be used at the moment.
    """
    query = (
        select(observations, probabilities.c.control, probabilities.c.treatment)
        .add_columns(experiments.c.name, experiments.c.labels)
        .join(experiments, experiments.c.id == observations.c.experiment_id)
        .join(probabilities, probabilities.c.observation_id == observations.c.observation_id)
        .where(observations.c.request_id == request_id)
        .order_by(observations.c.time_s)
    )
    with database.read() as connection:
        return tuple(_to_observation(row) for row in connection.execute(query))


def _to_observation(row: Row[Any]) -> Observation:
    key = Key.of(name=row.name, experiment_id=row.experiment_id, labels=row.labels)
    return to_observation(row._mapping, key)


def _select_cells(connection: Connection, stored: StoredExperiment) -> tuple[Cell, ...]:
    query = (
        select(*CELL_COLUMNS, func.count().label("num"))
        .where(observations.c.experiment_id == stored.experiment_id)
        .group_by(*CELL_COLUMNS)
    )
    return tuple(_to_cell(row, stored.labels) for row in connection.execute(query))


def _to_cell(row: Row[Any], labels: tuple[str, ...]) -> Cell:
    def label(position: int | None) -> str | None:
        return None if position is None else labels[position]

    return Cell(
        true_label=label(row.true_label),
        control_code=row.control_code,
        control_label=label(row.control_label),
        treatment_code=row.treatment_code,
        treatment_label=label(row.treatment_label),
        num=row.num,
    )


def _select_sample(connection: Connection, stored: StoredExperiment, size: int) -> Sample:
    """Return columns of the observations that drew the smallest numbers."""
    query = (
        select(*SAMPLE_COLUMNS)
        .where(observations.c.experiment_id == stored.experiment_id)
        .order_by(observations.c.draw)
        .limit(size)
    )
    rows = [tuple(row) for row in connection.execute(query)]  # numpy is slow with other sequences
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), len(SAMPLE_COLUMNS)).T
    names = (column.name for column in SAMPLE_COLUMNS)
    return Sample(**dict(zip(names, columns, strict=True)))


def _select_extremes(connection: Connection, stored: StoredExperiment) -> Row[Any]:
    """Return the largest difference and the first and last time, each read from an index."""
    is_of_it = observations.c.experiment_id == stored.experiment_id
    extremes = {
        "largest_difference": func.max(observations.c.max_difference),
        "first_s": func.min(observations.c.time_s),
        "last_s": func.max(observations.c.time_s),
    }
    subqueries = (
        select(extreme).where(is_of_it).scalar_subquery().label(name)
        for name, extreme in extremes.items()
    )
    return connection.execute(select(*subqueries)).one()
