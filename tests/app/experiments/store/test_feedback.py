from pathlib import Path

import pytest
from sqlalchemy import select

from app.experiments.store.database import Database
from app.experiments.store.errors import InvalidFeedbackError
from app.experiments.store.feedback import store_feedback
from app.experiments.store.queries import read_cells
from app.experiments.store.tables import observations
from tests.app.experiments.making import LABELS, make_observation
from tests.app.experiments.store.filling import fill_small
from tests.app.experiments.store.making import add_experiment, keep


def read_truths(database: Database, name: str = "trial") -> dict[str | None, int]:
    """Return how many observations of an experiment have which true activity."""
    truths: dict[str | None, int] = {}
    for cell in read_cells(database, name):
        truths[cell.true_label] = truths.get(cell.true_label, 0) + cell.num
    return truths


@pytest.fixture
def two_requests(database: Database, tmp_path: Path) -> None:
    add_experiment(database)
    keep(tmp_path, database, [make_observation(request_id=name) for name in ("a", "b")])


@pytest.mark.usefixtures("two_requests")
def test_feedback_labels_the_observation_of_its_request(database: Database) -> None:
    assert store_feedback(database, [("a", "reading")]) == 1

    assert read_truths(database) == {None: 1, "reading": 1}


@pytest.mark.usefixtures("two_requests")
def test_latest_feedback_counts_and_the_same_again_is_harmless(database: Database) -> None:
    assert store_feedback(database, [("a", "reading"), ("a", "sleeping")]) == 1
    assert store_feedback(database, [("a", "sleeping")]) == 1
    assert read_truths(database) == {None: 1, "sleeping": 1}

    store_feedback(database, [("a", "eating")])

    assert read_truths(database) == {None: 1, "eating": 1}


@pytest.mark.usefixtures("two_requests")
def test_feedback_for_an_unknown_request_stores_nothing(database: Database) -> None:
    with pytest.raises(InvalidFeedbackError, match=r"^request 'x' is not known$"):
        store_feedback(database, [("a", "reading"), ("x", "reading")])

    assert read_truths(database) == {None: 2}


@pytest.mark.usefixtures("two_requests")
def test_feedback_with_an_unknown_activity_stores_nothing(database: Database) -> None:
    with pytest.raises(InvalidFeedbackError, match="'juggling' is unknown to experiment 'trial'"):
        store_feedback(database, [("a", "juggling"), ("a", "reading")])

    assert read_truths(database) == {None: 2}


@pytest.mark.usefixtures("two_requests")
def test_error_names_the_first_ten_of_many_faults_and_tells_their_number(
    database: Database,
) -> None:
    rows = [(f"x{index}", "reading") for index in range(12)]

    with pytest.raises(InvalidFeedbackError, match="'x9' is not known; and 2 more") as caught:
        store_feedback(database, [*rows, ("a", "reading")])

    assert (len(caught.value.faults), caught.value.num_faults) == (10, 12)


@pytest.mark.usefixtures("two_requests")
def test_no_feedback_is_no_error(database: Database) -> None:
    assert store_feedback(database, []) == 0


def test_every_observation_of_a_request_is_labeled_in_the_words_of_its_experiment(
    database: Database, tmp_path: Path
) -> None:
    add_experiment(database)
    add_experiment(database, "other", alias="edge", labels=LABELS[::-1])
    names = ("trial", "trial", "other")
    keep(tmp_path, database, [make_observation(experiment=name) for name in names])

    assert store_feedback(database, [("request-1", "eating")]) == 3

    assert read_truths(database) == {"eating": 2}
    assert read_truths(database, "other") == {"eating": 1}


@pytest.mark.usefixtures("two_requests")
def test_time_of_the_feedback_is_kept(database: Database) -> None:
    store_feedback(database, [("a", "reading")])

    with database.read() as connection:
        times = connection.execute(select(observations.c.request_id, observations.c.labeled_s))
        by_request = {row.request_id: row.labeled_s for row in times}
    assert by_request["a"] > 1e9
    assert by_request["b"] is None


def test_feedback_of_many_requests_is_stored_at_once(database: Database) -> None:
    add_experiment(database)
    fill_small(database, num=5000)

    num = store_feedback(database, [(f"request-{index}", "reading") for index in range(4000)])

    assert num == 4000
    assert read_truths(database) == {"reading": 4000, None: 1000}
