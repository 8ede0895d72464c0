"""Videos that are decoded while they are still being received."""

import asyncio
import json
import multiprocessing
import os
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.arrivals import ALL_BYTES, COMPLETE, Arrival
from app.decoding import DecodePool, DecodeTimeoutError
from app.gates import Gate
from app.headstarts import STEP_BYTES, HeadStart, HeadStarts
from app.uploads import LONG_UPLOAD_S
from app.workers import Reply, UnreadableAnswerError, reply_nothing
from models.errors import UndecodableMediaError
from models.video.decode import read_windows
from models.video.signatures import HEAD_BYTES, can_be_streamed
from models.video.windows import VideoWindows
from tests.app import jobs
from tests.app.pools import JOB, LIMITS, SPEC, MakePool
from tests.app.posting import COMPARISONS, VIDEO, post_clip
from tests.app.raw import RawAnswer, connecting, parse_answer, read_to_end
from tests.app.running import Running, wait_for
from tests.app.test_decoding import assert_same
from tests.media import barcode_frames, write_video

FAST_START = {"movflags": "+faststart"}
FRAGMENTS = {"movflags": "+frag_keyframe+empty_moov"}
VARIABLE_S = [index / 30 + (index % 7) / 300 for index in range(70)]
PIECE_BYTES = 4096
PART = b'--b\r\nContent-Disposition: form-data; name="clip"; filename="x"\r\n\r\n'
MULTIPART = "multipart/form-data; boundary=b"
WINDOWS: Any = object()


class Asking:
    """Stands for a worker that reads a file: asks, and notes what it is told."""

    def __init__(self, *questions: int) -> None:
        self.told: list[int] = []
        self.may_answer = asyncio.Event()
        self._questions = questions

    async def read(self, _: Path, reply: Reply) -> Any:
        for question in self._questions:
            self.told.append(await reply(question))
            await self.may_answer.wait()
        return WINDOWS


@pytest.fixture
def lanes() -> Gate:
    return Gate("decode", capacity=1, max_waiting=9)


async def settle() -> None:
    """Let others run until they wait for something."""
    for _ in range(9):
        await asyncio.sleep(0)


def test_place_is_taken_only_while_the_worker_computes(lanes: Gate, tmp_path: Path) -> None:
    async def run() -> None:
        arrival, worker = Arrival(tmp_path), Asking(5, 20)
        head_start = HeadStart(arrival, lanes=lanes, read=worker.read)
        arrival.grow(4)
        await settle()
        assert (worker.told, lanes.is_idle) == ([], True)  # so much has not come
        arrival.grow(6)
        await settle()
        assert (worker.told, lanes.is_idle) == ([10 << 1], False)
        worker.may_answer.set()
        await settle()
        assert (len(worker.told), lanes.is_idle) == (1, True)  # it has read what it may
        arrival.end()
        assert await head_start.finish() is WINDOWS
        assert (worker.told[1:], lanes.is_idle) == ([10 << 1 | COMPLETE], True)

    asyncio.run(run())


def test_head_start_waits_for_requests_that_are_complete(lanes: Gate, tmp_path: Path) -> None:
    async def run() -> None:
        arrival, worker = Arrival(tmp_path), Asking(5)
        worker.may_answer.set()
        async with lanes.enter():
            head_start = HeadStart(arrival, lanes=lanes, read=worker.read)
            arrival.grow(10)
            await asyncio.sleep(0.05)
            assert worker.told == []
        async with asyncio.timeout(5):
            while not worker.told:
                await asyncio.sleep(0.01)
        await head_start.close()

    asyncio.run(run())


def test_requests_that_are_complete_wait_for_no_head_start(lanes: Gate, tmp_path: Path) -> None:
    async def run() -> None:
        arrival, worker = Arrival(tmp_path), Asking(5, STEP_BYTES + 1)
        head_start = HeadStart(arrival, lanes=lanes, read=worker.read)
        arrival.grow(4 * STEP_BYTES)
        await settle()
        assert (worker.told, head_start.share_left) == ([STEP_BYTES << 1], 0.75)
        async with asyncio.timeout(1), lanes.enter():
            worker.may_answer.set()
            await settle()
            assert len(worker.told) == 1
        await head_start.close()

    asyncio.run(run())


