"""Runs Debian's Prometheus as docker-compose.yml configures it."""

import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.app.running import wait_for
from tests.deploy.files import PROMETHEUS, RULES, read_scrape_interval

RATE_SCRAPES = 4
"""Scrapes that Grafana's $__rate_interval spans at least.

Source: grafana.com/docs, Prometheus data source, template variables.
"""


def expand(expression: str) -> str:
    """Return a query as Grafana sends it when it shows a short time."""
    seconds = RATE_SCRAPES * int(read_scrape_interval().removesuffix("s"))
    return expression.replace("$__rate_interval", f"{seconds}s")


@contextmanager
def run_prometheus(folder: Path, *, target: str, instead: str) -> Iterator[httpx.Client]:
    """Run Prometheus with compose's configuration, but for the address that it scrapes.

    Args:
        folder: Where its files go.
        target: The address that it scrapes instead, as host:port.
        instead: The address that is replaced.
    """
    config = folder / "prometheus.yml"
    config.write_text(PROMETHEUS.read_text().replace(instead, target))
    shutil.copy(RULES, folder)
    log_path = folder / "prometheus.log"
    command = (
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    )
    with log_path.open("w") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            wait_for(lambda: _read_address(log_path) is not None)
            with httpx.Client(base_url=f"http://{_read_address(log_path)}") as client:
                wait_for(lambda: client.get("/-/ready").is_success)
                yield client
        finally:
            process.terminate()


def evaluate(prometheus: httpx.Client, expression: str) -> list[float]:
    """Return the values of a query now, of those series that have a finite one.

    Raises:
        ValueError: If Prometheus cannot evaluate it.
    """
    answer = prometheus.get("/api/v1/query", params={"query": expression}).json()
    if answer["status"] != "success":
        raise ValueError(f"{expression}: {answer['error']}")
    values = [float(series["value"][1]) for series in answer["data"]["result"]]
    return [value for value in values if math.isfinite(value)]


def _read_address(log_path: Path) -> str | None:
    found = re.search(r'msg="Listening on" address=(\S+)', log_path.read_text())
    return found[1] if found else None
