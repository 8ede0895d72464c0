from pathlib import Path
from typing import Any

import pytest

from benchmarks import experiments
from benchmarks.experiments import measure_experiments, plot_experiments, render_experiments
from benchmarks.payloads import make_payloads

QUICK: dict[str, Any] = {
    "NUM_ROUNDS": 1,
    "REQUESTS_PER_TURN": 1,
    "CAPACITY_S": 0.5,
    "SPELL_S": 0.5,
    "NUM_RECORDS": (100, 200),
}


@pytest.mark.slow
def test_price_of_experiments_is_measured_worded_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in QUICK.items():
        monkeypatch.setattr(experiments, name, value)

    result = measure_experiments(make_payloads(tmp_path), folder=tmp_path)
    plot_experiments(result, tmp_path / "plot.png")

    text = render_experiments(result)
    assert result["paired"].keys() == {"npy", "mp4"}
    assert result["shadow"]["p99_s"]["shadowed"] > 0
    assert 0 <= result["shadow"]["ran_ratio"]["median"] <= 1
    assert "| 200 |" in text
    assert (tmp_path / "plot.png").stat().st_size > 1000
