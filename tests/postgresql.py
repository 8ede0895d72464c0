"""Runs Debian's PostgreSQL: a cluster of its own, in a temporary folder, on a Unix socket."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
NO_POSTGRESQL = "PostgreSQL is not installed"
needs_postgresql = pytest.mark.skipif(not PROGRAMS.is_dir(), reason=NO_POSTGRESQL)

USER = "postgres"
TIMEOUT_S = 60
SETTINGS = ("fsync=off", "listen_addresses=", "max_connections=50")


@dataclass
class Cluster:
    """A server of databases that belongs to the tests.

    Attributes:
        folder: Where its data, its socket and its log are.
    """

    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = (word for setting in SETTINGS for word in ("-c", setting))
        options = ("-D", self.folder / "data", "-k", self.folder, *settings)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                as_user("postgres", *options), stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, and every connection with it; it recovers at the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(TIMEOUT_S)
            self._process = None

    def create_database(self) -> str:
        """Return the URL of a new database."""
        name = f"records_{uuid.uuid4().hex}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://{USER}:secret@/{name}?host={self.folder}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def run_postgresql() -> Iterator[Cluster]:
    """Run a cluster that nobody else uses; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    cluster = Cluster(folder)
    options = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-U", USER)
    try:
        subprocess.run(
            as_user("initdb", "-D", folder / "data", *options),
            check=True,
            capture_output=True,
            timeout=TIMEOUT_S,
            cwd=folder,
        )
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def as_user(program: str, *arguments: object) -> list[str]:
    """Return the command that runs a program of PostgreSQL, which refuses to run as root."""
    user = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups")
    prefix = user if os.geteuid() == 0 else ()
    return [*prefix, str(PROGRAMS / program), *map(str, arguments)]