def test_request_with_a_place_goes_on_at_once(lanes: Gate, tmp_path: Path) -> None:
    async def run() -> None:
        arrival, worker = Arrival(tmp_path), Asking(5)
        worker.may_answer.set()
        async with lanes.enter():
            head_start = HeadStart(arrival, lanes=lanes, read=worker.read)
            arrival.grow(10 * STEP_BYTES)
            arrival.end()
            await settle()
            assert head_start.share_left == 1
            assert await head_start.finish() is WINDOWS
        assert worker.told == [10 * STEP_BYTES << 1 | COMPLETE]
        assert head_start.share_left == 0

    asyncio.run(run())


def test_head_start_that_failed_keeps_nothing(lanes: Gate, tmp_path: Path) -> None:
    async def fail(_: Path, reply: Reply) -> VideoWindows:
        await reply(5)
        raise UndecodableMediaError("not in one go")

    async def run() -> None:
        head_starts, arrival = HeadStarts(lanes=lanes, max_num=1), Arrival(tmp_path)
        async with head_starts.allow(fail) as begin:
            head_start = begin(arrival)
            assert head_start is not None
            assert begin(arrival) is None
            arrival.grow(10)
            await settle()
            assert (head_start.has_failed, head_start.share_left) == (True, 1)
            assert lanes.is_idle
            assert begin(arrival) is not None
            assert await head_start.finish() is None

    asyncio.run(run())


@pytest.mark.parametrize("questions", [(5, 5), (ALL_BYTES, ALL_BYTES)])
def test_worker_that_asks_for_what_it_was_told_is_not_answered(
    lanes: Gate, tmp_path: Path, questions: tuple[int, ...]
) -> None:
    async def run() -> None:
        arrival, worker = Arrival(tmp_path), Asking(*questions)
        worker.may_answer.set()
        head_start = HeadStart(arrival, lanes=lanes, read=worker.read)
        arrival.grow(10)
        arrival.end()
        with pytest.raises(UnreadableAnswerError, match=f"asked for {questions[1]} bytes"):
            await head_start.finish()

    asyncio.run(run())


def test_nothing_is_begun_while_others_compute(lanes: Gate, tmp_path: Path) -> None:
    async def run() -> None:
        head_starts, worker = HeadStarts(lanes=lanes, max_num=1), Asking(5)
        async with head_starts.allow(worker.read) as begin:
            async with lanes.enter():
                assert begin(Arrival(tmp_path)) is None
            assert begin(Arrival(tmp_path)) is not None

    asyncio.run(run())


def test_head_starts_are_bounded_and_end_with_their_upload(lanes: Gate, tmp_path: Path) -> None:
    async def run() -> None:
        head_starts, worker = HeadStarts(lanes=lanes, max_num=1), Asking(5)
        async with head_starts.allow(worker.read) as begin:
            head_start = begin(Arrival(tmp_path))
            assert head_start is not None
            async with head_starts.allow(worker.read) as begin_another:
                assert begin_another(Arrival(tmp_path)) is None
        with pytest.raises(asyncio.CancelledError):
            await head_start.finish()
        async with head_starts.allow(worker.read) as begin:
            assert begin(Arrival(tmp_path)) is not None

    asyncio.run(run())


async def receive(data: bytes, path: Path, arrival: Arrival, *, pause_s: float = 0.0) -> None:
    """Write a file in pieces, as an upload does."""
    for start in range(0, len(data), PIECE_BYTES):
        piece = data[start : start + PIECE_BYTES]
        with path.open("ab") as file:
            file.write(piece)
        arrival.grow(len(piece))
        await asyncio.sleep(pause_s)
    arrival.end()


