"""Every alert fires when it should, and is silent when all is well, says Prometheus's own tool."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.files import RULES, read_services, read_yaml

PREFIX = "driver_activity"
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="Prometheus is not installed"
)
PAIRS = f'{PREFIX}_experiment_pairs_total{{experiment="int8"'
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    # alert: (series when it fires, series when all is well), one value a minute
    "DriverActivityKeysNotRead": (
        {f"{PREFIX}_keys_current": "1x50 0x20"},
        {f"{PREFIX}_keys_current": "1x70"},
    ),
    "DriverActivityModelNotLoaded": (
        {f'{PREFIX}_model_loads_total{{outcome="failed"}}': "0+6x70"},
        {f'{PREFIX}_model_loads_total{{outcome="failed"}}': "0x57 1x13"},  # once, by hand
    ),
    "DriverActivityRecordsLost": (
        {f'{PREFIX}_experiment_records_lost_total{{reason="journal_full"}}': "0x58 5x5"},
        {f'{PREFIX}_experiment_records_lost_total{{reason="journal_full"}}': "0x70"},
    ),
    "DriverActivityRecordsUnavailable": (
        {f"{PREFIX}_experiment_records_available": "1x50 0x20"},
        {f"{PREFIX}_experiment_records_available": "1x70"},
    ),
    "DriverActivityGuardTripped": (
        {f'{PREFIX}_experiment_guard_breaches_total{{experiment="int8"}}': "0x55 1x15"},
        {f'{PREFIX}_experiment_guard_breaches_total{{experiment="int8"}}': "0x70"},
    ),
    "DriverActivityArmsDisagree": (
        {f'{PAIRS},agree="true"}}': "0+8x70", f'{PAIRS},agree="false"}}': "0+2x70"},
        {f'{PAIRS},agree="true"}}': "0+98x70", f'{PAIRS},agree="false"}}': "0+2x70"},
    ),
    "DriverActivityDrift": (
        {f'{PREFIX}_drift_psi{{model="tiny",version="1",quantity="label"}}': "0.3x70"},
        {f'{PREFIX}_drift_psi{{model="tiny",version="1",quantity="label"}}': "0.2x70"},
    ),
}


def rule_names() -> set[str]:
    return {rule["alert"] for group in read_yaml(RULES)["groups"] for rule in group["rules"]}


def test_every_alert_has_a_case() -> None:
    assert rule_names() == CASES.keys()


@needs_promtool
@pytest.mark.parametrize("alert", CASES)
def test_alert_fires_when_it_should(alert: str, tmp_path: Path) -> None:
    firing, _ = CASES[alert]

    fired = find_fired(firing, folder=tmp_path)

    assert fired == {alert}


@needs_promtool
@pytest.mark.parametrize("alert", CASES)
def test_alert_is_silent_when_all_is_well(alert: str, tmp_path: Path) -> None:
    _, well = CASES[alert]

    assert find_fired(well, folder=tmp_path) == set()


def find_fired(series: dict[str, str], *, folder: Path) -> set[str]:
    """Return the alerts that fire after an hour, by expecting none of them."""
    checks = [{"eval_time": "60m", "alertname": alert, "exp_alerts": []} for alert in sorted(CASES)]
    test: dict[str, Any] = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": values} for name, values in series.items()
                ],
                "alert_rule_test": checks,
            }
        ],
    }
    path = folder / "test.yml"
    path.write_text(json.dumps(test))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
    fired = set(re.findall(r'alertname="(\w+)"', done.stdout + done.stderr))
    assert (done.returncode == 0) == (not fired), done.stderr
    return fired


def test_compose_gives_prometheus_its_rules() -> None:
    volumes = read_services()["prometheus"]["volumes"]

    assert "./deploy/prometheus/rules.yml:/etc/prometheus/rules.yml:ro" in volumes
