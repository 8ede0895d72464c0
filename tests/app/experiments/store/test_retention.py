import threading
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import func, select

from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.queries import read_evidence
from app.experiments.store.retention import DAY_S, delete_old
from app.experiments.store.tables import observations, probabilities
from tests.app.experiments.making import make_observation
from tests.app.experiments.store.filling import fill_small
from tests.app.experiments.store.making import TIMEOUT_S, add_experiment, keep, run_recorder


def read_times(database: Database) -> list[float]:
    with database.read() as connection:
        query = select(observations.c.time_s).order_by(observations.c.time_s)
        return list(connection.scalars(query))


def count_probabilities(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(probabilities)) or 0


def test_observations_that_are_too_old_are_deleted(database: Database, tmp_path: Path) -> None:
    add_experiment(database)
    now_s = time.time()
    ages = (0, 1, 9, 11, 400)
    times = [now_s - age_days * DAY_S for age_days in ages]
    keep(tmp_path, database, [make_observation(time_s=time_s) for time_s in times])

    assert delete_old(database, max_age_days=10) == 2

    assert read_times(database) == sorted(times)[2:]
    assert count_probabilities(database) == 3


def test_oldest_of_all_experiments_are_deleted_when_there_are_too_many(
    database: Database, tmp_path: Path
) -> None:
    add_experiment(database)
    add_experiment(database, "other", alias="edge")
    names = ("trial", "other", "other", "trial", "other")
    keep(
        tmp_path,
        database,
        [
            make_observation(experiment=name, time_s=float(index))
            for index, name in enumerate(names)
        ],
    )

    assert delete_old(database, max_records=2) == 3

    assert read_times(database) == [3, 4]
    assert count_probabilities(database) == 2


def test_nothing_is_deleted_within_the_limits(database: Database, tmp_path: Path) -> None:
    add_experiment(database)
    keep(tmp_path, database, [make_observation() for _ in range(3)])

    assert delete_old(database, max_age_days=1, max_records=3) == 0
    assert delete_old(database) == 0

    assert len(read_times(database)) == 3


def test_more_than_one_transaction_holds_are_deleted(database: Database) -> None:
    add_experiment(database)
    fill_small(database, num=3000)

    assert delete_old(database, max_records=100) == 2900

    assert read_times(database) == list(range(2900, 3000))


def test_records_are_written_while_old_ones_are_deleted(database: Database, tmp_path: Path) -> None:
    add_experiment(database)
    fill_small(database, num=5000)
    deleting = threading.Thread(target=delete_old, args=(database,), kwargs={"max_age_days": 1})

    with run_recorder(tmp_path, database) as recorder:
        deleting.start()
        while deleting.is_alive():
            recorder.record(make_observation())
            assert recorder.flush(TIMEOUT_S)
        deleting.join()

    assert read_evidence(database, "trial").num_observations == recorder.num_written > 0


def test_space_in_a_sqlite_file_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with closing(Database(sqlite_url(tmp_path))) as database:
        add_experiment(database)
        fill_small(database, num=20_000)
    full_bytes = path.stat().st_size
    with closing(Database(sqlite_url(tmp_path))) as database:
        delete_old(database, max_records=1000)

    assert path.stat().st_size < full_bytes / 5