async def read_arriving(
    pool: DecodePool, data: bytes, path: Path, *, pause_s: float = 0.0
) -> VideoWindows | None:
    """Decode a file while it is written; None if it cannot be read in one go."""
    path.touch()
    lanes = Gate("decode", capacity=1, max_waiting=0)

    def read(path: Path, reply: Reply) -> Coroutine[Any, Any, VideoWindows]:
        return pool.read_arriving(path, JOB, reply=reply)

    arrival = Arrival(path)
    head_start = HeadStart(arrival, lanes=lanes, read=read)
    await receive(data, path, arrival, pause_s=pause_s)
    return await head_start.finish()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("index_first.mp4", {"container_options": FAST_START}),
        ("sound.mp4", {"container_options": FAST_START, "with_audio": True}),
        ("turned.mov", {"container_options": FAST_START, "rotation_degrees": 90}),
        ("variable.mp4", {"container_options": FAST_START, "times_s": VARIABLE_S}),
        ("hevc.mp4", {"container_options": FAST_START, "codec": "libx265"}),
        ("mpeg4.mp4", {"container_options": FAST_START, "codec": "mpeg4"}),
        ("plain.mkv", {}),
        ("variable.mkv", {"times_s": VARIABLE_S}),
        ("sound.mkv", {"with_audio": True}),
        ("vp9.webm", {"codec": "libvpx-vp9"}),
        ("plain.ts", {}),
        ("sound.ts", {"with_audio": True}),
    ],
)
def test_windows_are_those_of_the_complete_file(
    make_pool: MakePool, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    path = write_video(tmp_path / name, barcode_frames(70), **options)
    data = path.read_bytes()

    video = asyncio.run(read_arriving(make_pool(), data, tmp_path / "arriving"))

    assert can_be_streamed(data[:HEAD_BYTES])
    assert video is not None
    assert_same(video, read_windows(path, SPEC))


def half_as_long(data: bytes) -> bytes:
    """Have the header of an MP4 file's track say half of its length."""
    header = data.index(b"mdhd") + 4
    (duration,) = struct.unpack_from(">I", data, header + 16)
    return data[: header + 16] + struct.pack(">I", duration // 2) + data[header + 20 :]


def without_a_chunk(data: bytes) -> bytes:
    """Have the index of an MP4 file put its pictures behind the end of the file."""
    table = data.index(b"stco") + 4
    return data[: table + 8] + struct.pack(">I", len(data)) + data[table + 12 :]


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({}, bytes),  # the index comes last
        ({"container_options": FRAGMENTS}, bytes),
        ({"container_options": FAST_START}, half_as_long),
        ({"container_options": FAST_START}, without_a_chunk),
        ({"container_options": FAST_START}, lambda data: data[:-500]),
    ],
)
def test_video_that_cannot_be_read_in_one_go_is_left_to_who_has_it_complete(
    make_pool: MakePool, tmp_path: Path, options: dict[str, Any], change: Callable[[bytes], bytes]
) -> None:
    path = write_video(tmp_path / "clip.mp4", noise_frames(70), **options)
    data = change(path.read_bytes())

    assert asyncio.run(read_arriving(make_pool(), data, tmp_path / "arriving")) is None


def test_time_in_which_nothing_comes_does_not_count(make_pool: MakePool, tmp_path: Path) -> None:
    data = write_video(tmp_path / "clip.mkv", barcode_frames(70)).read_bytes()
    pool, pause_s = make_pool(timeout_s=1.0), 1.5 * PIECE_BYTES / len(data)
    started = time.monotonic()

    video = asyncio.run(read_arriving(pool, data, tmp_path / "arriving", pause_s=pause_s))

    assert time.monotonic() - started > 1.2
    assert video is not None
    assert video.info.num_frames == 70


