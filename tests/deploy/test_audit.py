"""What is audited, and what an audit that did not happen says."""

import json
import re
import tomllib
from typing import Any

import pytest

from tests.conftest import REPOSITORY_ROOT
from tests.deploy.check_vulnerabilities import judge
from tests.pins import normalize, pinned

PYPROJECT = tomllib.loads((REPOSITORY_ROOT / "pyproject.toml").read_text())
MAKEFILE = (REPOSITORY_ROOT / "Makefile").read_text()
SOUND = {"name": "a", "version": "1", "vulns": []}
VULNERABLE = {"name": "b", "version": "2", "vulns": [{"id": "X-1", "fix_versions": ["2.1"]}]}
SKIPPED = {"name": "c", "skip_reason": "c is not known"}


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages})


def test_packages_without_known_vulnerabilities_are_audited() -> None:
    verdict = judge(report(SOUND), complaint="")

    assert (verdict.findings, verdict.unknown, verdict.num_audited) == ([], [], 1)


def test_vulnerability_is_a_finding_with_its_remedy() -> None:
    verdict = judge(report(SOUND, VULNERABLE), complaint="")

    assert verdict.findings == ["b 2: X-1, fixed in 2.1"]
    assert "VULNERABLE: b 2: X-1" in verdict.text


def test_package_that_the_source_does_not_know_is_not_taken_for_sound() -> None:
    verdict = judge(report(SKIPPED), complaint="No known vulnerabilities found")

    assert verdict.text == "NOT AUDITED: c is not known\n0 packages were audited"


@pytest.mark.parametrize("reported", ["", "{}", "Traceback"])
def test_source_that_is_out_of_reach_is_said(reported: str) -> None:
    verdict = judge(reported, complaint="Traceback\nConnectionError: api.osv.dev\n")

    assert verdict.text.startswith("NOT AUDITED: ConnectionError: api.osv.dev")


def test_tools_are_bounded_and_pinned() -> None:
    tools = PYPROJECT["project"]["optional-dependencies"]["audit"]

    assert all(re.search(r">=[\d.]+,<\d+$", tool) for tool in tools)
    assert {normalize(tool.partition(">=")[0]) for tool in tools} <= pinned("constraints-audit.txt")


def test_no_licence_is_allowed_that_asks_for_more_than_to_be_named() -> None:
    allowed = PYPROJECT["tool"]["pip-licenses"]["allow-only"]

    assert "MIT" in allowed
    assert not re.search(r"GPL|General Public|MPL|EPL|SSPL|proprietary", allowed, re.IGNORECASE)


def test_every_exception_is_a_dependency_that_there_is() -> None:
    exceptions = PYPROJECT["tool"]["pip-licenses"]["ignore-packages"]

    assert {normalize(name) for name in exceptions} <= pinned("constraints.txt")


def test_baseline_knows_no_secret_by_its_place() -> None:
    baseline = json.loads((REPOSITORY_ROOT / ".secrets.baseline").read_text())

    assert len(baseline["plugins_used"]) > 20
    assert baseline["results"] == {}


def test_what_works_without_a_network_is_part_of_the_tests() -> None:
    (prerequisites,) = re.findall(r"^test:(.*)$", MAKEFILE, re.MULTILINE)
    (audited,) = re.findall(r"^audit:(.*)$", MAKEFILE, re.MULTILINE)

    assert {"licences", "leaks"} <= set(prerequisites.split())
    assert set(audited.split()) == {"licences", "leaks", "sbom", "vulnerabilities"}
