import subprocess
import sys
from pathlib import Path

import pytest

from app.access.commands import run_command
from app.access.file import read_keys
from app.access.keys import find_key
from tests.app.access.making import add_key
from tests.conftest import REPOSITORY_ROOT


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.jsonl"
    monkeypatch.setenv("DRIVER_ACTIVITY_KEYS_FILE", str(path))
    return path


def test_added_key_is_printed_once_and_only_its_hash_is_kept(path: Path) -> None:
    secret = add_key(path, "fleet", "predict,metrics", "--expires", "2040-01-31")

    key = find_key(read_keys(path), secret)
    assert key is not None
    assert (key.name, key.scopes, str(key.expires)) == (
        "fleet",
        ("predict", "metrics"),
        "2040-01-31",
    )
    assert secret not in path.read_text()


def test_list_shows_names_scopes_and_expiry_but_no_hash(path: Path) -> None:
    add_key(path, "a", "admin")
    add_key(path, "b", "predict,metrics", "--expires", "2040-01-31")

    assert run_command(["list"]).splitlines() == [
        "a\tadmin\tnever expires",
        "b\tpredict,metrics\t2040-01-31",
    ]


def test_removed_key_is_gone_and_the_others_stay(path: Path) -> None:
    for name in ("a", "b", "c"):
        add_key(path, name, "predict")

    assert run_command(["remove", "b"]) == "removed b"
    assert [key.name for key in read_keys(path)] == ["a", "c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "a", "--scopes", "predict"], "has a key 'a' already"),
        (["remove", "b"], "has no key 'b'"),
        ([], r"usage: python -m app key \{add,list,remove\}"),
        (["rotate"], "usage"),
    ],
)
def test_command_that_is_not_possible_says_why(
    path: Path, arguments: list[str], message: str
) -> None:
    add_key(path, "a", "predict")

    with pytest.raises(SystemExit, match=message):
        run_command(arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "a b", "--scopes", "predict"], "--name"),
        (["add", "a", "--scopes", "root"], "'predict', 'metrics' or 'admin'"),
        (["add", "a"], "--scopes (DRIVER_ACTIVITY_SCOPES): Field required"),
        (["add", "a", "--scopes", "admin", "--expires", "soon"], "--expires"),
    ],
)
def test_wrong_flag_ends_with_status_2(
    path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_command(arguments)

    assert message in capsys.readouterr().err
    assert not path.exists()


def test_commands_run_from_the_command_line(path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "app", "key", "add", "fleet", "--scopes", "predict"],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert find_key(read_keys(path), result.stdout.strip())
    assert result.stderr == ""
