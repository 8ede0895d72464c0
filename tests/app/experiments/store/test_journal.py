import threading
from pathlib import Path

import pytest

from app.experiments.store import journal as module
from app.experiments.store.journal import Journal, JournalClosedError, JournalFullError


def make_journal(folder: Path, *, max_bytes: int = 2**20) -> Journal:
    return Journal(folder, max_bytes=max_bytes)


def take_all(journal: Journal) -> list[bytes]:
    """Take out whatever waits, two lines at a time."""
    taken: list[bytes] = []
    while lines := journal.read(max_lines=2):
        journal.take(lines)
        taken += lines
    return taken


def test_lines_come_out_in_the_order_in_which_they_went_in(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    lines = [f"{index}\n".encode() for index in range(5)]
    for line in lines:
        journal.append(line)

    taken = take_all(journal)
    journal.release()

    assert taken == lines


def test_lines_that_were_read_but_not_taken_are_read_again(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(b"a\n")

    first, second = journal.read(max_lines=9), journal.read(max_lines=9)
    journal.release()

    assert first == second == [b"a\n"]


def test_file_is_empty_as_soon_as_nothing_waits(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(b"a\n")
    take_all(journal)
    (file,) = tmp_path.iterdir()

    assert file.stat().st_size == 0
    assert (journal.waiting_bytes, journal.num_waiting) == (0, 0)
    journal.release()


def test_released_journal_leaves_no_file_when_nothing_waits(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(b"a\n")
    take_all(journal)

    journal.release()

    assert list(tmp_path.iterdir()) == []


def test_what_waits_is_taken_over_by_the_next_journal(tmp_path: Path) -> None:
    first = make_journal(tmp_path)
    first.append(b"a\n")
    first.append(b"b\n")
    first.release()

    second = make_journal(tmp_path)
    second.append(b"c\n")

    assert (second.num_waiting, second.waiting_bytes) == (3, 6)
    assert take_all(second) == [b"a\n", b"b\n", b"c\n"]
    second.release()
    assert list(tmp_path.iterdir()) == []


def test_journal_of_a_living_process_is_not_taken_over(tmp_path: Path) -> None:
    living = make_journal(tmp_path)
    living.append(b"a\n")

    other = make_journal(tmp_path)

    assert other.num_waiting == 0
    assert take_all(living) == [b"a\n"]
    living.release()
    other.release()


def test_incomplete_last_line_of_a_killed_process_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "journal-0.jsonl").write_bytes(b"whole\nbrok")

    journal = make_journal(tmp_path)

    assert take_all(journal) == [b"whole\n"]
    journal.release()


@pytest.mark.parametrize("content", [b"", b"brok"])
def test_file_without_a_whole_line_is_removed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal-0.jsonl").write_bytes(content)

    journal = make_journal(tmp_path)

    assert take_all(journal) == []
    journal.release()
    assert list(tmp_path.iterdir()) == []


def test_endless_line_does_not_block_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "journal-0.jsonl").write_bytes(b"x" * (2 * module.READ_BYTES + 1) + b"\nnext\n")

    journal = make_journal(tmp_path)

    assert take_all(journal)[-1] == b"next\n"
    journal.release()


def test_journal_holds_no_more_bytes_than_it_may(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, max_bytes=4)
    journal.append(b"a\n")
    journal.append(b"b\n")

    with pytest.raises(JournalFullError):
        journal.append(b"c\n")

    take_all(journal)
    journal.append(b"d\n")
    assert take_all(journal) == [b"d\n"]
    journal.release()


def test_closed_journal_takes_no_line_but_gives_those_that_wait(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(b"a\n")
    journal.close()

    with pytest.raises(JournalClosedError):
        journal.append(b"b\n")

    assert take_all(journal) == [b"a\n"]
    journal.release()


def test_line_that_could_never_be_read_is_refused(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, max_bytes=2**30)

    with pytest.raises(ValueError, match="1048577 bytes, accepted are at most 1048576"):
        journal.append(b"x" * module.READ_BYTES + b"\n")

    journal.release()


def test_journal_that_is_never_empty_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROTATE_BYTES", 10)
    journal = make_journal(tmp_path)
    journal.append(b"0\n")
    taken: list[bytes] = []

    for index in range(1, 100):
        journal.append(f"{index}\n".encode())
        lines = journal.read(max_lines=1)
        journal.take(lines)
        taken += lines

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 40
    assert taken + take_all(journal) == [f"{index}\n".encode() for index in range(100)]
    journal.release()
    assert list(tmp_path.iterdir()) == []


def test_journals_that_start_and_end_at_once_lose_no_line_and_double_none(tmp_path: Path) -> None:
    taken: list[bytes] = []

    def run(worker: int) -> None:
        for index in range(40):
            journal = make_journal(tmp_path)
            journal.append(f"{worker}-{index}\n".encode())
            if index % 2:
                taken.extend(take_all(journal))
            journal.release()

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rest = make_journal(tmp_path)
    taken += take_all(rest)
    rest.release()

    expected = [f"{worker}-{index}\n".encode() for worker in range(6) for index in range(40)]
    assert sorted(taken) == sorted(expected)
    assert list(tmp_path.iterdir()) == []
