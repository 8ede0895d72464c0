"""Makes reports in a process of their own, so that statistics and plots slow no answer down.

The libraries for both take 100 MB and half a second to load: the service itself never does.
"""

import asyncio
import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from app.experiments.definition import ArmName, Experiment
from app.experiments.store.database import Database
from app.experiments.store.experiments import read_experiment
from app.experiments.store.queries import read_cells, read_evidence
from app.gates import Gate
from app.workers import WorkerPool
from models.card import read_card
from models.errors import ModelError
from models.reference import DriftReference

if TYPE_CHECKING:
    from app.experiments.verdict import Decision

T = TypeVar("T")
Form = Literal["json", "html", "text"]
TIMEOUT_S = 60.0
MAX_WAITING = 4
NICENESS = 10
MAX_REPORT_BYTES = 64 * 2**20


class Reporter:
    """Runs one report at a time; use it from one event loop.

    Args:
        url: The database of records.
        model_dir: Folder of model folders, whose cards say what answers used to look like.
    """

    def __init__(self, url: str, *, model_dir: Path) -> None:
        self._url = url
        self._model_dir = model_dir
        self._gate = Gate("report", capacity=1, max_waiting=MAX_WAITING)

    async def write(self, name: str, *, form: Form) -> str:
        """Return the report of an experiment.

        Raises:
            UnknownExperimentError: If there is none of that name.
            RecordsUnavailableError: If the database does not answer.
            QueueFullError: If too many reports wait.
            TimeoutError: If it takes longer than a minute.
        """
        return await self._run(write_report, name, form, self._model_dir)

    async def judge(self, name: str) -> tuple["Decision", str]:
        """Return what follows from an experiment so far, and why; raises as `write`."""
        return await self._run(judge_experiment, name)

    async def _run(self, function: Callable[..., T], *arguments: object) -> T:
        async with self._gate.enter():
            pool = WorkerPool(_yield_to_others, max_idle=1)
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    return await pool.call(
                        _report,
                        (function, self._url, *arguments),
                        read=pickle.loads,
                        max_answer_bytes=MAX_REPORT_BYTES,
                    )
            finally:
                await asyncio.to_thread(pool.close, timeout_s=0)


def _report(function: Callable[..., object], *arguments: object) -> bytes:
    """Return what a function returns, or raises, as a pickle: the process reads its own records."""
    try:
        return pickle.dumps((function(*arguments), None))
    except Exception as exc:
        exc.add_note(traceback.format_exc())
        return pickle.dumps((None, exc))


def write_report(url: str, name: str, form: Form, model_dir: Path) -> str:
    """Return the report of an experiment; see `Reporter.write`."""
    from app.experiments.page import render_page
    from app.experiments.report import make_report
    from app.experiments.summary import render_summary

    evidence = read_evidence(Database(url), name)
    report = make_report(evidence, _read_references(model_dir, evidence.experiment))
    if form == "json":
        return report.model_dump_json(indent=2) + "\n"
    return render_page(report) if form == "html" else render_summary(report)


def judge_experiment(url: str, name: str) -> tuple["Decision", str]:
    """Return what follows from an experiment so far, and why; see `Reporter.judge`."""
    from app.experiments.verdict import judge

    database = Database(url)
    experiment = read_experiment(database, name).experiment
    verdict = judge(experiment, read_cells(database, name))
    return verdict.decision, verdict.reason


def _read_references(
    model_dir: Path, experiment: Experiment
) -> dict[ArmName, DriftReference | None]:
    return {arm: _read_reference(model_dir, side.model) for arm, side in experiment.arms.items()}


def _read_reference(model_dir: Path, model: str) -> DriftReference | None:
    """Return what a model's answers used to look like; None if its card does not say."""
    name, _, version = model.partition("@")
    try:
        return read_card(model_dir / name / version).drift_reference
    except ModelError:  # it may have been removed since
        return None


def _yield_to_others() -> None:
    """Let whatever answers clients go first."""
    os.nice(NICENESS)
