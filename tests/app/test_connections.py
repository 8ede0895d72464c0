"""What a connection may hold of the service, without and with a request."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app import connections
from app.connections import MAX_HEAD_BYTES
from tests.app.posting import VIDEO, post_clip
from tests.app.raw import ask, connecting, parse_answer, read_to_end
from tests.app.running import Running, make_settings, run_service, wait_for

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
UPLOAD = f"POST {VIDEO} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n".encode()
WITH_BODY = UPLOAD + b"Content-Length: 50000\r\n\r\n" + bytes(50000)
FILE_PATH = "/static-offline-docs/swagger-ui-bundle.js"
FILE = f"GET {FILE_PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.fixture
def hasty(running: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The service, whose patience is a moment."""
    for name in ("HEAD_TIMEOUT_S", "REST_TIMEOUT_S", "WRITE_TIMEOUT_S"):
        monkeypatch.setattr(connections, name, 0.3)
    return running


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS handshake
        b"not HTTP\r\n\r\n",
        b"GET /health/live HTTP/9.9\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nbad name: x\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        UPLOAD + b"Content-Length: -1\r\n\r\n",
        UPLOAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        UPLOAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n",
    ],
)
def test_what_is_no_http_is_answered_with_a_problem_and_closed(
    running: Running, request_bytes: bytes
) -> None:
    answer = ask(running.client, request_bytes)

    assert (answer.status, answer.problem["code"]) == (400, "malformed_request")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == answer.problem["request_id"]
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET /health/live?" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n" + b"X: a\r\n" * MAX_HEAD_BYTES + b"\r\n",
        b"GET /health/live HTTP/1.1\r\nX: " + b"a" * 5 * MAX_HEAD_BYTES,  # goes on and on
        LIVE + b"GET /health/live HTTP/1.1\r\nX: " + b"a" * 5 * MAX_HEAD_BYTES,
        WITH_BODY + b"GET /health/live HTTP/1.1\r\nX: " + b"a" * 2 * MAX_HEAD_BYTES,
    ],
)
def test_large_head_is_refused(running: Running, head: bytes) -> None:
    with connecting(running.client) as connection:
        connection.sendall(head)
        received = read_to_end(connection)

    last = received[received.rindex(b"HTTP/1.1 ") :]
    assert parse_answer(last).status == 431
    assert parse_answer(last).problem["code"] == "head_too_large"


def test_head_after_a_body_larger_than_a_head_is_taken(running: Running) -> None:
    head = b"GET /health/live HTTP/1.1\r\nX: " + b"a" * (MAX_HEAD_BYTES - 1000)

    with connecting(running.client) as connection:
        connection.sendall(WITH_BODY + head + b"\r\nConnection: close\r\n\r\n")
        received = read_to_end(connection)

    assert parse_answer(received[received.rindex(b"HTTP/1.1 ") :]).status == 200


def test_head_below_the_limit_is_taken(running: Running) -> None:
    response = running.client.get("/health/live", headers={"X": "a" * (MAX_HEAD_BYTES - 1000)})

    assert response.status_code == 200


def test_connection_without_a_request_is_closed(hasty: Running) -> None:
    with connecting(hasty.client) as connection:
        assert read_to_end(connection) == b""


def test_head_that_comes_byte_by_byte_is_given_up(hasty: Running) -> None:
    with connecting(hasty.client) as connection:
        for byte in LIVE[:-1]:
            try:
                connection.sendall(bytes((byte,)))
            except OSError:  # closed meanwhile
                break
            time.sleep(0.05)
        else:
            pytest.fail("the service took the head all the time")


def test_unfinished_head_is_answered(hasty: Running) -> None:
    answer = ask(hasty.client, LIVE[:-2])

    assert (answer.status, answer.problem["code"]) == (408, "head_too_slow")


def test_further_head_has_a_limit_of_its_own(hasty: Running) -> None:
    with connecting(hasty.client) as connection:
        connection.sendall(LIVE)
        connection.recv(10_000)
        connection.sendall(LIVE[:-2])
        answer = parse_answer(read_to_end(connection))

    assert answer.problem["code"] == "head_too_slow"


def test_slow_body_is_not_a_slow_head(hasty: Running, clip_path: Path) -> None:
    clip = clip_path.read_bytes()
    with connecting(hasty.client) as connection:
        connection.sendall(UPLOAD + f"Content-Length: {len(clip)}\r\n\r\n".encode())
        time.sleep(0.6)
        connection.sendall(clip)
        answer = connection.recv(100)

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_requests_one_after_the_other_are_all_answered(running: Running) -> None:
    last = LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with connecting(running.client) as connection:
        connection.sendall(LIVE * 20 + last)
        received = read_to_end(connection)

    assert received.count(b"HTTP/1.1 200 ") == 21


def test_rest_of_an_answered_body_is_not_taken_for_ever(hasty: Running) -> None:
    with connecting(hasty.client) as connection:
        connection.sendall(UPLOAD.replace(b"POST", b"PUT") + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(200):
            try:
                connection.sendall(b"1\r\na\r\n")
            except OSError:  # closed meanwhile
                break
            time.sleep(0.02)
        else:
            pytest.fail("the service took the body all the time")


def test_client_that_does_not_take_its_answer_is_let_go(
    hasty: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with connecting(hasty.client) as connection:
        connection.sendall(FILE * 30)
        time.sleep(1)
        num_bytes = len(read_to_end(connection))

    assert num_bytes < 30 * int(hasty.client.head(FILE_PATH).headers["content-length"])
    assert "Traceback" not in caplog.text


@pytest.fixture(scope="module")
def small(model_dir: Path) -> Iterator[Running]:
    """A service with 16 places for connections."""
    with run_service(make_settings(model_dir, max_connections=16)) as running:
        yield running


def test_longest_idle_connection_makes_room(small: Running) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connecting(small.client)) for _ in range(40)]
        statuses = [small.client.get("/health/live").status_code for _ in range(3)]
        first, last = idle[0].recv(1), idle[-1]
        last.settimeout(0.2)
        with pytest.raises(TimeoutError):
            last.recv(1)

    assert statuses == [200] * 3
    assert first == b""


def test_connection_with_a_request_is_not_closed_for_another(
    small: Running, clip_path: Path
) -> None:
    clip = clip_path.read_bytes()
    with connecting(small.client) as busy, ExitStack() as stack:
        busy.sendall(UPLOAD + f"Content-Length: {len(clip)}\r\n\r\n".encode() + clip[:100])
        wait_for(lambda: small.service.uploads.num_inside == 1)
        for _ in range(40):
            stack.enter_context(connecting(small.client))
        busy.sendall(clip[100:])

        assert busy.recv(100).startswith(b"HTTP/1.1 200 ")


def test_request_is_answered_when_places_are_free_again(small: Running, clip_path: Path) -> None:
    wait_for(lambda: small.service.uploads.num_inside == 0)

    assert post_clip(small.client, clip_path).status_code == 200


def test_upgrade_is_not_taken(running: Running) -> None:
    headers = b"Connection: upgrade, close\r\nUpgrade: websocket\r\n"
    answer = ask(running.client, LIVE.replace(b"\r\n\r\n", b"\r\n" + headers + b"\r\n"))

    assert answer.status == 200
