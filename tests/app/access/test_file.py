import threading
from pathlib import Path

import pytest

from app.access.file import InvalidKeyFileError, edit_keys, read_keys
from app.access.keys import ApiKey, hash_secret, make_secret


def make_key(name: str) -> ApiKey:
    return ApiKey(name=name, scopes=("predict",), sha256=hash_secret(make_secret()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


def test_keys_are_read_as_they_were_written(path: Path) -> None:
    keys = (make_key("a"), make_key("b"))

    edit_keys(path, lambda _: keys)

    assert read_keys(path) == keys


def test_file_is_its_owners_only_and_nothing_else_is_left(path: Path) -> None:
    edit_keys(path, lambda _: (make_key("a"),))

    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_edits_at_the_same_time_lose_nothing(path: Path) -> None:
    names = [f"key-{index}" for index in range(16)]
    threads = [
        threading.Thread(target=edit_keys, args=(path, lambda keys, n=name: (*keys, make_key(n))))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(key.name for key in read_keys(path)) == sorted(names)


def test_failed_write_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = (make_key("a"),)
    edit_keys(path, lambda _: keys)

    def fail(_: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr("app.access.file.os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        edit_keys(path, lambda keys: (*keys, make_key("b")))

    assert read_keys(path) == keys
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}\n", r"line 1: name: Field required; scopes: Field required"),
        (b"\nnot json\n", r"line 2: line: Invalid JSON"),
        (b"\xff", r"not UTF-8"),
        (make_key("a").model_dump_json().encode() + b"\n", r"two keys have the same name"),
    ],
)
def test_wrong_file_is_refused_by_line(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content + make_key("a").model_dump_json().encode())

    with pytest.raises(InvalidKeyFileError, match=message):
        read_keys(path)


def test_missing_file_or_folder_is_named(path: Path) -> None:
    with pytest.raises(InvalidKeyFileError, match=r"keys\.jsonl: No such file"):
        read_keys(path)
    with pytest.raises(InvalidKeyFileError, match="missing: No such file"):
        edit_keys(path.parent / "missing" / "keys.jsonl", lambda keys: keys)
