"""Asks OSV for known vulnerabilities of what is installed, and never takes silence for safety.

`python -m tests.deploy.check_vulnerabilities PIP_AUDIT SITE_PACKAGES`; the status is 1 if there are
any. Left alone, pip-audit reports "no known vulnerabilities" for packages that its source does not
know, as behind a mirror of PyPI, and a traceback where it cannot reach OSV.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 300


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an audit found.

    Attributes:
        findings: Known vulnerabilities, as `package version: id, fixed in ...`.
        unknown: Packages of which nothing could be found out, or why there was no audit at all.
        num_audited: Packages that were looked up.
    """

    findings: list[str]
    unknown: list[str]
    num_audited: int

    @property
    def text(self) -> str:
        """What to tell people."""
        lines = [f"VULNERABLE: {finding}" for finding in self.findings]
        lines += [f"NOT AUDITED: {reason}" for reason in self.unknown]
        return "\n".join([*lines, f"{self.num_audited} packages were audited"])


def judge(report: str, *, complaint: str) -> Verdict:
    """Return what pip-audit's report means.

    Args:
        report: Its JSON, or nothing.
        complaint: What it wrote to the standard error.
    """
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        last = complaint.strip().splitlines()[-1:] or ["pip-audit says nothing"]
        return Verdict(findings=[], unknown=last, num_audited=0)
    audited = [package for package in packages if "skip_reason" not in package]
    return Verdict(
        findings=[finding for package in audited for finding in _word(package)],
        unknown=[package["skip_reason"] for package in packages if "skip_reason" in package],
        num_audited=len(audited),
    )


def _word(package: dict[str, Any]) -> list[str]:
    name = f"{package['name']} {package['version']}"
    return [
        f"{name}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no version yet'}"
        for found in package["vulns"]
    ]


def main(pip_audit: str, site_packages: str) -> int:
    """Audit a folder of packages, say what was found, and return the exit status."""
    options = ["--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(
        [pip_audit, "--path", site_packages, *options],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    verdict = judge(done.stdout, complaint=done.stderr)
    print(verdict.text)
    return 1 if verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
