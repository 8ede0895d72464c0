"""The service alone: start, answers by the way a clip is coded, health while busy, memory."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.payloads import MAIN_CLIP
from benchmarks.servers import RunningServer, ServerCommand, running
from benchmarks.service.scale import Scale

NUM_BUSY_CLIENTS = 8
DEADLINE_S = 60.0
POLL_S = 0.01


def measure_alone(
    command: ServerCommand, clips: dict[str, Path], *, scale: Scale, folder: Path
) -> dict[str, Any]:
    """Return how fast the service starts and answers, and what memory it keeps.

    Args:
        command: How it is started.
        clips: Files that are posted, by the way that they are coded.
        scale: How often.
        folder: Takes what it prints.
    """
    log = folder / "alone.log"
    ready_s = [_measure_start(command, log) for _ in range(scale.num_starts)]
    with running(command, log=log) as server, _client(server) as client:
        answers = _measure_answers(client, clips, num_requests=scale.num_timed_requests)
        live_s = _measure_liveness(client, clips[MAIN_CLIP], num_posts=scale.num_timed_requests)
        before_mb = _memory_mb(server)
        for _ in range(scale.num_soak_requests):
            _post(client, clips[MAIN_CLIP])
        after_mb = _memory_mb(server)
    return {
        "ready_s": {"median": statistics.median(ready_s), "max": max(ready_s)},
        "answers": answers,
        "live_s_while_busy": {
            "median": statistics.median(live_s),
            "max": max(live_s),
            "num_asked": len(live_s),
        },
        "resident_mb": before_mb,
        "resident_mb_after_soak": {"num_requests": scale.num_soak_requests, **after_mb},
    }


def _measure_start(command: ServerCommand, log: Path) -> float:
    with running(command, log=log) as server:
        return server.ready_s


def _client(server: RunningServer) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=DEADLINE_S)


def _memory_mb(server: RunningServer) -> dict[str, float]:
    return {
        "service": server.resident_bytes() / 1e6,
        "with_workers": server.memory_bytes() / 1e6,
    }


def _measure_answers(
    client: httpx.Client, clips: dict[str, Path], *, num_requests: int
) -> dict[str, Any]:
    """Return times of answers by clip; the clips take turns."""
    answer_s: dict[str, list[float]] = {name: [] for name in clips}
    decode_s: dict[str, list[float]] = {name: [] for name in clips}
    for _ in range(num_requests):
        for name, clip in clips.items():
            started = time.perf_counter()
            answer = _post(client, clip)
            answer_s[name].append(time.perf_counter() - started)
            decode_s[name].append(answer["timings"]["decode_ms"] / 1e3)
    return {
        name: {
            "clip_bytes": clip.stat().st_size,
            "median_s": statistics.median(answer_s[name]),
            "p95_s": float(np.quantile(answer_s[name], 0.95)),
            "decode_median_s": statistics.median(decode_s[name]),
        }
        for name, clip in clips.items()
    }


def _post(client: httpx.Client, clip: Path) -> dict[str, Any]:
    with clip.open("rb") as file:
        response = client.post("/v1/predictions", files={"clip": ("clip.mp4", file, "video/mp4")})
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def _post_until_taken(client: httpx.Client, clip: Path) -> None:
    """Post a clip again and again while the service is full."""
    while True:
        try:
            _post(client, clip)
        except httpx.HTTPStatusError as exc:
            if exc.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise
            time.sleep(POLL_S)
        else:
            return


def _measure_liveness(client: httpx.Client, clip: Path, *, num_posts: int) -> list[float]:
    """Return how long `/health/live` took while more clips were posted than the cores carry."""
    live_s = []
    with ThreadPoolExecutor(NUM_BUSY_CLIENTS) as threads:
        posts = [threads.submit(_post_until_taken, client, clip) for _ in range(num_posts)]
        while not all(post.done() for post in posts):
            started = time.perf_counter()
            client.get("/health/live").raise_for_status()
            live_s.append(time.perf_counter() - started)
            time.sleep(POLL_S)
    for post in posts:
        post.result()
    return live_s
