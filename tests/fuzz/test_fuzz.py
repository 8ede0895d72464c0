"""A short hunt in the tests; `make soak` goes on a long one."""

from pathlib import Path

import pytest

from tests.clips import KINDS, make_clips
from tests.fuzz.hunt import MAX_GROWTH_BYTES, Ground, Hunt, hunt
from tests.fuzz.mutation import mutate

SEED = 0
NUM_CASES = 200


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return make_clips(tmp_path_factory.mktemp("clips"), num_frames=24)


def make_ground(folder: Path, clips: dict[str, bytes]) -> Ground:
    lines: list[str] = []
    return Ground(clips=clips, seed=SEED, folder=folder, num_workers=2, report=lines.append)


def test_no_damage_gives_anything_but_an_answer_or_a_named_error(
    tmp_path: Path, clips: dict[str, bytes]
) -> None:
    found = hunt(make_ground(tmp_path, clips), range(NUM_CASES))

    assert found.failures == {}
    assert found.outcomes.total() == NUM_CASES
    assert {"answer", "UndecodableMediaError", "UnsupportedMediaError"} <= found.outcomes.keys()
    assert list(tmp_path.iterdir()) == []


def test_case_is_the_same_whenever_it_is_asked_for(clips: dict[str, bytes]) -> None:
    first = [mutate(clips, case, seed=SEED) for case in range(40)]

    assert [mutate(clips, case, seed=SEED) for case in reversed(range(40))] == first[::-1]
    assert {name for name, _ in first} == KINDS.keys()
    assert sum(data != clips[name] for name, data in first) >= 38
    assert mutate(clips, 0, seed=SEED + 1) != first[0]


def test_failure_is_told_and_its_file_is_kept(
    tmp_path: Path, clips: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = make_ground(tmp_path, clips)
    monkeypatch.setattr("tests.fuzz.hunt.MODES", ("no such mode",))

    found = hunt(ground, [7])

    name, data = mutate(clips, 7, seed=SEED)
    assert found.has_failed
    assert found.failures[7].startswith(f'{name}: failed: RuntimeError("decoding failed: KeyError')
    assert (tmp_path / f"{SEED}-7-{name}").read_bytes() == data


def test_memory_that_grows_is_a_failure() -> None:
    steady = [100] * 50
    leaking = [100 + index * MAX_GROWTH_BYTES // 20 for index in range(50)]

    assert not Hunt(worker_bytes=steady).has_failed
    assert Hunt(worker_bytes=leaking).has_failed
    assert not Hunt(worker_bytes=leaking[:3]).has_failed
