"""What became of the requests of each arm."""

from collections.abc import Sequence

from pydantic import Field

from app.experiments.definition import ArmName
from app.experiments.evidence import Cell
from app.experiments.observation import OK, SHED
from app.experiments.statistics.estimates import Rate
from app.experiments.statistics.intervals import measure_rate
from app.experiments.statistics.tallies import count_codes
from app.schemas import Answer


class ArmSummary(Answer):
    """What became of the requests that one arm was to answer."""

    num_answered: int
    num_failed: int
    num_shed: int = Field(
        description="Shadows that found no idle core: neither answers nor failures."
    )
    failures: dict[str, int] = Field(description="How often by code, the most frequent first.")
    ran_ratio: float | None = Field(
        description="Share of the requests on which the arm really ran; below 1 where it was shed."
    )
    error_rate: Rate | None = Field(description="Share of failures where it ran.")


def summarize_arm(cells: Sequence[Cell], arm: ArmName) -> ArmSummary:
    """Count what became of the requests of an arm."""
    codes = count_codes(cells, arm)
    failures = {code: num for code, num in codes.most_common() if code not in (OK, SHED)}
    num_failed, num_all = sum(failures.values()), codes.total()
    num_ran = num_all - codes[SHED]
    return ArmSummary(
        num_answered=codes[OK],
        num_failed=num_failed,
        num_shed=codes[SHED],
        failures=failures,
        ran_ratio=num_ran / num_all if num_all else None,
        error_rate=measure_rate(num_failed, of=num_ran),
    )
