import json
import subprocess
import sys

from tests.conftest import REPOSITORY_ROOT

FAILING = """
import logging
import structlog
from app.logs import configure_logging

configure_logging("info")
try:
    authorization = "Bearer " + "da_" + "leaked"
    raise RuntimeError("broken")
except RuntimeError:
    structlog.get_logger("service").exception("failed")
    logging.getLogger("library").exception("failed, too")
"""


def test_traceback_in_the_log_shows_no_values_of_variables() -> None:
    result = subprocess.run(
        [sys.executable, "-c", FAILING],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["failed", "failed, too"]
    assert all(line["exception"][0]["exc_value"] == "broken" for line in lines)
    assert "da_leaked" not in result.stderr
