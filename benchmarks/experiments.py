"""What an experiment costs the requests that take part in it, and how long its report takes."""

import http.client
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from matplotlib.figure import Figure

from app.experiments.definition import Mode
from app.experiments.reporting import write_report
from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.experiments import create_experiment
from benchmarks.intervals import format_interval, summarize_rounds
from benchmarks.load import Clients, Post, clients
from benchmarks.payloads import Payloads
from benchmarks.records import LABELS, fill, make_experiment
from benchmarks.servers import RunningServer, running, service_command

NUM_ROUNDS = 5
REQUESTS_PER_TURN = 30
LOAD = 0.8
NUM_CAPACITY_CLIENTS = 4
CAPACITY_S = 10.0
SPELL_S = 30.0
NUM_RECORDS = (10_000, 100_000, 1_000_000)
DEADLINE_S = 60.0
CONTROL = "mobilenet3d-lite-fp32@1"
JSON = {"content-type": "application/json"}
SIZE_INCHES = (8.0, 4.0)
DOTS_PER_INCH = 120


def measure_experiments(payloads: Payloads, *, folder: Path) -> dict[str, Any]:
    """Return the price of pairs and shadows, and of reports by the number of records.

    Args:
        payloads: What is posted.
        folder: Takes records, and what the service prints.
    """
    posts = {
        "npy": Post(
            path="/v1/predictions/frames", body=payloads.npy, content_type="application/x-npy"
        ),
        "mp4": Post(path="/v1/predictions", body=payloads.mp4, content_type="video/mp4"),
    }
    command = service_command("--aliases", f"default={CONTROL}")
    with clients() as load, running(command, log=folder / "experiments.log") as server:
        return {
            "paired": {kind: _measure_pairs(server, post) for kind, post in posts.items()},
            "shadow": _measure_shadows(server, posts["mp4"], load),
            "report": {str(num): _measure_report(num, folder) for num in NUM_RECORDS},
        }


def _measure_pairs(server: RunningServer, post: Post) -> dict[str, Any]:
    """Return what a pair takes longer than one answer, and longer than the second network."""
    more_s, beside_s = [], []
    for index in range(NUM_ROUNDS + 1):
        alone_s, alone_network_s = _ask_often(server, post)
        with _experiment(server, f"paired-{post.path.count('/')}-{index}", mode="paired"):
            pair_s, pair_network_s = _ask_often(server, post)
        more_s.append(pair_s - alone_s)
        beside_s.append(pair_s - alone_s - (pair_network_s - alone_network_s))
    return {
        "more_s": summarize_rounds(more_s[1:]),
        "beside_the_network_s": summarize_rounds(beside_s[1:]),
    }


