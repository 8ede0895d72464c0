"""Reads the files of the deployment, for the tests that hold them together."""

import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.conftest import REPOSITORY_ROOT

DEPLOY = REPOSITORY_ROOT / "deploy"
COMPOSE = REPOSITORY_ROOT / "docker-compose.yml"
DOCKERFILE = REPOSITORY_ROOT / "Dockerfile"
PROMETHEUS = DEPLOY / "prometheus" / "prometheus.yml"
RULES = DEPLOY / "prometheus" / "rules.yml"
DATASOURCES = DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml"
PROVIDERS = DEPLOY / "grafana" / "provisioning" / "dashboards" / "dashboards.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "driver-activity.json"


def read_yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def read_services() -> dict[str, Any]:
    services: dict[str, Any] = read_yaml(COMPOSE)["services"]
    return services


def read_panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return panels


def read_targets() -> list[dict[str, Any]]:
    """Return the queries of all panels of the dashboard."""
    return [target for panel in read_panels() for target in panel.get("targets", [])]


def read_instructions(name: str) -> list[str]:
    """Return the arguments of every instruction of that name in the Dockerfile."""
    lines = DOCKERFILE.read_text().replace("\\\n", " ").splitlines()
    return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


def read_scrape_target() -> str:
    """Return the address that Prometheus scrapes, as host:port."""
    (job,) = read_yaml(PROMETHEUS)["scrape_configs"]
    (config,) = job["static_configs"]
    (target,) = config["targets"]
    return str(target)


def read_scrape_key_path() -> str:
    """Return the file of the key that Prometheus scrapes with."""
    (job,) = read_yaml(PROMETHEUS)["scrape_configs"]
    return str(job["authorization"]["credentials_file"])


def read_scrape_interval() -> str:
    return str(read_yaml(PROMETHEUS)["global"]["scrape_interval"])
