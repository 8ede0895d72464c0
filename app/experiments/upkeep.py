"""What is done beside the requests: stop rules are applied, and old records deleted."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from app.experiments.definition import Experiment
from app.experiments.live import LiveExperiments
from app.experiments.reporting import Reporter
from app.experiments.store.database import Database
from app.experiments.store.experiments import change_state, read_experiment
from app.experiments.store.queries import read_cells
from app.experiments.store.retention import delete_old
from models.errors import DriverActivityError

STOP_RULES_EVERY_S = 60.0
RETENTION_EVERY_S = 600.0
GROWTH = 1.05
"""A verdict is looked for when there are so many times more records than at the last look."""
DAY_S = 24 * 3600.0
STOP_RULE = "stop rule"


class Upkeep:
    """Looks after the records, as long as the process runs.

    Args:
        database: Where they are.
        live: The experiments that run here.
        reporter: Judges experiments.
        max_age_days: How long records are kept.
        max_records: How many are kept.
    """

    def __init__(
        self,
        database: Database,
        *,
        live: LiveExperiments,
        reporter: Reporter,
        max_age_days: float,
        max_records: int,
    ) -> None:
        self._database = database
        self._live = live
        self._reporter = reporter
        self._max_age_days = max_age_days
        self._max_records = max_records
        self._num_judged: dict[str, int] = {}
        self._log = structlog.get_logger("driver_activity.experiments")

    async def run(self) -> None:
        """Look after the records again and again, until cancelled."""
        await asyncio.gather(
            self._repeat(self.apply_stop_rules, every_s=STOP_RULES_EVERY_S),
            self._repeat(self.delete_old, every_s=RETENTION_EVERY_S),
        )

    async def _repeat(self, work: Callable[[], Awaitable[None]], *, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await work()
            except (DriverActivityError, TimeoutError) as exc:
                self._log.warning("upkeep_postponed", reason=str(exc))

    async def delete_old(self) -> None:
        """Delete records that are too old or too many."""
        await asyncio.to_thread(
            delete_old,
            self._database,
            max_age_days=self._max_age_days,
            max_records=self._max_records,
        )

    async def apply_stop_rules(self) -> None:
        """End every experiment that has seen enough; other processes see it at their next look."""
        for live in list(self._live.by_alias.values()):
            await self._apply_stop_rule(live.experiment)

    async def _apply_stop_rule(self, experiment: Experiment) -> None:
        name = experiment.name
        cells = await asyncio.to_thread(read_cells, self._database, name)
        num = sum(cell.num for cell in cells)
        is_full = await self._is_full(experiment, num)
        if not is_full and num < GROWTH * self._num_judged.get(name, 0):
            return
        self._num_judged[name] = num
        decision, reason = await self._reporter.judge(name)
        if is_full or decision != "not enough yet":
            await asyncio.to_thread(
                change_state,
                self._database,
                name,
                state="ended",
                by=STOP_RULE,
                reason=reason,
                verdict=decision,
            )

    async def _is_full(self, experiment: Experiment, num: int) -> bool:
        """Say whether an experiment has taken as many requests, or as long, as it may."""
        stop = experiment.stop
        if stop.max_requests is not None and num >= stop.max_requests:
            return True
        if stop.max_days is None:
            return False
        stored = await asyncio.to_thread(read_experiment, self._database, experiment.name)
        return time.time() - stored.created_s >= stop.max_days * DAY_S