def test_time_between_questions_adds_up(make_pool: MakePool) -> None:
    async def reply(question: int) -> int:
        await asyncio.sleep(0.1)
        return question

    pool = make_pool(timeout_s=1.0)
    working = pool._work(partial(jobs.ask_slowly, 0.3), SPEC, LIMITS, reply=reply)

    with pytest.raises(DecodeTimeoutError):
        asyncio.run(working)


def test_time_of_the_worker_counts(make_pool: MakePool, tmp_path: Path) -> None:
    never_opened = tmp_path / "pipe"
    os.mkfifo(never_opened)
    pool = make_pool(timeout_s=0.5)
    reading = pool.read_arriving(never_opened, JOB, reply=reply_nothing)

    with pytest.raises(DecodeTimeoutError):
        asyncio.run(reading)


def noise_frames(num_frames: int) -> NDArray[np.uint8]:
    """Draw what no codec makes small."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (num_frames, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def slow_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Some 100 kB that can be read in one go."""
    path = tmp_path_factory.mktemp("media") / "clip.mkv"
    write_video(path, noise_frames(30), frame_rate_hz=10, codec="mpeg4")
    return path.read_bytes()


@dataclass
class Spy:
    """Notes how many files are decoded while they arrive, and how far that has come."""

    num_now: int = 0
    num_most: int = 0
    num_told: int = 0


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy, read_arriving = Spy(), DecodePool.read_arriving

    async def read(pool: DecodePool, *args: Any, reply: Reply, **options: Any) -> VideoWindows:
        async def note(num_bytes: int) -> int:
            told = await reply(num_bytes)
            spy.num_told = told >> 1
            return told

        spy.num_now += 1
        spy.num_most = max(spy.num_most, spy.num_now)
        try:
            return await read_arriving(pool, *args, reply=note, **options)
        finally:
            spy.num_now -= 1

    monkeypatch.setattr(DecodePool, "read_arriving", read)
    return spy


