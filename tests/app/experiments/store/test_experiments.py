import re
import threading
from contextlib import closing

import pytest

from app.experiments.definition import State
from app.experiments.evidence import Event
from app.experiments.store.database import Database
from app.experiments.store.errors import (
    ExperimentEndedError,
    ExperimentExistsError,
    OverlappingExperimentsError,
    RecordsError,
    UnknownExperimentError,
)
from app.experiments.store.experiments import (
    change_share,
    change_state,
    list_experiments,
    read_experiment,
)
from app.experiments.store.trail import append_event, read_events, read_latest_moves
from tests.app.experiments.making import LABELS, make_experiment
from tests.app.experiments.store.making import add_experiment


def change(database: Database, state: State, *, by: str = "api") -> bool:
    return change_state(database, "trial", state=state, by=by, reason="because")


def read_actions(database: Database) -> list[tuple[str, str]]:
    events = read_events(database, subject="experiment", name="trial")
    return [(event.action, event.detail) for event in events]


def make_move(name: str, detail: str) -> Event:
    return Event(
        time_s=1.5,
        subject="alias",
        name=name,
        action="moved",
        detail=detail,
        by="guard",
        reason="too slow",
    )


def test_experiment_is_read_as_it_was_made(database: Database) -> None:
    made = add_experiment(database, share=0.25, mode="shadow")

    found = read_experiment(database, "trial")

    assert found == made
    assert found.experiment == make_experiment(share=0.25, mode="shadow")
    assert (found.labels, found.state, found.verdict, found.why) == (LABELS, "running", None, None)
    assert re.fullmatch("[0-9a-f]{32}", found.salt)
    assert read_actions(database) == [("created", "tiny-int8@1 against tiny-fp32@1")]


def test_every_experiment_has_a_salt_of_its_own(database: Database) -> None:
    add_experiment(database, "one", alias="a")
    add_experiment(database, "two", alias="b")

    one, two = list_experiments(database)

    assert (one.experiment.name, two.experiment.name) == ("one", "two")
    assert one.salt != two.salt


def test_unknown_experiment_is_an_error_that_names_the_known_ones(database: Database) -> None:
    add_experiment(database)

    with pytest.raises(UnknownExperimentError, match="unknown experiment 'x', known: trial"):
        read_experiment(database, "x")


def test_name_is_taken_even_after_the_end(database: Database) -> None:
    add_experiment(database)
    change(database, "ended")

    with pytest.raises(ExperimentExistsError, match="there is an experiment 'trial' already"):
        add_experiment(database)

    assert read_actions(database) == [
        ("created", "tiny-int8@1 against tiny-fp32@1"),
        ("ended", ""),
    ]


@pytest.mark.parametrize("state", ["running", "paused"])
def test_two_experiments_on_one_alias_are_refused_and_both_are_named(
    database: Database, state: State
) -> None:
    add_experiment(database)
    change(database, state)

    with pytest.raises(
        OverlappingExperimentsError, match="'other' wants alias 'default', which belongs to 'trial'"
    ):
        add_experiment(database, "other")

    assert read_events(database, subject="experiment", name="other") == ()


def test_alias_is_free_again_when_its_experiment_has_ended(database: Database) -> None:
    add_experiment(database)
    change(database, "ended")

    assert add_experiment(database, "other").state == "running"


def test_of_replicas_that_make_experiments_at_once_on_one_alias_one_succeeds(
    database: Database, url: str
) -> None:
    database.prepare()
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def create(name: str) -> None:
        with closing(Database(url)) as replica:
            replica.prepare()
            barrier.wait()
            try:
                add_experiment(replica, name)
                outcomes.append("made")
            except RecordsError as exc:
                outcomes.append(type(exc).__name__)

    threads = [threading.Thread(target=create, args=(f"trial-{index}",)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["OverlappingExperimentsError"] * 3 + ["made"]
    assert len(list_experiments(database)) == 1


def test_experiment_pauses_resumes_and_ends_with_a_verdict(database: Database) -> None:
    add_experiment(database)

    change(database, "paused")
    change(database, "running")
    change_state(
        database, "trial", state="ended", by="stop rule", reason="enough", verdict="equivalent"
    )

    found = read_experiment(database, "trial")
    assert (found.state, found.verdict, found.why) == ("ended", "equivalent", "enough")
    assert read_actions(database)[1:] == [
        ("paused", ""),
        ("resumed", ""),
        ("ended", "equivalent"),
    ]


def test_only_the_first_of_those_who_end_an_experiment_did_it(database: Database) -> None:
    add_experiment(database)

    assert change(database, "ended", by="guard")
    assert not change(database, "ended", by="guard")

    assert len(read_actions(database)) == 2


@pytest.mark.parametrize("state", ["running", "paused"])
def test_ended_experiment_does_not_change(database: Database, state: State) -> None:
    add_experiment(database)
    change(database, "ended")

    with pytest.raises(ExperimentEndedError, match="experiment 'trial' has ended"):
        change(database, state)
    with pytest.raises(ExperimentEndedError, match="experiment 'trial' has ended"):
        change_share(database, "trial", share=0.5, by="api", reason="")


def test_changed_share_is_a_part_of_the_definition(database: Database) -> None:
    add_experiment(database)

    change_share(database, "trial", share=0.125, by="api", reason="carefully")

    assert read_experiment(database, "trial").experiment == make_experiment(share=0.125)
    assert read_actions(database)[1:] == [("share", "0.125")]


def test_share_that_is_no_ratio_changes_nothing(database: Database) -> None:
    add_experiment(database)

    with pytest.raises(ValueError, match="less than or equal to 1"):
        change_share(database, "trial", share=1.5, by="api", reason="")

    assert read_experiment(database, "trial").experiment.share == 1
    assert len(read_actions(database)) == 1


def test_trail_of_an_alias_is_kept_in_order_and_its_latest_move_is_found(
    database: Database,
) -> None:
    moves = [make_move("default", "a@1"), make_move("edge", "c@1"), make_move("default", "b@2")]
    for move in moves:
        append_event(database, move)
    add_experiment(database)

    assert read_events(database, subject="alias", name="default") == (moves[0], moves[2])
    assert read_latest_moves(database) == {"default": moves[2], "edge": moves[1]}
