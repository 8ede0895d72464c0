"""What happens when much happens at once, or something takes too long."""

import asyncio
import random
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import uploads
from app.api import exchange
from app.decoding import DecodePool, DecodeTimeoutError, DecodeWorkerDiedError
from app.gates import QueueFullError
from models.video.windows import VideoWindows
from tests.app.posting import COMPARISONS, FRAMES, VIDEO, assert_problem, npy_bytes, post_clip
from tests.app.running import Running, make_settings, run_service, wait_for
from tests.media import barcode_frames, write_video

MakeService = Callable[..., Running]
MODELS = ("tiny-fp32", "tiny-int8")
MP4 = {"content-type": "video/mp4"}


class SlowDecoding:
    """Holds every decode back until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.num_started = 0
        self.num_canceled = 0
        self._may_go = threading.Event()
        self._read = DecodePool.read_windows
        monkeypatch.setattr(DecodePool, "read_windows", self._read_slowly())

    def let_go(self) -> None:
        self._may_go.set()

    def _read_slowly(self) -> Callable[..., Any]:
        async def read(pool: DecodePool, *args: Any, **options: Any) -> VideoWindows:
            self.num_started += 1
            try:
                while not self._may_go.is_set():
                    await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                self.num_canceled += 1
                raise
            return await self._read(pool, *args, **options)

        return read


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDecoding]:
    decoding = SlowDecoding(monkeypatch)
    yield decoding
    decoding.let_go()


@contextmanager
def posting(client: httpx.Client, clip: Path, *, number: int) -> Iterator[list[httpx.Response]]:
    """Post a clip several times at once; the responses are there at the end of the statement."""
    responses: list[httpx.Response] = []
    with ThreadPoolExecutor(number) as threads:
        futures = [threads.submit(post_clip, client, clip) for _ in range(number)]
        yield responses
        responses += [future.result() for future in futures]


class Mixture:
    """Requests of every kind, good and bad, each with the answer that belongs to it.

    Args:
        client: Asks.
        folder: Takes the clips.
    """

    def __init__(self, client: httpx.Client, folder: Path) -> None:
        self._client = client
        self._arrays = [barcode_frames(16)[index : index + 4] for index in range(4)]
        self._clips = [
            write_video(folder / f"{index}.mp4", barcode_frames(40)[5 * index :], frame_rate_hz=10)
            for index in range(4)
        ]
        self._kinds = (self._video, self._array, self._comparison, self._garbage, self._truncated)
        self.num_requests = 4 * 2 * len(self._kinds)

    def ask(self, index: int) -> object:
        """Ask the request of an index and return what is the same whenever it is asked."""
        turn, kind = divmod(index, len(self._kinds))
        response = self._kinds[kind](turn % 4, MODELS[turn // 4], f"request-{index:04}")
        assert response.headers["x-request-id"] == f"request-{index:04}"
        answer = response.json()
        compared = [(one["model"], one["windows"]) for one in answer.get("answers", ())]
        return response.status_code, answer.get("code"), answer.get("windows"), compared

    def _post(self, path: str, data: bytes, request_id: str, **query: Any) -> httpx.Response:
        kind = "application/x-npy" if path == FRAMES else "video/mp4"
        headers = {"content-type": kind, "x-request-id": request_id}
        return self._client.post(path, content=data, headers=headers, params=query)

    def _video(self, index: int, model: str, request_id: str) -> httpx.Response:
        return self._post(VIDEO, self._clips[index].read_bytes(), request_id, model=model)

    def _array(self, index: int, model: str, request_id: str) -> httpx.Response:
        return self._post(FRAMES, npy_bytes(self._arrays[index]), request_id, model=model)

    def _comparison(self, index: int, model: str, request_id: str) -> httpx.Response:
        clip = self._clips[index].read_bytes()
        return self._post(COMPARISONS, clip, request_id, models=MODELS)

    def _garbage(self, index: int, model: str, request_id: str) -> httpx.Response:
        return self._post(VIDEO, b"no video", request_id, model=model)

    def _truncated(self, index: int, model: str, request_id: str) -> httpx.Response:
        return self._post(VIDEO, self._clips[index].read_bytes()[:-2000], request_id, model=model)


@pytest.mark.parametrize("seed", range(3))
def test_every_one_of_many_mixed_requests_gets_the_one_answer_that_belongs_to_it(
    model_dir: Path, tmp_path: Path, seed: int
) -> None:
    with run_service(make_settings(model_dir, decode_queue_s=1000)) as running:
        mixture = Mixture(running.client, tmp_path)
        order = list(range(mixture.num_requests))
        alone = {index: mixture.ask(index) for index in order}
        random.Random(seed).shuffle(order)
        with ThreadPoolExecutor(12) as threads:
            together = dict(zip(order, threads.map(mixture.ask, order), strict=True))

    assert together == alone


def test_no_more_requests_compute_at_once_than_fit_the_cores(
    model_dir: Path, clip_path: Path, slow: SlowDecoding
) -> None:
    settings = make_settings(model_dir, cores=2, decode_queue_s=7)
    with run_service(settings) as running, posting(running.client, clip_path, number=4) as answers:
        wait_for(lambda: running.service.lanes.num_waiting == 2)
        num_started = slow.num_started
        live = running.client.get("/health/live")
        refused = post_clip(running.client, clip_path)
        slow.let_go()

    assert num_started == 2
    assert live.status_code == 200
    problem = assert_problem(refused, 503, "queue_full")
    assert (problem["queue"], problem["accepted"], problem["unit"]) == ("decode", 7, "s of video")
    assert refused.headers["retry-after"] == "1"
    assert [response.status_code for response in answers] == [200] * 4


def test_no_more_uploads_are_held_than_may_be(
    model_dir: Path, clip_path: Path, slow: SlowDecoding
) -> None:
    settings = make_settings(model_dir, max_uploads=1)
    with run_service(settings) as running, posting(running.client, clip_path, number=1) as answers:
        wait_for(lambda: slow.num_started == 1)
        refused = post_clip(running.client, clip_path)
        slow.let_go()

    assert assert_problem(refused, 503, "queue_full")["queue"] == "upload"
    assert answers[0].status_code == 200


def test_refusal_is_held_back_for_a_while(
    model_dir: Path, clip_path: Path, slow: SlowDecoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "REFUSAL_S", 0.3)
    settings = make_settings(model_dir, cores=1, decode_queue_s=3)
    with run_service(settings) as running, posting(running.client, clip_path, number=2) as answers:
        wait_for(lambda: running.service.lanes.num_waiting == 1)
        refused = post_clip(running.client, clip_path)
        slow.let_go()

    assert_problem(refused, 503, "queue_full")
    assert refused.elapsed.total_seconds() >= 0.3
    assert [response.status_code for response in answers] == [200, 200]


def test_request_that_takes_too_long_is_given_up(
    model_dir: Path, clip_path: Path, slow: SlowDecoding
) -> None:
    with run_service(make_settings(model_dir, request_timeout_s=0.3)) as running:
        late = post_clip(running.client, clip_path)
        slow.let_go()
        answered = post_clip(running.client, clip_path)

    assert assert_problem(late, 504, "deadline_exceeded")["accepted_s"] == 0.3
    assert slow.num_canceled == 1
    assert answered.status_code == 200


@pytest.mark.parametrize(("asked_ms", "accepted_s"), [(200, 0.2), (900_000, 0.4)])
def test_client_may_wait_for_less_than_the_service_allows_and_not_for_more(
    model_dir: Path, clip_path: Path, slow: SlowDecoding, asked_ms: int, accepted_s: float
) -> None:
    headers = {**MP4, "X-Request-Timeout-Ms": str(asked_ms)}
    with run_service(make_settings(model_dir, request_timeout_s=0.4)) as running:
        late = running.client.post(VIDEO, content=clip_path.read_bytes(), headers=headers)
        slow.let_go()

    assert assert_problem(late, 504, "deadline_exceeded")["accepted_s"] == accepted_s


@pytest.mark.parametrize("asked_ms", ["0", "-1", "soon", "99999999999", ""])
def test_wrong_timeout_is_refused(client: httpx.Client, clip_path: Path, asked_ms: str) -> None:
    headers = {**MP4, "X-Request-Timeout-Ms": asked_ms}

    refused = client.post(VIDEO, content=clip_path.read_bytes(), headers=headers)

    faults = assert_problem(refused, 422, "invalid_request")["faults"]
    assert faults[0]["parameter"] == "x-request-timeout-ms"


def test_long_clip_takes_the_place_of_many_short_ones(
    model_dir: Path, clip_path: Path, tmp_path: Path, slow: SlowDecoding
) -> None:
    long = write_video(tmp_path / "long.mp4", barcode_frames(60), frame_rate_hz=4)
    settings = make_settings(model_dir, cores=1, decode_queue_s=12)
    with run_service(settings) as running, posting(running.client, clip_path, number=1):
        lanes = running.service.lanes
        wait_for(lambda: lanes.num_inside == 1)
        with posting(running.client, clip_path, number=2) as short_ones:
            wait_for(lambda: lanes.num_waiting == 2)
            refused = post_clip(running.client, long)
            slow.let_go()

    assert_problem(refused, 503, "queue_full")
    assert [response.status_code for response in short_ones] == [200, 200]


def test_client_that_asks_too_often_is_told_when_to_come_again(
    model_dir: Path, clip_path: Path
) -> None:
    with run_service(make_settings(model_dir, max_requests_per_minute=2)) as running:
        codes = [post_clip(running.client, clip_path).status_code for _ in range(2)]
        refused = post_clip(running.client, clip_path)
        health = running.client.get("/health/ready")
        metrics = running.client.get("/metrics").text

    problem = assert_problem(refused, 429, "rate_exceeded")
    assert (problem["limit"], problem["accepted"]) == ("max_requests_per_minute", 2)
    assert 25 <= int(refused.headers["retry-after"]) <= 30
    assert (codes, health.status_code) == ([200, 200], 200)
    assert 'driver_activity_rejected_total{reason="rate_exceeded"} 1.0' in metrics


def test_client_that_goes_away_is_not_worked_for(
    model_dir: Path, clip_path: Path, slow: SlowDecoding, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with run_service(make_settings(model_dir)) as running:
        with pytest.raises(httpx.ReadTimeout):
            running.client.post(VIDEO, content=clip_path.read_bytes(), headers=MP4, timeout=0.3)
        wait_for(lambda: slow.num_canceled == 1)
        slow.let_go()
        answered = post_clip(running.client, clip_path)
        left = list(running.service.spool.iterdir())
        metrics = running.client.get("/metrics").text

    assert 'abandoned_video_seconds_total{stage="decode"} 3.0' in metrics
    assert answered.status_code == 200
    assert left == []
    assert '"code": "abandoned"' in caplog.text


def test_client_that_goes_away_leaves_the_queue(
    model_dir: Path, clip_path: Path, slow: SlowDecoding
) -> None:
    clip = clip_path.read_bytes()
    settings = make_settings(model_dir, cores=1)
    with run_service(settings) as running, posting(running.client, clip_path, number=1) as answers:
        lanes = running.service.lanes
        wait_for(lambda: lanes.num_inside == 1)
        with pytest.raises(httpx.ReadTimeout):
            running.client.post(VIDEO, content=clip, headers=MP4, timeout=0.3)
        wait_for(lambda: lanes.num_waiting == 0)
        metrics = running.client.get("/metrics").text
        slow.let_go()

    assert 'abandoned_video_seconds_total{stage="queue"} 3.0' in metrics
    assert (slow.num_started, answers[0].status_code) == (1, 200)


def test_client_that_goes_away_while_it_uploads_leaves_nothing(
    model_dir: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(uploads, "FLUSH_BYTES", 1)
    with run_service(make_settings(model_dir)) as running:
        host, port = running.client.base_url.host, running.client.base_url.port
        with socket.create_connection((host, port)) as connection:
            head = f"POST {VIDEO} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
            connection.sendall(f"{head}Content-Length: 100\r\n\r\nhalf".encode())
            wait_for(lambda: any(running.service.spool.iterdir()))
        wait_for(lambda: '"code": "abandoned"' in caplog.text)

        assert list(running.service.spool.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DecodeWorkerDiedError("the decoder ended with exit code -11"), 422, "decoder_crashed"),
        (DecodeTimeoutError(5), 504, "decode_timeout"),
        (QueueFullError("decode", 1, 6, "s of video"), 503, "queue_full"),
    ],
)
def test_failure_of_a_worker_costs_one_request(
    model_dir: Path,
    clip_path: Path,
    error: Exception,
    status: int,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    with run_service(make_settings(model_dir)) as running:
        with monkeypatch.context() as patch:
            patch.setattr(DecodePool, "read_windows", fail)
            failed = post_clip(running.client, clip_path)
        answered = post_clip(running.client, clip_path)

    assert_problem(failed, status, code)
    assert answered.status_code == 200
