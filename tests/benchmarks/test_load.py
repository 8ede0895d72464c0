"""Spells against a server of the standard library that answers as its path says."""

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import numpy as np
import pytest

from benchmarks.load import Clients, Post, Spell, clients, draw_arrivals

SLOW_S = 0.1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/slow":
            time.sleep(SLOW_S)
        status = int(self.path[1:]) if self.path[1:].isdigit() else 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def url() -> Iterator[str]:
    yield from serve(ThreadingHTTPServer(("127.0.0.1", 0), Handler))


@pytest.fixture(scope="module")
def load() -> Iterator[Clients]:
    with clients() as load:
        yield load


def post_to(path: str) -> Post:
    return Post(path=path, body=b"clip", content_type="video/mp4")


def test_clients_keep_to_the_cores_they_are_given() -> None:
    last = max(os.sched_getaffinity(0))

    with clients(cores=[last]) as load:
        assert load._executor.submit(os.sched_getaffinity, 0).result() == {last}


def test_closed_loop_asks_again_as_soon_as_it_is_answered(load: Clients, url: str) -> None:
    spell = load.closed_loop(url, post_to("/slow"), num_clients=2, duration_s=0.35)

    assert 2 <= spell.num_answers <= 2 * 4
    assert min(spell.latencies_s) >= SLOW_S
    assert spell.num_refused == spell.num_failed == 0
    assert spell.client_processor_s > 0


@pytest.mark.parametrize("status", [429, 503])
def test_refusals_are_counted_apart_from_answers(load: Clients, url: str, status: int) -> None:
    spell = load.burst(url, post_to(f"/{status}"), num_clients=3, patience_s=10)

    assert (spell.num_answers, spell.num_refused, spell.num_failed) == (0, 3, 0)


def test_other_statuses_are_failures(load: Clients, url: str) -> None:
    spell = load.burst(url, post_to("/500"), num_clients=3, patience_s=10)

    assert (spell.num_answers, spell.num_refused, spell.num_failed) == (0, 0, 3)


def test_clients_who_leave_are_failures_and_leave_early(load: Clients, url: str) -> None:
    spell = load.burst(url, post_to("/slow"), num_clients=3, patience_s=SLOW_S / 4)

    assert (spell.num_answers, spell.num_failed) == (0, 3)
    assert spell.elapsed_s < SLOW_S


def test_server_that_is_not_there_makes_failures(load: Clients) -> None:
    spell = load.burst("http://127.0.0.1:1", post_to("/"), num_clients=2, patience_s=10)

    assert (spell.num_answers, spell.num_failed) == (0, 2)


def test_open_loop_sends_every_arrival_however_slow_the_answers(load: Clients, url: str) -> None:
    num_due = len(draw_arrivals(200, duration_s=0.2, seed=1))

    spell = load.open_loop(url, post_to("/slow"), rate_hz=200, duration_s=0.2, seed=1)

    assert spell.num_answers == num_due
    assert spell.elapsed_s < num_due * SLOW_S / 4


def test_arrivals_are_the_same_for_the_same_seed_and_ascend() -> None:
    due_s = draw_arrivals(50, duration_s=2, seed=3)

    assert np.array_equal(due_s, draw_arrivals(50, duration_s=2, seed=3))
    assert not np.array_equal(due_s, draw_arrivals(50, duration_s=2, seed=4))
    assert np.all(np.diff(due_s) >= 0)
    assert due_s.min() >= 0
    assert due_s.max() < 2


def test_arrivals_come_at_the_rate_asked_for() -> None:
    num_requests = len(draw_arrivals(1000, duration_s=10, seed=0))

    # The deviation of a Poisson count is the root of its mean: five of them.
    assert num_requests == pytest.approx(10_000, abs=500)


def test_spell_counts_its_answers() -> None:
    spell = Spell(
        latencies_s=(0.1, 0.2), num_refused=1, num_failed=0, elapsed_s=1, client_processor_s=0
    )

    assert spell.num_answers == 2
