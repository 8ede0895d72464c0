from typing import Any

import pytest

from benchmarks.__main__ import CASES, read_records
from benchmarks.goals import GOALS, Goal, render_goals


def goal(bound: Any, limit: float) -> Goal:
    return Goal(words="speed", case="race", bound=bound, limit=limit, read=lambda figures: figures)


@pytest.mark.parametrize(
    ("bound", "missed"), [("at least", ["slow"]), ("at most", ["fast"])], ids=str
)
def test_goal_tells_what_misses_it(bound: str, missed: list[str]) -> None:
    assert goal(bound, 2.0).misses({"slow": 1.9, "just": 2.0, "fast": 2.1}) == missed


@pytest.mark.parametrize("found", GOALS, ids=lambda found: found.words)
def test_goal_that_the_results_miss_says_why(found: Goal) -> None:
    records = [record.figures for record in read_records(found.case)]

    missed = found.misses(found.measure(records))

    assert found.shortfall or not missed


def test_figures_of_all_records_are_told() -> None:
    assert goal("at least", 2.0).measure([{"new": 3.0}, {"old": 1.0}]) == {"new": 3.0, "old": 1.0}


def test_section_leaves_out_what_was_not_measured() -> None:
    soak = {"num_failed": 1, "growth_mb": 0.5}

    section = render_goals({"soak": [soak], "growth": []})

    assert section.count("\n| ") == 4
    assert "| at most 0 | 1 (failed) | failed |" in section
    assert "| at most 3 | 0.5 (last fifth against the second) | - |" in section


def test_every_goal_is_of_a_case() -> None:
    assert {found.case for found in GOALS} <= set(CASES)
