"""What the service adds to the work itself, and what a second core gives it."""

import asyncio
import http.client
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.decoding import DecodePool
from benchmarks.intervals import summarize_rounds
from benchmarks.load import Clients, Post, clients
from benchmarks.payloads import MAIN_CLIP, Payloads
from benchmarks.servers import RunningServer, ServerCommand, running, service_command
from models.classifier import ActivityClassifier
from models.spec import ClipSpec
from models.video.arrays import array_to_windows, parse_npy
from models.video.decode import read_windows
from models.video.job import DecodeJob
from training.timing import time_call

VIDEO, FRAMES = "/v1/predictions", "/v1/predictions/frames"
DEADLINE_S = 60.0
CLIENTS_PER_CORE = 3
NUM_CORES = (1, 2)
NPY = "npy"
IN_WORKER = f"{MAIN_CLIP}, decoded in a worker"

Contest = tuple[Callable[[], object], Callable[[], object]]
"""An answer, and the work that it takes."""
Turns = list[tuple[float, float]]
"""Seconds of an answer, and of the work right after it."""


def measure_overhead(
    payloads: Payloads,
    classifier: ActivityClassifier,
    *,
    num_rounds: int,
    turns_s: float,
    folder: Path,
) -> dict[str, Any]:
    """Return times of answers and of the same work in this process, by payload; they take turns.

    One answer more is that of the service's decoder to its own process.

    Args:
        payloads: What is posted.
        classifier: The service's default model.
        num_rounds: Rounds, after one more that is not counted.
        turns_s: How long each payload takes its turns in a round.
        folder: Takes what the service prints.
    """
    spec = classifier.card.spec
    turns: dict[str, list[Turns]] = {}
    with (
        running(service_command(), log=folder / "overhead.log") as server,
        closing(_connect(server)) as connection,
        _decoding_in_worker(payloads.clips[MAIN_CLIP], spec) as in_worker,
    ):
        contests = _contests(payloads, classifier, connection) | {IN_WORKER: in_worker}
        for _ in range(num_rounds + 1):
            for name, contest in contests.items():
                connection.close()  # or the service does when it idles; a request opens it again
                turns.setdefault(name, []).append(_take_turns(*contest, turns_s))
    return {name: compare_turns(rounds[1:]) for name, rounds in turns.items()}


def compare_turns(rounds: Sequence[Turns]) -> dict[str, dict[str, float]]:
    """Return medians of `answer_s`, `work_s`, their `ratio` and how much `more_s` an answer takes.

    Each answer is compared to the work right after it: what disturbs the machine disturbs both.
    """

    def summarize(figure: Callable[[float, float], float]) -> dict[str, float]:
        return summarize_rounds(
            [statistics.median(figure(*turn) for turn in turns) for turns in rounds]
        )

    return {
        "answer_s": summarize(lambda answer_s, _: answer_s),
        "work_s": summarize(lambda _, work_s: work_s),
        "ratio": summarize(lambda answer_s, work_s: answer_s / work_s),
        "more_s": summarize(lambda answer_s, work_s: answer_s - work_s),
    }


def measure_scaling(post: Post, *, num_rounds: int, spell_s: float, folder: Path) -> dict[str, Any]:
    """Return requests per second on one core and on two, which clients share, and their ratio.

    Args:
        post: What is asked.
        num_rounds: Rounds, in each of which both numbers of cores take their turn.
        spell_s: Length of a closed loop.
        folder: Takes what the service prints.
    """
    rates_hz: dict[int, list[float]] = {num: [] for num in NUM_CORES}
    for _ in range(num_rounds):
        for num, rates in rates_hz.items():
            with (
                clients(cores=range(num)) as load,
                running(_on_cores(num), log=folder / "scaling.log") as server,
            ):
                rates.append(_closed_loop_hz(load, server, post, num_cores=num, spell_s=spell_s))
    one, two = rates_hz.values()
    return {
        "requests_per_s": {str(num): summarize_rounds(rates) for num, rates in rates_hz.items()},
        "ratio": summarize_rounds([b / a for a, b in zip(one, two, strict=True)]),
    }


def _contests(
    payloads: Payloads, classifier: ActivityClassifier, connection: http.client.HTTPConnection
) -> dict[str, Contest]:
    """Return by payload a request, and what it takes without a service."""
    spec = classifier.card.spec

    def ask(path: str, body: bytes, content_type: str) -> Callable[[], None]:
        post = Post(path=path, body=body, content_type=content_type)
        return lambda: _ask(connection, post)

    def work_on_video(path: Path) -> Callable[[], object]:
        return lambda: classifier.predict(read_windows(path, spec).windows_NTHWC)

    window_NTHWC = array_to_windows(
        parse_npy(payloads.npy), spec, frame_rate_hz=None, stride_s=None
    ).windows_NTHWC
    videos = {
        name: (ask(VIDEO, path.read_bytes(), "video/mp4"), work_on_video(path))
        for name, path in payloads.clips.items()
    }
    array = ask(FRAMES, payloads.npy, "application/x-npy")
    return {**videos, NPY: (array, lambda: classifier.predict(window_NTHWC))}


@contextmanager
def _decoding_in_worker(path: Path, spec: ClipSpec) -> Iterator[Contest]:
    """Give the contest of the service's decoder, with its process, against decoding here."""
    content = path.read_bytes()
    pool = DecodePool(num_workers=1, timeout_s=DEADLINE_S)

    async def decode() -> object:
        return await pool.read_windows(content, DecodeJob(spec=spec))

    pool.start()
    try:
        with asyncio.Runner() as runner:
            yield lambda: runner.run(decode()), lambda: read_windows(path, spec)
    finally:
        pool.close(timeout_s=DEADLINE_S)


def _take_turns(answer: Callable[[], object], work: Callable[[], object], turns_s: float) -> Turns:
    """Take turns for so long, and at least once."""
    end_s = time.monotonic() + turns_s
    turns = [(time_call(answer), time_call(work))]
    while time.monotonic() < end_s:
        turns.append((time_call(answer), time_call(work)))
    return turns


def _connect(server: RunningServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=DEADLINE_S)


def _ask(connection: http.client.HTTPConnection, post: Post) -> None:
    connection.request("POST", post.path, post.body, {"content-type": post.content_type})
    response = connection.getresponse()
    response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"{post.path} answers {response.status}")


def _on_cores(num_cores: int) -> ServerCommand:
    """Return the command of a service that may use the first so many cores and no other."""
    command = service_command()
    cores = ",".join(map(str, range(num_cores)))
    return replace(command, command=("taskset", "--cpu-list", cores, *command.command))


def _closed_loop_hz(
    load: Clients, server: RunningServer, post: Post, *, num_cores: int, spell_s: float
) -> float:
    num_clients = CLIENTS_PER_CORE * num_cores
    load.closed_loop(server.url, post, num_clients=num_clients, duration_s=spell_s / 4)
    spell = load.closed_loop(server.url, post, num_clients=num_clients, duration_s=spell_s)
    return spell.num_answers / spell.elapsed_s
