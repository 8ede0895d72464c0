"""Fills a database with many observations, and says how they are found."""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text

from app.experiments.store.database import Database
from app.experiments.store.queries import read_evidence
from benchmarks.records import fill
from tests.app.experiments.making import LABELS

EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}


def fill_small(database: Database, *, num: int) -> None:
    """Add observations to the first experiment, of the tests' labels."""
    fill(database, num=num, num_labels=len(LABELS))


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
