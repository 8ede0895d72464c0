"""The database goes away and comes back, and the disk is full: nothing is lost uncounted."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.errors import RecordsUnavailableError
from app.experiments.store.queries import read_evidence
from tests.app.experiments.making import make_observation
from tests.app.experiments.store.making import TIMEOUT_S, Losses, add_experiment, keep, run_recorder
from tests.app.running import wait_for
from tests.conftest import REPOSITORY_ROOT
from tests.postgresql import Cluster, needs_postgresql

# Records until the disk is full, as far as this process is concerned.
FULL_DISK = """
import resource, sys
from pathlib import Path
from app.experiments.store.database import Database
from app.logs import configure_logging
from tests.app.experiments.making import make_observation
from tests.app.experiments.store.making import Losses, run_recorder
configure_logging("error")
folder = Path(sys.argv[1])
(folder / "file").touch()
no_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, no_limit[1]))
with run_recorder(folder, Database(f"sqlite:///{folder}/file/x"), losses=Losses()) as recorder:
    for _ in range(100):
        recorder.record(make_observation())
    print(recorder.num_lost["disk"], recorder.num_waiting, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, no_limit)
    recorder.close(0)
"""


def count(database: Database) -> int:
    return read_evidence(database, "trial").num_observations


@needs_postgresql
def test_records_wait_while_the_server_is_stopped(cluster: Cluster, tmp_path: Path) -> None:
    losses = Losses()
    with closing(Database(cluster.create_database())) as database:
        add_experiment(database)
        with run_recorder(tmp_path, database, losses=losses) as recorder:
            recorder.record(make_observation())
            recorder.flush(TIMEOUT_S)

            cluster.stop()
            try:
                recorder.record(make_observation())
                wait_for(lambda: not recorder.is_available)
                with pytest.raises(RecordsUnavailableError, match="are not available"):
                    count(database)
                assert not recorder.flush(0.2)
                assert recorder.num_waiting == 1
            finally:
                cluster.start()

            assert recorder.flush(TIMEOUT_S)
            assert recorder.is_available
        assert count(database) == 2
    assert losses == []


@needs_postgresql
def test_recorder_starts_while_the_server_is_stopped(cluster: Cluster, tmp_path: Path) -> None:
    with closing(Database(cluster.create_database())) as database:
        add_experiment(database)
        database.close()
        cluster.stop()
        try:
            with run_recorder(tmp_path, database) as recorder:
                recorder.record(make_observation())
                assert not recorder.close(0.2)
        finally:
            cluster.start()
        keep(tmp_path, database, [])

        assert count(database) == 1


def test_records_wait_until_the_folder_of_the_sqlite_file_is_there(tmp_path: Path) -> None:
    place, journals = tmp_path / "place", tmp_path / "journals"
    with closing(Database(sqlite_url(place))) as database:
        with run_recorder(journals, database) as recorder:
            recorder.record(make_observation())
            assert not recorder.flush(0.2)
            place.mkdir()
            add_experiment(database)

            assert recorder.flush(TIMEOUT_S)

        assert count(database) == 1


def test_records_wait_while_garbage_is_in_the_place_of_the_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with closing(Database(sqlite_url(tmp_path))) as database:
        add_experiment(database)
        with run_recorder(tmp_path / "journals", database) as recorder:
            recorder.record(make_observation())
            recorder.flush(TIMEOUT_S)
            path.rename(tmp_path / "kept")
            (tmp_path / "records.sqlite-wal").rename(tmp_path / "kept-wal")
            path.write_bytes(b"garbage" * 10_000)

            recorder.record(make_observation())
            wait_for(lambda: not recorder.is_available)
            (tmp_path / "kept").rename(path)
            (tmp_path / "kept-wal").rename(tmp_path / "records.sqlite-wal")

            assert recorder.flush(TIMEOUT_S)
        assert count(database) == 2


def test_record_that_the_full_journal_does_not_hold_is_a_counted_loss(tmp_path: Path) -> None:
    losses = Losses()
    with (
        closing(Database(sqlite_url(tmp_path / "nowhere"))) as database,
        run_recorder(tmp_path, database, losses=losses, max_journal_bytes=10_000) as recorder,
    ):
        for _ in range(100):
            recorder.record(make_observation())

        assert recorder.waiting_bytes <= 10_000
        assert recorder.num_lost == {"journal_full": 100 - recorder.num_waiting}
        assert len(losses) == 100 - recorder.num_waiting
        recorder.close(0)


def test_full_disk_is_a_counted_loss_and_what_was_written_before_is_kept(tmp_path: Path) -> None:
    command = (sys.executable, "-c", FULL_DISK, str(tmp_path))
    child = subprocess.run(command, cwd=REPOSITORY_ROOT, capture_output=True, timeout=60)
    num_lost, num_waiting = map(int, child.stdout.split())

    with closing(Database(sqlite_url(tmp_path))) as database:
        add_experiment(database)
        keep(tmp_path, database, [])

        assert count(database) == num_waiting
    assert num_waiting > 10
    assert num_lost + num_waiting == 100
