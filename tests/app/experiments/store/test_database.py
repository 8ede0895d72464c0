import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from app.experiments.store import migrating
from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.errors import (
    ForeignDatabaseError,
    InvalidRecordsUrlError,
    NewerDatabaseError,
    RecordsUnavailableError,
)
from app.experiments.store.experiments import list_experiments
from app.experiments.store.tables import metadata
from tests.app.experiments.store.making import add_experiment
from tests.conftest import REPOSITORY_ROOT
from tests.postgresql import Cluster, needs_postgresql

PREPARE = """
import sys
from app.experiments.store.database import Database
Database(sys.argv[1]).prepare()
print("alembic" in sys.modules)
"""
REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    op.add_column("experiments", sa.Column("note", sa.Text))
    {then}
"""


def list_tables(database: Database) -> list[str]:
    with database.read() as connection:
        return inspect(connection).get_table_names()


def execute(database: Database, statement: str) -> None:
    with database.write() as connection:
        connection.execute(text(statement))


def start_process(url: str) -> subprocess.Popen[str]:
    """Bring a database up to date in a process of its own, which says if it needed alembic."""
    command = (sys.executable, "-c", PREPARE, url)
    return subprocess.Popen(command, cwd=REPOSITORY_ROOT, stdout=subprocess.PIPE, text=True)


def add_revision(folder: Path, *, then: str = "", monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second revision follow, as if a later release had come."""
    scripts = folder / "scripts"
    shutil.copytree(migrating.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "r0002.py").write_text(REVISION.format(then=then))
    monkeypatch.setattr(migrating, "SCRIPTS", scripts)
    monkeypatch.setattr(migrating, "HEAD", "0002")


def test_revisions_lead_to_the_tables_that_the_code_uses(database: Database) -> None:
    with database.read() as connection:
        options = {"version_table": migrating.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, metadata) == []


def test_newest_revision_is_the_one_that_is_looked_for() -> None:
    assert ScriptDirectory(str(migrating.SCRIPTS)).get_current_head() == migrating.HEAD


def test_several_processes_at_once_make_one_database(url: str) -> None:
    processes = [start_process(url) for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    assert "True\n" in outputs


def test_alembic_is_not_imported_for_a_database_that_is_up_to_date(
    database: Database, url: str
) -> None:
    database.prepare()

    assert start_process(url).communicate(timeout=60)[0] == "False\n"


def test_older_database_is_brought_up_to_date_with_all_that_is_in_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(url)) as database:
        add_experiment(database)
    add_revision(tmp_path, monkeypatch=monkeypatch)

    with closing(Database(url)) as database:
        assert "half" in list_tables(database)
        assert [stored.experiment.name for stored in list_experiments(database)] == ["trial"]


def test_migration_that_fails_leaves_nothing_half_done(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(url)) as database:
        before = list_tables(database)
    with monkeypatch.context() as patch:
        add_revision(tmp_path, then="raise RuntimeError('broken')", monkeypatch=patch)
        with (
            closing(Database(url)) as database,
            pytest.raises(RuntimeError, match="broken"),
        ):
            database.prepare()

    with closing(Database(url)) as database:
        assert list_tables(database) == before


def test_database_of_a_later_release_is_refused(url: str) -> None:
    with closing(Database(url)) as database:
        execute(database, f"UPDATE {migrating.VERSION_TABLE} SET version_num = '9999'")

    with (
        closing(Database(url)) as database,
        pytest.raises(NewerDatabaseError, match="'9999', the newest known is '0001'") as caught,
    ):
        database.prepare()

    assert (caught.value.found, caught.value.known) == ("9999", "0001")


@needs_postgresql
def test_postgresql_database_of_something_else_is_refused(cluster: Cluster) -> None:
    url = cluster.create_database()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id integer)"))
    engine.dispose()

    with (
        closing(Database(url)) as database,
        pytest.raises(ForeignDatabaseError, match="a table 'orders' of something else"),
    ):
        database.prepare()


def make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id integer)")


def make_garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough for one" * 1000)


@pytest.mark.parametrize(
    ("make", "reason"), [(make_foreign, "orders"), (make_garbage, "file is not a database")]
)
def test_file_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "records.sqlite"
    make(path)
    content = path.read_bytes()

    with (
        closing(Database(sqlite_url(tmp_path))) as database,
        pytest.raises(ForeignDatabaseError, match=reason),
    ):
        database.prepare()

    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").touch()

    with closing(Database(sqlite_url(tmp_path))) as database:
        assert "observations" in list_tables(database)


def test_sqlite_file_lets_readers_and_a_writer_work_at_once(tmp_path: Path) -> None:
    with closing(Database(sqlite_url(tmp_path))) as database:
        add_experiment(database)

        with database.write() as writing:
            writing.execute(text("UPDATE experiments SET why = 'x'"))
            (stored,) = list_experiments(database)

    assert stored.why is None


def test_file_in_the_place_of_another_is_used_from_then_on(tmp_path: Path) -> None:
    with closing(Database(sqlite_url(tmp_path))) as database:
        add_experiment(database)
        for file in tmp_path.iterdir():
            file.unlink()

        with pytest.raises(RecordsUnavailableError, match="no such table"):
            list_experiments(database)
        assert list_experiments(database) == ()

    assert (tmp_path / "records.sqlite").exists()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense secret",
        "mysql://user:secret@host/records",
        "postgresql+asyncpg://user:secret@host/records",
        "postgresql+psycopg://user:secret@host",
        "sqlite://",
    ],
)
def test_url_that_is_not_supported_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidRecordsUrlError, match="neither sqlite:///<file> nor") as caught:
        Database(url)

    assert "secret" not in str(caught.value)


@needs_postgresql
@pytest.mark.parametrize("query", ["", "?password=hidden"])
def test_password_is_not_shown_when_nobody_answers(query: str) -> None:
    with (
        closing(Database(f"postgresql+psycopg://me:hidden@127.0.0.1:1/records{query}")) as database,
        pytest.raises(RecordsUnavailableError, match=r"127\.0\.0\.1:1/records are not") as caught,
    ):
        database.prepare()

    assert "hidden" not in str(caught.value)
    assert "hidden" not in database.where


def test_sqlite_file_in_a_folder_that_is_none_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        closing(Database(sqlite_url(tmp_path / "file"))) as database,
        pytest.raises(RecordsUnavailableError, match="unable to open database file"),
    ):
        database.prepare()
