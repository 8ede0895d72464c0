"""The service as a client sees it: start, answers, memory."""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic import SyntheticConfig
from training.data.synthetic.body import make_bodies
from training.data.synthetic.people import draw_person
from training.data.synthetic.studio import Studio

# How the clip is coded: at x264's own quality, and at rates that keep the sensor's noise.
CLIPS: dict[str, dict[str, str]] = {
    "x264_default": {},
    "1500_kbit_per_s": {"b": "1500000"},
    "3000_kbit_per_s": {"b": "3000000"},
}
MAIN_CLIP = "x264_default"
FRAME_RATE_HZ = 30
NUM_TIMED_REQUESTS = 200
NUM_SOAK_REQUESTS = 2000
NUM_STARTS = 5
NUM_BUSY_CLIENTS = 8
DEADLINE_S = 60.0
POLL_S = 0.01


def measure_service(folder: Path) -> dict[str, Any]:
    """Return how fast the service starts and answers, and what memory it keeps.

    Args:
        folder: Where the clips that are posted are written.
    """
    clips = write_clips(folder)
    ready_s = [_measure_start() for _ in range(NUM_STARTS)]
    with running_service() as (process, client):
        answers = _measure_answers(client, clips)
        live_s = _measure_liveness(client, clips[MAIN_CLIP])
        before = resident_bytes(process.pid)
        for _ in range(NUM_SOAK_REQUESTS):
            _post(client, clips[MAIN_CLIP])
        after = resident_bytes(process.pid)
    return {
        "ready_s": {"median": statistics.median(ready_s), "max": max(ready_s)},
        "answers": answers,
        "live_ms_while_busy": {
            "median": statistics.median(live_s) * 1e3,
            "max": max(live_s) * 1e3,
            "num_asked": len(live_s),
        },
        "resident_mb": {name: size / 1e6 for name, size in before.items()},
        f"resident_mb_after_{NUM_SOAK_REQUESTS}_more": {
            name: size / 1e6 for name, size in after.items()
        },
    }


def write_clips(folder: Path) -> dict[str, Path]:
    """Write a clip of 3 s, 640x480, H.264, coded in several ways: a synthetic driver, drinking."""
    frames_THWC = _film_drinking()
    clips = {name: folder / f"{name}.mp4" for name in CLIPS}
    for name, path in clips.items():
        _encode(path, frames_THWC, options=CLIPS[name])
    return clips


@contextmanager
def running_service() -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """Run `python -m app` on a free port until the block ends; yields once it is ready."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--port", str(port), "--log-level", "error"]
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as client:
            _wait_until_ready(client)
            yield process, client
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def resident_bytes(pid: int) -> dict[str, int]:
    """Return resident memory of the service's own process, and of it and its children together.

    Pages that processes share are counted once in the sum (proportional set size).
    """
    processes = [pid, *_descendants(pid)]
    return {
        "service": _memory_field(pid, "Rss"),
        "with_workers": sum(_memory_field(process, "Pss") for process in processes),
    }


def _film_drinking() -> NDArray[np.uint8]:
    """Return frames_THWC, 480 rows of 640 pixels."""
    config = SyntheticConfig(frame_rate_hz=FRAME_RATE_HZ, size_px=640)
    person = draw_person(config.seed, 0)
    (body,) = make_bodies([person])
    studio = Studio(config, person_index=0, person=person, body=body, views=["passenger_side"])
    film_THWC = studio.film("drinking", 0)["passenger_side"]
    return film_THWC[:, 80:560]


def _encode(path: Path, frames_THWC: NDArray[np.uint8], *, options: dict[str, str]) -> None:
    with av.open(path, "w") as container:
        # One thread, or PyAV would have x264 cut every picture into slices.
        options = {"threads": "1", **options}
        stream = container.add_stream("libx264", rate=FRAME_RATE_HZ, options=options)
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame_HWC in frames_THWC:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _measure_start() -> float:
    started = time.perf_counter()
    with running_service():
        return time.perf_counter() - started


def _measure_answers(client: httpx.Client, clips: dict[str, Path]) -> dict[str, Any]:
    """Return times of answers by clip; the clips take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in clips}
    decode_ms: dict[str, list[float]] = {name: [] for name in clips}
    for _ in range(NUM_TIMED_REQUESTS):
        for name, clip in clips.items():
            started = time.perf_counter()
            answer = _post(client, clip)
            seconds[name].append(time.perf_counter() - started)
            decode_ms[name].append(answer["timings"]["decode_ms"])
    return {
        name: {
            "clip_bytes": clip.stat().st_size,
            "median_ms": statistics.median(seconds[name]) * 1e3,
            "p95_ms": float(np.quantile(seconds[name], 0.95)) * 1e3,
            "decode_median_ms": statistics.median(decode_ms[name]),
        }
        for name, clip in clips.items()
    }


def _post(client: httpx.Client, clip: Path) -> dict[str, Any]:
    with clip.open("rb") as file:
        response = client.post("/v1/predictions", files={"clip": ("clip.mp4", file, "video/mp4")})
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def _measure_liveness(client: httpx.Client, clip: Path) -> list[float]:
    """Return how long `/health/live` took while more clips were posted than the cores carry."""
    live_s = []
    with ThreadPoolExecutor(NUM_BUSY_CLIENTS) as clients:
        posts = [clients.submit(_post, client, clip) for _ in range(NUM_TIMED_REQUESTS)]
        while not all(post.done() for post in posts):
            started = time.perf_counter()
            client.get("/health/live").raise_for_status()
            live_s.append(time.perf_counter() - started)
            time.sleep(POLL_S)
    for post in posts:
        post.result()
    return live_s


def _wait_until_ready(client: httpx.Client) -> None:
    deadline = time.perf_counter() + DEADLINE_S
    while time.perf_counter() < deadline:
        try:
            if client.get("/health/ready").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(POLL_S)
    raise TimeoutError(f"the service was not ready within {DEADLINE_S:g} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _descendants(pid: int) -> list[int]:
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [descendant for child in children for descendant in (child, *_descendants(child))]


def _memory_field(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} of process {pid}, uid {os.getuid()}")
