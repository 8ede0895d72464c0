"""The tables of the records, alike in SQLite and PostgreSQL.

Activities are stored as their positions in the labels of the experiment. Numbers are double
precision in both, so that both give the same evidence, to the last bit.
"""

import random
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

experiments = Table(
    "experiments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("definition", Text, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("salt", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("verdict", Text),
    Column("why", Text),
)


def _arm(name: str) -> tuple[Column[Any], ...]:
    columns: dict[str, type[TypeEngine[Any]]] = {
        "confidence": Double,
        "inference_s": Double,
        "processor_s": Double,
        "label": SmallInteger,
        "code": Text,
    }
    return tuple(Column(f"{name}_{column}", kind) for column, kind in columns.items())


observations = Table(
    "observations",
    metadata,
    Column("observation_id", Text, primary_key=True),
    Column("experiment_id", Integer, ForeignKey("experiments.id"), nullable=False),
    Column("time_s", Double, nullable=False),
    Column("draw", Double, nullable=False),
    *_arm("control"),
    *_arm("treatment"),
    Column("max_difference", Double),
    Column("mean_difference", Double),
    Column("upload_s", Double, nullable=False),
    Column("queue_s", Double, nullable=False),
    Column("decode_s", Double, nullable=False),
    Column("total_s", Double, nullable=False),
    Column("brightness", Double),
    Column("motion", Double),
    Column("labeled_s", Double),
    Column("true_label", SmallInteger),
    Column("served", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("subject", Text),
)

CELL_COLUMNS = (
    observations.c.true_label,
    observations.c.control_code,
    observations.c.control_label,
    observations.c.treatment_code,
    observations.c.treatment_label,
)
"""What the observations of one cell have in common."""

# Counts of cells are read from the first alone, in its order. There is none of time alone, which
# PostgreSQL would search for the first observation of an experiment, through all older ones.
Index("observations_cells", observations.c.experiment_id, *CELL_COLUMNS)
Index("observations_draw", observations.c.experiment_id, observations.c.draw)
Index("observations_difference", observations.c.experiment_id, observations.c.max_difference)
Index("observations_time", observations.c.experiment_id, observations.c.time_s)
Index("observations_request", observations.c.request_id)

# Apart, so that what is counted and sampled stays narrow. Without a foreign key, for which
# PostgreSQL would lock another row with each that is inserted.
probabilities = Table(
    "probabilities",
    metadata,
    Column("observation_id", Text, primary_key=True),
    Column("control", LargeBinary),
    Column("treatment", LargeBinary),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time_s", Double, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
Index("events_name", events.c.subject, events.c.name, events.c.id)


def draw_number(observation_id: str) -> float:
    """Return a number, 0 <= number < 1, that is random but always the same for one observation.

    The observations with the smallest ones are a random sample.
    """
    return random.Random(observation_id).random()
