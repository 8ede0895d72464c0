"""Fills a database with many observations, fast, and says how they are found."""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text

from app.experiments.store.database import Database
from app.experiments.store.queries import read_evidence
from app.experiments.store.tables import observations
from tests.app.experiments.making import LABELS

FILL = """
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
    'ok', CASE WHEN i % 10 = 0 THEN 0 ELSE i % :num_labels END, 0.5, 0.001,
    0.002, (i % 1000) / 1000.0, 0.01, 0.001, 0, 0.03, i * 1.0 / :num,
    0.4, 0.01
FROM counter
"""
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}


def fill(database: Database, *, num: int) -> None:
    """Add observations, a second apart, to the first experiment.

    The time that an answer took grows evenly from 0 to 1 s; every tenth treatment says the first
    activity.
    """
    with database.write() as connection:
        for index in observations.indexes:
            index.drop(connection)
        connection.execute(text(FILL), {"num": num, "num_labels": len(LABELS)})
        for index in observations.indexes:
            index.create(connection)


def explain_evidence(database: Database) -> str:
    """Return how the database finds what `read_evidence` asks of the observations."""
    asked: list[tuple[str, Any]] = []

    def note(_: Connection, __: object, statement: str, parameters: Any, *___: object) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    read_evidence(database, "trial")
    event.remove(Engine, "before_cursor_execute", note)
    with database.read() as connection:
        return "\n".join(
            str(row)
            for statement, parameters in asked
            if "observations" in statement
            for row in connection.exec_driver_sql(
                f"{EXPLAIN[database.dialect]} {statement}", parameters
            )
        )


def vacuum(url: str) -> None:
    """Do at once what a PostgreSQL server does now and then."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM ANALYZE observations"))
    engine.dispose()
