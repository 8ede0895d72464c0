import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as program
from tests.conftest import REPOSITORY_ROOT


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(program, "RESULTS", tmp_path)
    return tmp_path


def fake_case(figures: dict[str, Any]) -> program.Case:
    return program.Case(
        measure=lambda folder: figures,
        render=lambda found: f"## Fake\n\n{found['answer']}",
        plot=lambda found, path: path.write_bytes(b"picture"),  # type: ignore[arg-type]
    )


def test_case_leaves_figures_plot_and_page(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        program, "CASES", {"fake": fake_case({"answer": 42}), "other": fake_case({})}
    )

    program.run_case("fake")
    program.write_overview()

    assert json.loads((results / "fake.json").read_text())["fake"] == {"answer": 42}
    assert (results / "fake.png").read_bytes() == b"picture"
    page = (results / "README.md").read_text()
    assert "## Fake\n\n42\n\n![fake](fake.png)\n\nOn cpu " in page


def test_either_kind_of_processor_has_a_record_of_its_own(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for vnni in (False, True):
        case = replace(fake_case({"answer": f"{vnni=}"}), by_vnni=True)
        monkeypatch.setattr(program, "CASES", {"fake": case})
        monkeypatch.setattr(program, "has_vnni", lambda vnni=vnni: vnni)
        program.run_case("fake")

    program.write_overview()

    found = {record.stem: record.figures["answer"] for record in program.read_records("fake")}
    assert found == {"fake-vnni": "vnni=True", "fake-no-vnni": "vnni=False"}
    page = (results / "README.md").read_text()
    assert page.index("![fake-vnni](fake-vnni.png)") < page.index(
        "![fake-no-vnni](fake-no-vnni.png)"
    )


def test_a_terminated_benchmark_ends_what_it_started(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []

    def terminate(folder: Path) -> dict[str, Any]:
        started.append(folder)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        return {}

    case = replace(fake_case({}), measure=terminate)
    monkeypatch.setattr(program, "CASES", {"fake": case})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "fake"])
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit, match="143"):
            program.main()
    finally:
        signal.signal(signal.SIGTERM, before)

    assert not started[0].exists()
    assert not list(results.iterdir())


def test_unknown_case_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "guess"]

    result = subprocess.run(
        command, cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 2
    assert "invalid choice: 'guess'" in result.stderr
