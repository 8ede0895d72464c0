"""Bodies that are too large, or too slow, of requests of every kind."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.app.posting import VIDEO, assert_problem, post_clip
from tests.app.raw import connecting, parse_answer, read_to_end
from tests.app.running import Running, make_settings, run_service, wait_for

MAX_BYTES = 10_000
DOCUMENT_ROUTES = [
    ("POST", "/v1/experiments"),
    ("PATCH", "/v1/experiments/trial"),
    ("PUT", "/v1/aliases/default"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/models"),
    ("GET", "/health/live"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("DELETE", "/v1/experiments/trial"),
    ("POST", "/nowhere"),
]


@pytest.fixture(scope="module")
def strict(model_dir: Path) -> Iterator[Running]:
    settings = make_settings(model_dir, max_document_bytes=MAX_BYTES, request_timeout_s=1)
    with run_service(settings) as running:
        yield running


@pytest.mark.parametrize(("method", "path"), DOCUMENT_ROUTES)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_large_body_is_refused_on_every_route(
    strict: Running, method: str, path: str, is_chunked: bool
) -> None:
    body = b"{" + bytes(MAX_BYTES)
    content = iter([body[:5000], body[5000:]]) if is_chunked else body

    response = strict.client.request(method, path, content=content)

    problem = assert_problem(response, 413, "upload_too_large")
    assert (problem["limit"], problem["accepted"]) == ("max_document_bytes", MAX_BYTES)
    assert problem["found"] == MAX_BYTES + 1


def test_announced_body_is_refused_before_it_is_sent(strict: Running) -> None:
    with connecting(strict.client) as connection:
        connection.sendall(b"POST /v1/experiments HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
        connection.sendall(b"Content-Length: 1000000000\r\n\r\n")
        answer = parse_answer(read_to_end(connection))

    assert answer.status == 413


def test_body_at_the_limit_is_read(strict: Running) -> None:
    response = strict.client.post(
        "/v1/feedback", content=bytes(MAX_BYTES), headers={"content-type": "text/csv"}
    )

    assert_problem(response, 422, "invalid_upload")


@pytest.mark.parametrize(
    "head",
    [
        f"POST {VIDEO} HTTP/1.1\r\nContent-Type: video/mp4\r\n",
        "POST /v1/feedback HTTP/1.1\r\nContent-Type: application/json\r\n",
        "PUT /v1/aliases/default HTTP/1.1\r\nContent-Type: application/json\r\n",
        "GET /v1/models HTTP/1.1\r\n",
    ],
)
def test_slow_bodies_end_at_the_time_limit_and_hold_nothing_up(
    strict: Running, clip_path: Path, head: str
) -> None:
    def drip() -> int:
        with connecting(strict.client) as connection:
            connection.sendall(f"{head}Host: x\r\nContent-Length: 1000\r\n\r\n".encode())
            for _ in range(30):
                time.sleep(0.1)
                try:
                    connection.sendall(b"x")
                    connection.settimeout(0.001)
                    return parse_answer(connection.recv(10_000)).status
                except TimeoutError:
                    connection.settimeout(5)
        return 0

    with ThreadPoolExecutor(8) as threads:
        slow = [threads.submit(drip) for _ in range(8)]
        time.sleep(0.2)
        answered = [post_clip(strict.client, clip_path).status_code for _ in range(3)]
        live_s = [strict.client.get("/health/live").elapsed.total_seconds() for _ in range(10)]
        statuses = [future.result() for future in slow]

    assert answered == [200] * 3
    assert sorted(live_s)[5] < 0.05
    assert statuses == [504] * 8
    wait_for(lambda: strict.service.uploads.num_inside == 0)
    assert list(strict.service.spool.iterdir()) == []


def test_client_that_goes_away_in_its_body_is_forgotten(
    strict: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with connecting(strict.client) as connection:
        connection.sendall(b"POST /v1/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.1)

    wait_for(lambda: '"code": "abandoned"' in caplog.text)
    assert "Traceback" not in caplog.text


def test_upload_may_be_larger_than_a_document(strict: Running, clip_path: Path) -> None:
    big = clip_path.read_bytes() + bytes(2 * MAX_BYTES)

    assert post_clip(strict.client, big).status_code == 200
