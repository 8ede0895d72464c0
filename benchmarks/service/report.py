"""The case as a section in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.intervals import format_interval
from benchmarks.service.contenders import FAST, KINDS, OURS

RATIO_COLUMNS = {
    "requests_per_s": "requests/s",
    "p50_s": "p50",
    "p95_s": "p95",
    "p99_s": "p99",
    "processor_s_per_request": "processor s",
}
SERVER_RATIOS = {
    ("start", "ready_s"): "start to ready",
    ("memory", "peak_mb"): "peak memory",
    ("overload", "useful_per_s"): "useful answers/s at overload",
    ("disconnect", "processor_s_per_request"): "processor s after clients left",
}

Columns = Mapping[str, tuple[str, str, float, int]]
"""Point, metric, factor and digits, by what a column is called."""


def render_service(result: Mapping[str, Any]) -> str:
    """Return the section: ratios first, then what every contender did, then the service alone."""
    parts = [
        "## Service",
        _introduction(result),
        _ratios(result["better_than_best_peer_by"]),
        _fast_ratios(result["fast_better_than_best_peer_by"]),
        _throughput(result["points"]),
        _processor(result["points"]),
        _latency(result["points"]),
        _tails(result["p99_to_unloaded"]),
        _servers(result),
        _overhead(result["overhead"]),
        _scaling(result["scaling"]),
        _alone(result["alone"]),
    ]
    return "\n\n".join(part for part in parts if part)


def loops(points: Mapping[str, Any], kind: str) -> list[str]:
    """Return the names of the points that are closed or open loops."""
    return [point for point in points if f" {kind} " in point]


def _introduction(result: Mapping[str, Any]) -> str:
    scale = result["scale"]
    differences = dict(result["max_difference_to_service"])
    fast = differences.pop(FAST)
    return (
        f"Medians of {scale['num_rounds']} rounds with 95 % bootstrap intervals; in each round "
        "every server is started afresh and takes its turn at each point, "
        f"{scale['spell_s']:g} s long. The clients are a process of their own on the same "
        "machine. Largest difference of a probability to the service's, checked before every "
        f"round: {max(differences.values(), default=0.0):.1e}. *{FAST}* is the service asked for "
        f"`decode=fast`, whose probabilities differ by {fast:.1e} on this clip."
    )


def _ratios(better: Mapping[str, Any]) -> str:
    if not better:
        return ""
    points = (*loops(better, "closed"), *loops(better, "open"))
    server_rows = [
        [words, _ratio(better[point], metric)] for (point, metric), words in SERVER_RATIOS.items()
    ]
    return "\n\n".join(
        [
            "How many times better the service is than the peer that is best in each round "
            "(above 1 is in its favor):",
            _loop_ratios(better, points),
            table(["", "times better"], server_rows),
        ]
    )


def _fast_ratios(better: Mapping[str, Any]) -> str:
    if not better:
        return ""
    points = (*loops(better, "closed"), *loops(better, "open"))
    videos = [point for point in points if point.startswith("mp4")]
    return "The same of the fast mode, which only videos know:\n\n" + _loop_ratios(better, videos)


def _loop_ratios(better: Mapping[str, Any], points: Sequence[str]) -> str:
    rows = [
        [point, *(_ratio(better[point], metric) for metric in RATIO_COLUMNS)] for point in points
    ]
    return table(["point", *RATIO_COLUMNS.values()], rows)


def _throughput(points: Mapping[str, Any]) -> str:
    columns = {point: (point, "requests_per_s", 1, 1) for point in loops(points, "closed")}
    return _by_kind("Requests per second, closed loops of so many clients:", points, columns)


def _processor(points: Mapping[str, Any]) -> str:
    columns = {
        point: (point, "processor_s_per_request", 1e3, 1) for point in loops(points, "closed")
    }
    return _by_kind("Processor milliseconds per request:", points, columns)


def _latency(points: Mapping[str, Any]) -> str:
    words = (
        "Milliseconds from the intended send time to the answer, in open loops at parts of the "
        "service's capacity for that payload (its best closed loop), the same for all:"
    )
    columns = {
        f"{point}: {metric.removesuffix('_s')}": (point, metric, 1e3, 0)
        for point in loops(points, "open")
        for metric in ("p50_s", "p95_s", "p99_s")
    }
    return _by_kind(words, points, columns)


def _tails(tails: Mapping[str, Any]) -> str:
    rows = [
        [_bold(name), *(_cell(by_name[name], 1, 1) for by_name in tails.values())]
        for name in _in_order(next(iter(tails.values())))
    ]
    return (
        "The p99 of accepted requests as a multiple of the one with a single client:\n\n"
        + table(["", *tails], rows)
    )


def _servers(result: Mapping[str, Any]) -> str:
    columns = {
        "start to ready, s": ("start", "ready_s", 1, 2),
        "idle, MB": ("idle", "idle_mb", 1, 0),
        "peak, MB": ("memory", "peak_mb", 1, 0),
        "idle, cores": ("idle", "idle_cores", 1, 3),
        "useful/s": ("overload", "useful_per_s", 1, 1),
        "refused/s": ("overload", "refused_per_s", 1, 1),
        "too late or failed/s": ("overload", "failed_per_s", 1, 1),
        "peak MB at overload": ("overload", "peak_mb", 1, 0),
        "answered before clients left": ("disconnect", "answered_ratio", 1, 2),
        "processor ms per request of clients who left": (
            "disconnect",
            "processor_s_per_request",
            1e3,
            1,
        ),
    }
    return (
        f"Start, memory, overload ({result['overload_factor']} times the service's capacity, "
        f"the same for all; an answer is "
        f"useful within {result['useful_s']:g} s), and clients who leave after "
        f"{result['leave_after_s'] * 1e3:g} ms ({result['num_burst_clients']} at once):\n\n"
        + _by_contender(result["points"], columns)
    )


def _alone(alone: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            f"{answer['clip_bytes'] / 1e3:.0f}",
            f"{answer['median_s'] * 1e3:.1f}",
            f"{answer['p95_s'] * 1e3:.1f}",
            f"{answer['decode_median_s'] * 1e3:.1f}",
        ]
        for name, answer in alone["answers"].items()
    ]
    live, before, after = (
        alone[key] for key in ("live_s_while_busy", "resident_mb", "resident_mb_after_soak")
    )
    return "\n\n".join(
        [
            "The service alone, one client, 3 s of 640x480 H.264:",
            table(["clip", "kB", "median, ms", "p95, ms", "decoding, ms"], rows),
            f"Ready {alone['ready_s']['median']:.2f} s after its start (at most "
            f"{alone['ready_s']['max']:.2f} s). While busy, `/health/live` answers in "
            f"{live['median'] * 1e3:.1f} ms (at most {live['max'] * 1e3:.1f} ms). Memory: "
            f"{before['service']:.0f} MB, {before['with_workers']:.0f} MB with its workers; after "
            f"{after['num_requests']} more requests {after['service']:.0f} and "
            f"{after['with_workers']:.0f} MB.",
        ]
    )


def _overhead(overhead: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            _cell(found["answer_s"], 1e3, 1),
            _cell(found["work_s"], 1e3, 1),
            _cell(found["ratio"], 1, 2),
            _cell(found["more_s"], 1e3, 1),
        ]
        for name, found in overhead.items()
    ]
    return (
        "One client at a time against the same work in the client's own process (decoding and the "
        "network; for npy the network alone), taking turns, ms:\n\n"
        + table(["payload", "answer", "work", "ratio", "difference"], rows)
    )


def _scaling(scaling: Mapping[str, Any]) -> str:
    one, two = (_cell(rate, 1, 1) for rate in scaling["requests_per_s"].values())
    ratio = _cell(scaling["ratio"], 1, 2)
    return (
        f"Videos a second on one core, which the clients share, {one}; on two {two}: {ratio} times "
        "as many."
    )


def _by_kind(words: str, points: Mapping[str, Any], columns: Columns) -> str:
    """Return a table for each payload, under the words about all."""
    tables = [
        _by_contender(
            points, {head: column for head, column in columns.items() if head.startswith(kind)}
        )
        for kind in KINDS
    ]
    return "\n\n".join([words, *tables])


def _by_contender(points: Mapping[str, Any], columns: Columns) -> str:
    """Return a table of contenders; columns say point, metric, factor and digits."""
    rows = [
        [
            _bold(name),
            *(
                _cell(points[point][name][metric], factor, digits)
                for point, metric, factor, digits in columns.values()
            ),
        ]
        for name in _in_order(points["start"])
    ]
    return table(["", *columns], rows)


def _in_order(names: Iterable[str]) -> list[str]:
    """Return the service first, then its fast mode, then the peers by name."""
    return sorted(names, key=lambda name: (name != OURS, name != FAST, name))


def _bold(name: str) -> str:
    return f"**{name}**" if name in (OURS, FAST) else name


def _cell(summary: Mapping[str, float], factor: float, digits: int) -> str:
    return format_interval({key: value * factor for key, value in summary.items()}, digits=digits)


def _ratio(by_metric: Mapping[str, Any], metric: str) -> str:
    return format_interval(by_metric[metric], digits=2)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
