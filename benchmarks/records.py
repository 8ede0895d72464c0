"""Many records of an experiment, made by the database itself."""

from sqlalchemy import text

from app.experiments.definition import Arm, Experiment, Mode
from app.experiments.store.database import Database
from app.experiments.store.tables import observations
from models.labels import DRIVE_AND_ACT_LABELS

LABELS = DRIVE_AND_ACT_LABELS
FLIP_EVERY = 50

INSERT = """
INSERT INTO observations (
    observation_id, experiment_id, time_s, draw, served, request_id, subject,
    control_code, control_label, control_confidence, control_inference_s, control_processor_s,
    treatment_code, treatment_label, treatment_confidence, treatment_inference_s,
    treatment_processor_s, max_difference, mean_difference, upload_s, queue_s, decode_s, total_s,
    brightness, motion
)
WITH RECURSIVE counter (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counter WHERE i + 1 < :num)
SELECT
    'observation-' || i, 1, i, (CAST(i AS BIGINT) * 618033 % 1000003) / 1000003.0,
    'control', 'request-' || i, 'x',
    'ok', i % :num_labels, 0.5, 0.002, 0.004,
    'ok', CASE WHEN i % :flip_every = 0 THEN 0 ELSE i % :num_labels END, 0.5, 0.001,
    0.002, (i % 1000) / 1000.0, 0.01, 0.001, 0, 0.03, i * 1.0 / :num,
    0.4, 0.01
FROM counter
"""


def make_experiment(name: str, *, mode: Mode) -> Experiment:
    """Return an experiment of the shipped models on all requests that name none."""
    return Experiment(
        name=name,
        control=Arm(model="mobilenet3d-lite-fp32@1"),
        treatment=Arm(model="mobilenet3d-lite-int8@1"),
        mode=mode,
    )


def fill(database: Database, *, num: int, num_labels: int = len(LABELS)) -> None:
    """Add observations, a second apart, to the first experiment.

    The time that an answer took grows evenly from 0 to 1 s; one treatment of fifty says the first
    activity, whatever the control says.
    """
    values = {"num": num, "num_labels": num_labels, "flip_every": FLIP_EVERY}
    with database.write() as connection:
        for index in observations.indexes:
            index.drop(connection)
        connection.execute(text(INSERT), values)
        for index in observations.indexes:
            index.create(connection)
