"""Where the service starts without keys, and where it refuses to."""

from pathlib import Path

import pytest

from app.settings import parse_settings
from tests.app.running import start_in_vain


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_only_this_machine_needs_no_key(host: str) -> None:
    assert parse_settings(["--host", host]).keys_file is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.nip.io"])
def test_other_machines_are_not_served_without_keys(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_settings(["--host", host])

    message = capsys.readouterr().err
    assert f"--host {host} would serve whoever can connect" in message
    assert "--keys-file (DRIVER_ACTIVITY_KEYS_FILE), or say --allow-anonymous" in message


@pytest.mark.parametrize("flags", [["--keys-file", "keys.jsonl"], ["--allow-anonymous"]])
def test_other_machines_are_served_if_it_is_said(flags: list[str]) -> None:
    assert parse_settings(["--host", "0.0.0.0", *flags]).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), ("", "has no key"), ("broken\n", "line 1: line: Invalid JSON")],
)
def test_service_does_not_start_with_a_wrong_file_of_keys(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "keys.jsonl"
    if content is not None:
        path.write_text(content)

    assert message in start_in_vain("--keys-file", str(path))
