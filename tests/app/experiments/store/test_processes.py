"""Processes that are killed, and processes that write to one database at once."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from app.experiments.store.database import Database
from app.experiments.store.queries import read_evidence
from app.experiments.store.tables import observations, probabilities
from tests.app.experiments.store.making import add_experiment, keep
from tests.conftest import REPOSITORY_ROOT

NUM = 1000


def start_recording(folder: Path, url: str) -> subprocess.Popen[str]:
    module = "tests.app.experiments.store.recording"
    command = (sys.executable, "-m", module, str(folder), url, str(NUM))
    return subprocess.Popen(command, cwd=REPOSITORY_ROOT, stdout=subprocess.PIPE, text=True)


def read_ids(database: Database) -> list[str]:
    """Return the ids of all observations, of which the probabilities are there too."""
    both = observations.join(
        probabilities, probabilities.c.observation_id == observations.c.observation_id
    )
    with database.read() as connection:
        query = select(observations.c.observation_id).select_from(both)
        return list(connection.scalars(query))


def kill_after(process: subprocess.Popen[str], *, num: int) -> list[str]:
    """Kill a recording process, and return the ids that it said are safe."""
    assert process.stdout is not None
    safe = [process.stdout.readline().strip() for _ in range(num)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.readlines()
    process.wait()
    process.stdout.close()
    return [*safe, *(line.strip() for line in rest if line.endswith("\n"))]


@pytest.mark.parametrize("num", [1, 250, 700])
def test_every_acknowledged_record_of_a_killed_process_is_there_once(
    database: Database, url: str, tmp_path: Path, num: int
) -> None:
    add_experiment(database)
    safe = kill_after(start_recording(tmp_path, url), num=num)
    keep(tmp_path, database, [])

    found = read_ids(database)

    assert num <= len(safe) < NUM
    assert set(safe) <= set(found)
    assert len(set(found)) == len(found) <= len(safe) + 1
    assert list(tmp_path.glob("journal-*")) == []


def test_sqlite_file_of_a_killed_process_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with closing(Database(f"sqlite:///{path}")) as database:
        add_experiment(database)
    kill_after(start_recording(tmp_path, f"sqlite:///{path}"), num=300)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_two_processes_write_to_one_database_at_once(
    database: Database, url: str, tmp_path: Path
) -> None:
    add_experiment(database)
    processes = [start_recording(tmp_path, url) for _ in range(2)]
    safe = [line for process in processes for line in process.communicate(timeout=60)[0].split()]

    found = read_ids(database)
    evidence = read_evidence(database, "trial")

    assert sorted(found) == sorted(safe)
    assert len(found) == evidence.num_observations == len(evidence.sample.total_s) == 2 * NUM
    assert list(tmp_path.glob("journal-*")) == []
