"""The thread that carries lines from the journal to the database, and waits for the latter."""

import threading
from collections.abc import Callable

import structlog

from app.experiments.store.database import Database
from app.experiments.store.errors import RecordsError
from app.experiments.store.inserting import LossReason, insert_lines
from app.experiments.store.journal import Journal

BATCH_LINES = 500
GATHER_S = 0.5
"""How long lines are gathered for one transaction."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
"""Pauses between attempts at a database that is not available; each is twice the one before."""

OnLost = Callable[[LossReason, int], None]


class Writer:
    """Writes what waits in a journal, in order, until it is stopped.

    Attributes:
        is_available: Whether the database took the last thing that it was asked for.
        num_written: Lines that are in the database.
    """

    def __init__(self, journal: Journal, database: Database, on_lost: OnLost) -> None:
        self.is_available = False
        self.num_written = 0
        self._journal = journal
        self._database = database
        self._on_lost = on_lost
        self._has_lines = threading.Event()
        self._is_urgent = threading.Event()
        self._is_stopping = False
        self._is_failing = False
        self._progress = threading.Condition()
        self._log = structlog.get_logger("driver_activity.records")
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def start(self) -> None:
        """Begin to write what waits."""
        self._has_lines.set()
        self._thread.start()

    def notice(self) -> None:
        """Learn that there are new lines."""
        if not self._has_lines.is_set():
            self._has_lines.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was appended is taken out; False if it takes too long, or the end."""
        target_bytes = self._journal.appended_bytes

        def is_done() -> bool:
            return self._journal.taken_bytes >= target_bytes

        self._hurry()
        with self._progress:
            self._progress.wait_for(lambda: is_done() or self._is_stopping, timeout_s)
        return is_done()

    def stop(self, timeout_s: float) -> None:
        """End after the transaction that is at work, and give the files of the journal back."""
        self._is_stopping = True
        self._hurry()
        self._notify()
        self._thread.join(timeout_s)

    def _hurry(self) -> None:
        self._is_urgent.set()
        self._has_lines.set()

    def _run(self) -> None:
        self._persist(self._database.prepare)
        while not self._is_stopping:
            self._gather()
            while not self._is_stopping and self._has_waiting():
                self._persist(self._write_batch)
        self._journal.release()

    def _gather(self) -> None:
        self._has_lines.wait()
        self._is_urgent.wait(GATHER_S)
        self._has_lines.clear()
        self._is_urgent.clear()

    def _has_waiting(self) -> bool:
        return self._journal.waiting_bytes > 0

    def _persist(self, step: Callable[[], None]) -> None:
        """Take a step, if need be again and again until it succeeds."""
        pause_s = FIRST_PAUSE_S
        while not self._is_stopping:
            try:
                step()
            except Exception as exc:  # the edge of the thread: with it, all records would end
                self._note_outage(exc)
            else:
                self._note_success()
                return
            self._is_urgent.wait(pause_s)
            self._is_urgent.clear()
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _write_batch(self) -> None:
        lines = self._journal.read(max_lines=BATCH_LINES)
        losses = insert_lines(self._database, lines)
        self._journal.take(lines)
        self.num_written += len(lines) - losses.total()
        for reason, num in losses.items():
            self._on_lost(reason, num)
        self._notify()

    def _notify(self) -> None:
        with self._progress:
            self._progress.notify_all()

    def _note_outage(self, error: Exception) -> None:
        self.is_available = False
        if not self._is_failing:
            is_known = isinstance(error, RecordsError)
            self._log.error("records_unavailable", reason=str(error), exc_info=not is_known)
        self._is_failing = True

    def _note_success(self) -> None:
        self.is_available = True
        if self._is_failing:
            self._log.info("records_available")
        self._is_failing = False
