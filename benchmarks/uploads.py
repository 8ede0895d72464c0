"""How long a slow upload takes to be answered, by what its container lets the service do meanwhile.

The same packets in four containers. An MP4 file that ends with its index can only be decoded when
it is complete; the others are decoded while they arrive.
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from matplotlib.figure import Figure

from benchmarks.intervals import format_interval, summarize_rounds
from benchmarks.media import repeat_clip
from benchmarks.servers import RunningServer, running, service_command

CLIP_S = 3
PIECE_BYTES = 16 * 1024
BYTES_PER_MBIT = 125_000
DEADLINE_S = 120.0
SIZE_INCHES = (14.0, 4.0)
DOTS_PER_INCH = 120
INDEX_LAST = "MP4, index last"
CONTAINERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    INDEX_LAST: ("mp4", {}),
    "MP4, index first": ("mp4", {"movflags": "+faststart"}),
    "Matroska": ("mkv", {}),
    "MPEG-TS": ("ts", {}),
}


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """How far it goes.

    Attributes:
        num_clips: How often the clip of `CLIP_S` is repeated in a video, by video.
        mbit_per_s: Rates of links.
        num_rounds: Rounds; in each, every container takes its turn.
    """

    num_clips: tuple[int, ...]
    mbit_per_s: tuple[float, ...]
    num_rounds: int


FULL = Uploads(num_clips=(1, 10), mbit_per_s=(10, 50), num_rounds=7)
SMOKE = Uploads(num_clips=(1,), mbit_per_s=(2,), num_rounds=1)


def measure_uploads(clip: Path, *, folder: Path, uploads: Uploads = FULL) -> dict[str, Any]:
    """Return how long answers take, by video, link and container.

    Args:
        clip: An H.264 video of `CLIP_S`.
        folder: Takes the videos and what the service prints.
        uploads: How far it goes.

    Raises:
        ValueError: If containers are answered differently.
    """
    videos = {
        (num, name): repeat_clip(clip, folder / f"{num}-{index}.{suffix}", num, options=options)
        for num in uploads.num_clips
        for index, (name, (suffix, options)) in enumerate(CONTAINERS.items())
    }
    with running(service_command(), log=folder / "uploads.log") as server:
        rows = [
            _measure_row(server, videos, num_clips=num, mbit_per_s=rate, uploads=uploads)
            for num in uploads.num_clips
            for rate in uploads.mbit_per_s
        ]
    return {"num_rounds": uploads.num_rounds, "rows": rows}


def render_uploads(result: Mapping[str, Any]) -> str:
    """Return the section in Markdown."""
    lines = [
        f"| {row['duration_s']} s | {row['mbit_per_s']:g} Mbit/s | {name} "
        f"| {row['upload_s']:.2f} | {format_interval(one['answer_s'], digits=3)} "
        f"| {format_interval(one['ratio'], digits=2)} "
        f"| {format_interval(one['after_last_byte_ms'], digits=0)} "
        f"| {format_interval(one['processor_ms'], digits=0)} |"
        for row in result["rows"]
        for name, one in row["containers"].items()
    ]
    return "\n".join(
        [
            "## Uploads",
            "",
            f"Medians of {result['num_rounds']} rounds with 95 % bootstrap intervals: 640x480, "
            "H.264, 1.5 Mbit/s, the same packets in every container, posted by one client over a "
            "link of the rate given. What can be read in one go is decoded while it comes.",
            "",
            "| video | link | container | upload, s | answered after, s | times index last "
            "| after the last byte, ms | processor ms |",
            "|---|---|---|---|---|---|---|---|",
            *lines,
        ]
    )


def plot_uploads(result: Mapping[str, Any], path: Path) -> None:
    """Draw how long answers take after the last byte into a PNG file."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    plots = figure.subplots(1, len(result["rows"]), squeeze=False).flat
    for axes, row in zip(plots, result["rows"], strict=True):
        after = {name: one["after_last_byte_ms"] for name, one in row["containers"].items()}
        names = list(after)[::-1]
        medians = [after[name]["median"] for name in names]
        low = [after[name]["median"] - after[name]["low"] for name in names]
        high = [after[name]["high"] - after[name]["median"] for name in names]
        axes.barh(names, medians, xerr=(low, high))
        axes.set(
            title=f"{row['duration_s']} s at {row['mbit_per_s']:g} Mbit/s",
            xlabel="after the last byte, ms",
        )
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _measure_row(
    server: RunningServer,
    videos: Mapping[tuple[int, str], Path],
    *,
    num_clips: int,
    mbit_per_s: float,
    uploads: Uploads,
) -> dict[str, Any]:
    bodies = {name: videos[num_clips, name].read_bytes() for name in CONTAINERS}
    for body in bodies.values():
        _post(server, body, mbit_per_s=mbit_per_s)  # warm
    rounds = [
        {name: _post(server, body, mbit_per_s=mbit_per_s) for name, body in bodies.items()}
        for _ in range(uploads.num_rounds)
    ]
    answers = [answered.labels for one in rounds for answered in one.values()]
    if any(labels != answers[0] for labels in answers):
        raise ValueError(f"containers are answered differently: {answers}")
    return {
        "duration_s": CLIP_S * num_clips,
        "mbit_per_s": mbit_per_s,
        "upload_s": statistics.median(one[INDEX_LAST].upload_s for one in rounds),
        "containers": {
            name: {
                "num_bytes": len(bodies[name]),
                "answer_s": summarize_rounds([one[name].answer_s for one in rounds]),
                "ratio": summarize_rounds(
                    [one[name].answer_s / one[INDEX_LAST].answer_s for one in rounds]
                ),
                "after_last_byte_ms": summarize_rounds(
                    [1e3 * (one[name].answer_s - one[name].upload_s) for one in rounds]
                ),
                "processor_ms": summarize_rounds([1e3 * one[name].processor_s for one in rounds]),
            }
            for name in CONTAINERS
        },
    }


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer, and seconds from the start of its upload.

    Attributes:
        upload_s: Until the last byte was sent.
        answer_s: Until the answer was there.
        processor_s: What the service spent.
        labels: The activity of every window.
    """

    upload_s: float
    answer_s: float
    processor_s: float
    labels: tuple[str, ...]


def _post(server: RunningServer, body: bytes, *, mbit_per_s: float) -> Answered:
    spent_s, started = server.processor_s(), time.perf_counter()
    sent: list[float] = []
    response = httpx.post(
        f"{server.url}/v1/predictions",
        content=_paced(body, sent, bytes_per_s=mbit_per_s * BYTES_PER_MBIT),
        headers={"content-type": "video/mp4", "content-length": str(len(body))},
        timeout=DEADLINE_S,
    )
    answered = time.perf_counter()
    response.raise_for_status()
    return Answered(
        upload_s=sent[-1] - started,
        answer_s=answered - started,
        processor_s=server.processor_s() - spent_s,
        labels=tuple(window["activities"][0]["label"] for window in response.json()["windows"]),
    )


def _paced(body: bytes, sent: list[float], *, bytes_per_s: float) -> Iterator[bytes]:
    """Yield a body's pieces as fast as a link carries them, and note when each has gone."""
    started = time.perf_counter()
    for start in range(0, len(body), PIECE_BYTES):
        piece = body[start : start + PIECE_BYTES]
        due = started + (start + len(piece)) / bytes_per_s
        time.sleep(max(0.0, due - time.perf_counter()))
        yield piece
        sent.append(time.perf_counter())
