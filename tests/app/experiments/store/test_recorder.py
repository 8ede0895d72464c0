import os
from pathlib import Path

import pytest

from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.errors import RecordsUnavailableError
from app.experiments.store.lines import encode_line
from app.experiments.store.queries import read_evidence, read_observations
from app.experiments.store.recorder import Recorder
from tests.app.experiments.making import make_observation, make_outcome
from tests.app.experiments.store.making import TIMEOUT_S, Losses, add_experiment, keep, run_recorder
from tests.app.experiments.store.test_lines import assert_same


def test_observation_is_the_same_after_it_was_in_the_database(
    database: Database, tmp_path: Path
) -> None:
    add_experiment(database)
    failed = make_outcome(code="timeout", label=None, probs_K=None, inference_s=None)
    both = make_observation(time_s=1_800_000_000.123456)
    one = make_observation(time_s=1_800_000_001.0, control=failed, treatment=None, subject=None)

    keep(tmp_path, database, [both, one])

    found = read_observations(database, "request-1")
    assert len(found) == 2
    assert_same(found[0], both)
    assert_same(found[1], one)


def test_all_that_was_recorded_is_in_the_database_after_a_flush(
    database: Database, tmp_path: Path
) -> None:
    add_experiment(database)
    with run_recorder(tmp_path, database) as recorder:
        for _ in range(1200):
            recorder.record(make_observation())

        assert recorder.flush(TIMEOUT_S)

        assert read_evidence(database, "trial").num_observations == 1200
        assert (recorder.num_waiting, recorder.waiting_bytes) == (0, 0)
        assert recorder.num_written == 1200
        assert recorder.is_available


def test_observation_that_is_recorded_twice_is_kept_once(
    database: Database, tmp_path: Path, losses: Losses
) -> None:
    add_experiment(database)
    observation = make_observation()

    with run_recorder(tmp_path, database, losses=losses) as recorder:
        recorder.record(observation)
        recorder.flush(TIMEOUT_S)
        recorder.record(observation)

    assert len(read_observations(database, "request-1")) == 1
    assert losses == []


def test_observation_of_an_unknown_experiment_is_a_counted_loss(
    database: Database, tmp_path: Path, losses: Losses
) -> None:
    add_experiment(database)

    with run_recorder(tmp_path, database, losses=losses) as recorder:
        recorder.record(make_observation(experiment="nowhere"))
        recorder.record(make_observation())

    assert losses == [("unknown_experiment", 1)]
    assert recorder.num_lost == {"unknown_experiment": 1}
    assert len(read_observations(database, "request-1")) == 1


def test_experiment_is_known_as_soon_as_another_replica_has_made_it(
    database: Database, tmp_path: Path, losses: Losses
) -> None:
    with run_recorder(tmp_path, database, losses=losses) as recorder:
        recorder.record(make_observation())
        recorder.flush(TIMEOUT_S)
        add_experiment(database)
        recorder.record(make_observation())

    assert losses == [("unknown_experiment", 1)]
    assert len(read_observations(database, "request-1")) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"garbage\n",
        encode_line(make_observation(control=make_outcome("juggling"))),
        encode_line(make_observation(subject="\ud800")),
    ],
)
def test_bad_line_of_a_journal_does_not_block_the_others(
    database: Database, tmp_path: Path, losses: Losses, line: bytes
) -> None:
    add_experiment(database)
    good = [encode_line(make_observation()) for _ in range(2)]
    (tmp_path / "journal-0.jsonl").write_bytes(good[0] + line + good[1])

    keep_losses = run_recorder(tmp_path, database, losses=losses)
    with keep_losses as recorder:
        assert recorder.flush(TIMEOUT_S)

    assert losses == [("invalid", 1)]
    assert len(read_observations(database, "request-1")) == 2


def test_value_that_only_one_database_accepts_does_not_block_the_others(
    database: Database, tmp_path: Path, losses: Losses
) -> None:
    add_experiment(database)

    with run_recorder(tmp_path, database, losses=losses) as recorder:
        recorder.record(make_observation(subject="zero\0byte"))
        recorder.record(make_observation(subject="fine"))

    subjects = {found.subject for found in read_observations(database, "request-1")}
    assert "fine" in subjects
    assert len(subjects) + len(losses) == 2


def test_value_that_cannot_be_written_is_a_counted_loss(
    database: Database, tmp_path: Path, losses: Losses
) -> None:
    with run_recorder(tmp_path, database, losses=losses) as recorder:
        recorder.record(make_observation(subject=b"raw"))

    assert losses == [("invalid", 1)]


def test_observation_before_the_start_and_after_the_end_is_a_counted_loss(
    database: Database, tmp_path: Path, losses: Losses
) -> None:
    recorder = Recorder(tmp_path, database, max_journal_bytes=2**20, on_lost=losses.add)

    recorder.record(make_observation())
    recorder.start()
    assert recorder.close(TIMEOUT_S)
    recorder.record(make_observation())

    assert losses == [("closed", 1), ("closed", 1)]


def test_recorder_that_was_never_started_has_nothing_to_do(
    database: Database, tmp_path: Path, losses: Losses
) -> None:
    recorder = Recorder(tmp_path, database, max_journal_bytes=2**20, on_lost=losses.add)

    assert recorder.flush(0)
    assert recorder.close(0)
    assert (recorder.num_waiting, recorder.waiting_bytes, recorder.num_written) == (0, 0, 0)
    assert not recorder.is_available


def test_folder_of_journals_is_made_at_the_start(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))

    with run_recorder(tmp_path / "a" / "b", database):
        assert len(os.listdir(tmp_path / "a" / "b")) == 1

    database.close()


def test_folder_that_cannot_be_made_is_an_error_at_the_start(
    tmp_path: Path, losses: Losses
) -> None:
    (tmp_path / "file").touch()
    database = Database(sqlite_url(tmp_path))
    recorder = Recorder(
        tmp_path / "file" / "x", database, max_journal_bytes=2**20, on_lost=losses.add
    )

    with pytest.raises(RecordsUnavailableError, match="file/x are not available: Not a directory"):
        recorder.start()

    recorder.record(make_observation())
    assert losses == [("closed", 1)]
