from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from app.experiments.evidence import Cell
from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.errors import UnknownExperimentError
from app.experiments.store.experiments import change_state
from app.experiments.store.feedback import store_feedback
from app.experiments.store.queries import read_cells, read_evidence, read_observations
from app.experiments.store.trail import append_event
from tests.app.experiments.making import LABELS, make_experiment, make_observation, make_outcome
from tests.app.experiments.store.filling import explain_evidence, fill_small, vacuum
from tests.app.experiments.store.making import add_experiment, keep
from tests.app.experiments.store.test_experiments import make_move


def test_cells_count_what_observations_have_in_common(database: Database, tmp_path: Path) -> None:
    add_experiment(database)
    flipped = make_outcome("reading")
    shed = make_outcome(code="shed", label=None, probs_K=None)
    keep(
        tmp_path,
        database,
        [
            *(make_observation() for _ in range(3)),
            make_observation(treatment=flipped, request_id="flipped"),
            make_observation(treatment=shed),
            make_observation(treatment=None),
        ],
    )
    store_feedback(database, [("flipped", "sleeping")])

    cells = read_cells(database, "trial")

    ok = {"control_code": "ok", "control_label": "eating"}
    none = {"treatment_code": None, "treatment_label": None}
    expected = [
        Cell(true_label=None, treatment_code="ok", treatment_label="eating", num=3, **ok),
        Cell(true_label="sleeping", treatment_code="ok", treatment_label="reading", num=1, **ok),
        Cell(true_label=None, treatment_code="shed", treatment_label=None, num=1, **ok),
        Cell(true_label=None, **none, num=1, **ok),
    ]
    assert sorted(cells, key=repr) == sorted(expected, key=repr)


def test_evidence_is_all_that_is_known_of_one_experiment(
    database: Database, tmp_path: Path
) -> None:
    add_experiment(database)
    add_experiment(database, "other", alias="edge")
    append_event(database, make_move("default", "tiny-int8@1"))
    append_event(database, make_move("edge", "tiny-int8@1"))
    change_state(database, "trial", state="paused", by="api", reason="")
    keep(
        tmp_path,
        database,
        [
            make_observation(time_s=20.0, max_difference=0.25),
            make_observation(time_s=10.0, max_difference=0.5, total_s=0.75),
            make_observation(time_s=30.0, max_difference=None, treatment=None),
            make_observation(time_s=99.0, max_difference=0.9, experiment="other"),
        ],
    )

    evidence = read_evidence(database, "trial")

    assert evidence.experiment == make_experiment()
    assert (evidence.state, evidence.labels, evidence.num_observations) == ("paused", LABELS, 3)
    assert (evidence.first_s, evidence.last_s, evidence.largest_difference) == (10.0, 30.0, 0.5)
    assert [event.action for event in evidence.events] == ["created", "moved", "paused"]
    assert sorted(evidence.sample.total_s) == [0.04, 0.04, 0.75]


def test_sample_has_nan_where_something_was_not_measured(
    database: Database, tmp_path: Path
) -> None:
    add_experiment(database)
    keep(tmp_path, database, [make_observation(treatment=None, brightness=None)])

    sample = read_evidence(database, "trial").sample

    assert np.isnan(sample.treatment_confidence).all()
    assert np.isnan(sample.brightness).all()
    assert sample.control_confidence == pytest.approx(1 / 3)
    assert {values.dtype for values in vars(sample).values()} == {np.dtype(np.float64)}


def test_experiment_without_observations_has_empty_evidence(database: Database) -> None:
    add_experiment(database)

    evidence = read_evidence(database, "trial")

    assert (evidence.cells, evidence.num_observations) == ((), 0)
    assert (evidence.first_s, evidence.last_s, evidence.largest_difference) == (None, None, None)
    assert {values.shape for values in vars(evidence.sample).values()} == {(0,)}


def test_evidence_of_an_unknown_experiment_is_an_error(database: Database) -> None:
    with pytest.raises(UnknownExperimentError, match="unknown experiment 'x', known: none"):
        read_evidence(database, "x")


def test_request_that_nobody_observed_has_no_observations(database: Database) -> None:
    assert read_observations(database, "request-1") == ()


def test_small_sample_is_a_random_part_and_the_same_each_time(database: Database) -> None:
    add_experiment(database)
    fill_small(database, num=2000)

    sample = read_evidence(database, "trial", sample_size=500).sample
    again = read_evidence(database, "trial", sample_size=500).sample

    assert len(sample.total_s) == 500
    np.testing.assert_array_equal(sample.total_s, again.total_s)
    # The times of all grow evenly from 0 to 1; four standard errors of the mean of 500.
    assert sample.total_s.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * 500))


def test_everything_about_observations_is_found_by_an_index(tmp_path: Path) -> None:
    with closing(Database(sqlite_url(tmp_path))) as database:
        add_experiment(database)
        fill_small(database, num=1000)

        plan = explain_evidence(database)

    assert "USING COVERING INDEX observations_cells" in plan
    assert "USING INDEX observations_draw" in plan
    assert "USING COVERING INDEX observations_difference" in plan
    assert plan.count("USING COVERING INDEX observations_time") == 2
    assert "SCAN observations" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.slow
def test_evidence_of_a_million_observations_is_found_by_indexes(
    database: Database, url: str
) -> None:
    add_experiment(database)
    fill_small(database, num=1_000_000)
    if database.dialect == "postgresql":
        vacuum(url)

    evidence = read_evidence(database, "trial")
    plan = explain_evidence(database)

    assert evidence.num_observations == 1_000_000
    assert len(evidence.sample.total_s) == 20_000
    assert evidence.largest_difference == 0.999
    assert (evidence.first_s, evidence.last_s) == (0, 999_999)
    assert "Seq Scan" not in plan
    for index in ("cells", "draw", "difference", "time"):
        assert f"observations_{index}" in plan
