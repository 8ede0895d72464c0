"""Fixtures that every part of the tests uses, and the list of tests that CI may skip."""

import os

# Before torch is imported: the threads of tiny networks only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest

REPOSITORY_ROOT = Path(__file__).resolve().parents[1]

NO_SAMPLES = "the folder of sample media is not there"

NO_LANDLOCK = "the kernel has no Landlock"

SKIPS_ALLOWED_IN_CI = (NO_SAMPLES, NO_LANDLOCK)
"""Reasons for which a test may be skipped in CI: what is no part of the project."""

_unexpected_skips: list[str] = []


@pytest.fixture(scope="session")
def samples_dir() -> Path:
    folder = REPOSITORY_ROOT.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip(NO_SAMPLES)
    return folder


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return
    reason = report.longrepr[2].removeprefix("Skipped: ")
    if os.environ.get("CI") and reason not in SKIPS_ALLOWED_IN_CI:
        _unexpected_skips.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _unexpected_skips:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for skip in _unexpected_skips:
        terminalreporter.write_line(f"skipped in CI, and not on the list: {skip}", red=True)
