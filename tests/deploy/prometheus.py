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
from tests.deploy.files import (
    PROMETHEUS,
    RULES,
    read_scrape_interval,
    read_scrape_key_path,
    read_scrape_target,
)

RATE_SCRAPES = 4
"""Scrapes that Grafana's $__rate_interval spans at least.

Source: grafana.com/docs, Prometheus data source, template variables.
"""


def expand(expression: str) -> str:
    """Return a query as Grafana sends it when it shows a short time."""
    seconds = RATE_SCRAPES * int(read_scrape_interval().removesuffix("s"))
    return expression.replace("$__rate_interval", f"{seconds}s")


@contextmanager
def run_prometheus(folder: Path, *, target: str, key: str) -> Iterator[httpx.Client]:
    """Run Prometheus with compose's configuration, but for the address that it scrapes.

    Args:
        folder: Where its files go.
        target: The address that it scrapes instead, as host:port.
        key: The API key that it scrapes with.
    """
    config, key_path = folder / "prometheus.yml", folder / "prometheus.key"
    key_path.write_text(f"{key}\n")
    text = PROMETHEUS.read_text().replace(read_scrape_target(), target)
    config.write_text(text.replace(read_scrape_key_path(), str(key_path)))
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