@contextmanager
def sending_slowly(
    client: httpx.Client, body: bytes, *, target: str = VIDEO, kind: str = "video/mp4"
) -> Iterator[socket.socket]:
    """Send all but the last third of a body, longer than a body may take to be decoded at once."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {client.base_url.host}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with connecting(client) as connection:
        connection.sendall(head.encode() + body[:HEAD_BYTES])
        time.sleep(2 * LONG_UPLOAD_S)
        connection.sendall(body[HEAD_BYTES : 2 * len(body) // 3])
        yield connection


def send_rest(connection: socket.socket, body: bytes) -> RawAnswer:
    connection.sendall(body[2 * len(body) // 3 :])
    return parse_answer(read_to_end(connection))


def is_at_rest(running: Running) -> bool:
    service = running.service
    lanes = service.lanes
    num_lent = sum([lanes.borrow() for _ in range(service.settings.num_lanes)])
    for _ in range(num_lent):
        lanes.give_back()
    is_free = num_lent == service.settings.num_lanes and not service.uploads.num_inside
    return is_free and not any(service.spool.iterdir())


@pytest.mark.parametrize(
    "target",
    [
        VIDEO,
        f"{VIDEO}?decode=fast&stride_s=0.5",
        f"{COMPARISONS}?models=tiny-fp32&models=tiny-int8",
    ],
)
@pytest.mark.parametrize("is_multipart", [True, False])
def test_slow_upload_is_decoded_while_it_comes(
    running: Running, slow_clip: bytes, spy: Spy, target: str, is_multipart: bool
) -> None:
    body, kind = slow_clip, "video/mp4"
    if is_multipart:
        body, kind = PART + slow_clip + b"\r\n--b--\r\n", MULTIPART
    expected = running.client.post(target, content=body, headers={"content-type": kind}).json()
    assert spy.num_most == 0

    with sending_slowly(running.client, body, target=target, kind=kind) as connection:
        wait_for(lambda: spy.num_told > len(body) / 3)
        answer = send_rest(connection, body)

    found = json.loads(answer.body)
    assert answer.status == 200
    for key in ("clip", "windows", "media"):
        assert found.get(key) == expected.get(key)
    assert found["timings"]["upload_ms"] > 1000 * LONG_UPLOAD_S
    wait_for(lambda: is_at_rest(running))


def test_client_that_goes_away_in_its_video_is_forgotten(
    running: Running, slow_clip: bytes, spy: Spy
) -> None:
    with sending_slowly(running.client, slow_clip):
        wait_for(lambda: spy.num_told > 0)

    wait_for(lambda: is_at_rest(running))
    assert post_clip(running.client, slow_clip).status_code == 200


def test_upload_that_turns_out_wrong_is_refused(
    running: Running, slow_clip: bytes, spy: Spy
) -> None:
    body = PART + slow_clip + b"\r\n" + PART + b"again\r\n--b--\r\n"

    with sending_slowly(running.client, body, kind=MULTIPART) as connection:
        wait_for(lambda: spy.num_told > 0)
        answer = send_rest(connection, body)

    assert (answer.status, answer.problem["code"]) == (422, "invalid_upload")
    wait_for(lambda: is_at_rest(running))


@pytest.mark.parametrize("num_bytes_lost", [0, 20_000])
def test_video_that_cannot_be_read_in_one_go_is_answered_when_it_is_complete(
    running: Running, tmp_path: Path, spy: Spy, num_bytes_lost: int
) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, noise_frames(30), frame_rate_hz=10, container_options=FRAGMENTS)
    body = path.read_bytes()
    body = body[: len(body) - num_bytes_lost]
    expected = post_clip(running.client, body)

    with sending_slowly(running.client, body) as connection:
        wait_for(lambda: spy.num_told > 0 and not spy.num_now)
        answer = send_rest(connection, body)

    found = json.loads(answer.body)
    assert answer.status == expected.status_code == (422 if num_bytes_lost else 200)
    for key in ("clip", "windows", "media", "code", "detail"):
        assert found.get(key) == expected.json().get(key)


def test_upload_that_came_while_others_computed_is_begun_later(
    running: Running, slow_clip: bytes, spy: Spy
) -> None:
    lanes = running.service.lanes
    held = [lanes.borrow() for _ in range(running.service.settings.num_lanes)]
    assert all(held)  # what a test before this one borrowed was given back

    with sending_slowly(running.client, slow_clip) as connection:
        time.sleep(0.1)
        assert spy.num_most == 0
        for _ in held:
            lanes.give_back()
        answer = send_rest(connection, slow_clip)

    assert (answer.status, spy.num_most) == (200, 1)


def test_worker_that_dies_early_costs_its_request(
    running: Running, slow_clip: bytes, spy: Spy
) -> None:
    before = {worker.pid for worker in multiprocessing.active_children()}
    with sending_slowly(running.client, slow_clip) as connection:
        wait_for(lambda: spy.num_told > len(slow_clip) / 3)
        for worker in multiprocessing.active_children():
            worker.kill()
        answer = send_rest(connection, slow_clip)

    assert before
    assert (answer.status, answer.problem["code"]) == (422, "decoder_crashed")
    assert post_clip(running.client, slow_clip).status_code == 200


def test_slow_uploads_hold_up_nobody(running: Running, slow_clip: bytes, spy: Spy) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(sending_slowly(running.client, slow_clip)) for _ in range(5)]
        wait_for(lambda: spy.num_told > 0)
        answered = [post_clip(running.client, slow_clip).status_code for _ in range(5)]
        late = [send_rest(connection, slow_clip).status for connection in slow]

    assert 0 < spy.num_most <= running.service.settings.num_decode_workers
    assert (answered, late) == ([200] * 5, [200] * 5)
    wait_for(lambda: is_at_rest(running))


def test_video_with_its_index_at_the_end_is_not_begun(
    running: Running, clip_path: Path, spy: Spy
) -> None:
    body = clip_path.read_bytes()

    with sending_slowly(running.client, body) as connection:
        answer = send_rest(connection, body)

    assert (answer.status, spy.num_most) == (200, 0)
