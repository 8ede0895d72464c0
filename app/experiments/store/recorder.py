"""What the service sees of the records: a place to drop them, and what became of them."""

import threading
from collections import Counter
from pathlib import Path

from app.experiments.observation import Observation
from app.experiments.store.database import Database
from app.experiments.store.errors import RecordsUnavailableError
from app.experiments.store.inserting import LossReason
from app.experiments.store.journal import Journal, JournalClosedError, JournalFullError
from app.experiments.store.lines import encode_line
from app.experiments.store.writer import OnLost, Writer

STOP_S = 6
"""Longest wait for the end of the transaction that is at work."""


class Recorder:
    """Keeps observations: at once in a journal, soon in the database.

    Until it is started, and when it is closed, observations are lost, and counted.
    """

    def __init__(
        self, records_dir: Path, database: Database, *, max_journal_bytes: int, on_lost: OnLost
    ) -> None:
        """Set up, without touching anything.

        Args:
            records_dir: Folder of the journals; made if it is not there.
            database: Where observations go.
            max_journal_bytes: Most bytes that may wait for the database.
            on_lost: Called with a reason and a number whenever observations are lost, from any
                thread. The reasons are `journal_full`, `disk` (the journal cannot be written),
                `unknown_experiment`, `invalid` and `closed`.
        """
        self._records_dir = records_dir
        self._database = database
        self._max_journal_bytes = max_journal_bytes
        self._on_lost = on_lost
        self._num_lost: Counter[LossReason] = Counter()
        self._counting = threading.Lock()
        self._journal: Journal | None = None
        self._writer: Writer | None = None

    def start(self) -> None:
        """Take over what ended processes left, and begin to write; the database may be down.

        Raises:
            RecordsUnavailableError: If the folder cannot be written.
        """
        try:
            self._records_dir.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(self._records_dir, max_bytes=self._max_journal_bytes)
        except OSError as exc:
            raise RecordsUnavailableError(str(self._records_dir), str(exc.strerror)) from exc
        self._writer = Writer(self._journal, self._database, self._lose)
        self._writer.start()

    def record(self, observation: Observation) -> None:
        """Keep an observation; takes microseconds, raises nothing, and may be called anywhere."""
        if reason := self._append(observation):
            self._lose(reason, 1)
        elif self._writer is not None:
            self._writer.notice()

    def _append(self, observation: Observation) -> LossReason | None:
        """Append to the journal, or return why that is not possible."""
        if self._journal is None:
            return "closed"
        try:
            self._journal.append(encode_line(observation))
        except JournalClosedError:
            return "closed"
        except JournalFullError:
            return "journal_full"
        except OSError:
            return "disk"
        except (TypeError, ValueError):
            return "invalid"
        return None

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that this process has recorded so far is in the database.

        Returns:
            False if it took longer; it will get there later.
        """
        return self._writer is None or self._writer.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Take no more, write what waits, and end.

        Returns:
            False if it took longer; what waits stays in the journal, for the next start.
        """
        if self._journal is None or self._writer is None:
            return True
        self._journal.close()
        is_written = self._writer.flush(timeout_s)
        self._writer.stop(STOP_S)
        return is_written

    @property
    def num_waiting(self) -> int:
        """Observations that are not in the database yet."""
        return 0 if self._journal is None else self._journal.num_waiting

    @property
    def waiting_bytes(self) -> int:
        """Bytes of them in the journal."""
        return 0 if self._journal is None else self._journal.waiting_bytes

    @property
    def is_available(self) -> bool:
        """Whether the database took the last thing that it was asked for."""
        return self._writer is not None and self._writer.is_available

    @property
    def num_written(self) -> int:
        """Observations that were written to the database."""
        return 0 if self._writer is None else self._writer.num_written

    @property
    def num_lost(self) -> Counter[LossReason]:
        """Observations that were lost, by reason."""
        with self._counting:
            return self._num_lost.copy()

    def _lose(self, reason: LossReason, num: int) -> None:
        with self._counting:
            self._num_lost[reason] += num
        self._on_lost(reason, num)