def _ask_often(server: RunningServer, post: Post) -> tuple[float, float]:
    """Return the medians of answers, and of the networks' part of them, in seconds."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=DEADLINE_S)
    answers_s, networks_s = [], []
    for _ in range(REQUESTS_PER_TURN):
        started = time.perf_counter()
        answer = _call(
            connection, "POST", post.path, post.body, {"content-type": post.content_type}
        )
        answers_s.append(time.perf_counter() - started)
        networks_s.append(answer["timings"]["inference_ms"] / 1e3)
    connection.close()
    return statistics.median(answers_s), statistics.median(networks_s)


def _measure_shadows(server: RunningServer, post: Post, load: Clients) -> dict[str, Any]:
    """Return latencies at 80 % of capacity with every answer shadowed, by those without."""
    closed = load.closed_loop(
        server.url, post, num_clients=NUM_CAPACITY_CLIENTS, duration_s=CAPACITY_S
    )
    rate_hz = LOAD * closed.num_answers / closed.elapsed_s
    quantiles: dict[str, list[Sequence[float]]] = {"alone": [], "shadowed": []}
    ran_ratios = []
    for index in range(NUM_ROUNDS):
        quantiles["alone"].append(_run_spell(server, post, load, rate_hz=rate_hz, seed=index))
        name = f"shadow-{index}"
        with _experiment(server, name, mode="shadow"):
            quantiles["shadowed"].append(
                _run_spell(server, post, load, rate_hz=rate_hz, seed=index)
            )
        ran_ratios.append(_fetch(server, "GET", f"{name}/report")["treatment"]["ran_ratio"])
    alone, shadowed = (np.array(quantiles[key]) for key in ("alone", "shadowed"))
    return {
        "rate_hz": rate_hz,
        "p50_ratio": summarize_rounds((shadowed / alone)[:, 0].tolist()),
        "p99_ratio": summarize_rounds((shadowed / alone)[:, 1].tolist()),
        "p99_s": {key: statistics.median(row[1] for row in quantiles[key]) for key in quantiles},
        "ran_ratio": summarize_rounds(ran_ratios),
    }


def _run_spell(
    server: RunningServer, post: Post, load: Clients, *, rate_hz: float, seed: int
) -> Sequence[float]:
    """Return median and 99th percentile of the latencies of an open loop, in seconds."""
    spell = load.open_loop(server.url, post, rate_hz=rate_hz, duration_s=SPELL_S, seed=seed)
    return [float(value) for value in np.quantile(spell.latencies_s, (0.5, 0.99))]


@contextmanager
def _experiment(server: RunningServer, name: str, *, mode: Mode) -> Iterator[None]:
    """Run an experiment of the shipped models on all requests until the block ends."""
    body = make_experiment(name, mode=mode).model_dump_json()
    _fetch(server, "POST", "", body)
    yield
    _fetch(server, "PATCH", name, json.dumps({"state": "ended"}))


def _fetch(server: RunningServer, method: str, path: str, body: str | None = None) -> Any:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=DEADLINE_S)
    answer = _call(connection, method, f"/v1/experiments/{path}".rstrip("/"), body, JSON)
    connection.close()
    return answer


def _call(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | str | None,
    headers: Mapping[str, str],
) -> Any:
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    content = response.read()
    if response.status not in (http.client.OK, http.client.CREATED):
        raise RuntimeError(f"{path} answers {response.status}: {content[:200]!r}")
    return json.loads(content)


def _measure_report(num: int, folder: Path) -> dict[str, Any]:
    """Return how long a report takes whose libraries are loaded."""
    records_dir = folder / f"records-{num}"
    records_dir.mkdir()
    url = sqlite_url(records_dir)
    database = Database(url)
    experiment = make_experiment("many", mode="paired")
    create_experiment(database, experiment, labels=LABELS, by="file", reason="")
    fill(database, num=num)
    database.close()
    seconds = []
    for _ in range(NUM_ROUNDS + 1):
        started = time.perf_counter()
        write_report(url, "many", "json", folder)
        seconds.append(time.perf_counter() - started)
    size = sum(file.stat().st_size for file in records_dir.iterdir())
    return {"report_s": summarize_rounds(seconds[1:]), "bytes_per_record": size / num}


def render_experiments(result: Mapping[str, Any]) -> str:
    """Return the section in Markdown."""
    shadow = result["shadow"]
    lines = [
        "## Experiments",
        "",
        "| both arms answer (`paired`) | more than one arm alone, ms | of it neither network, ms |",
        "|---|---|---|",
        *(
            f"| {kind} | {_format_ms(row['more_s'])} | {_format_ms(row['beside_the_network_s'])} |"
            for kind, row in result["paired"].items()
        ),
        "",
        f"`shadow` of every answer, videos at {LOAD:.0%} of capacity ({shadow['rate_hz']:.0f} a "
        f"second, at random times): latency by that without it, median "
        f"{format_interval(shadow['p50_ratio'], digits=2)}, 99th percentile "
        f"{format_interval(shadow['p99_ratio'], digits=2)}; "
        f"{shadow['ran_ratio']['median']:.0%} of the shadows ran, the others found no idle core.",
        "",
        "| records | report, s | bytes a record, without probabilities |",
        "|---|---|---|",
        *(
            f"| {int(num):,} | {format_interval(row['report_s'], digits=2)} "
            f"| {row['bytes_per_record']:.0f} |"
            for num, row in result["report"].items()
        ),
    ]
    return "\n".join(lines)


def plot_experiments(result: Mapping[str, Any], path: Path) -> None:
    """Draw the time of a report against the number of records into a PNG file."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    nums = [int(num) for num in result["report"]]
    axes.plot(nums, [row["report_s"]["median"] for row in result["report"].values()], marker="o")
    axes.set(title="Report of an experiment", xlabel="records", ylabel="seconds", ylim=(0, None))
    axes.set_xscale("log")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _format_ms(summary: Mapping[str, float]) -> str:
    return format_interval({key: 1e3 * value for key, value in summary.items()}, digits=2)
