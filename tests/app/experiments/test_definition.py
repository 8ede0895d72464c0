from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.experiments.definition import Experiment
from app.experiments.file import InvalidExperimentsFileError, read_experiments
from tests.app.experiments.making import make_experiment

TOML = """
[[experiment]]
name = "int8"
mode = "split"
share = 0.1
control = { model = "mobilenet3d-lite-fp32@1" }
treatment = { model = "mobilenet3d-lite-int8@1", runtime = "torch" }
guard = { max_disagreement = 0.1 }
"""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "sideways"}, "'paired', 'split' or 'shadow'"),
        ({"share": 1.01}, "less than or equal to 1"),
        ({"share": -0.1}, "greater than or equal to 0"),
        ({"share": float("nan")}, "less than or equal to 1"),
        ({"name": "Not A Name"}, "should match pattern"),
        ({"control": {"model": "tiny-fp32"}}, "should match pattern"),
        ({"treatment": {"model": "tiny-fp32@1"}}, "control and treatment are both tiny-fp32@1"),
        ({"treatment": {"model": "a@1", "runtime": "tpu"}}, "'openvino' or 'torch'"),
        ({"stop": {"margin": 0}}, "greater than 0"),
        ({"stop": {"max_requests": 10}}, "max_requests 10 is below min_requests 500"),
        ({"guard": {"max_latency_ratio": 0}}, "greater than 0"),
        ({"guard": {"min_requests": 600}}, "min_requests 600 is above num_requests 500"),
        ({"unknown": 1}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_definition_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_experiment(**changes)


def test_two_runtimes_of_one_model_can_be_compared() -> None:
    experiment = make_experiment(
        control={"model": "a@1", "runtime": "torch"}, treatment={"model": "a@1"}
    )

    assert experiment.control != experiment.treatment


def test_definition_survives_json() -> None:
    experiment = make_experiment(guard={}, stop={"max_days": 14})

    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


def test_file_gives_its_experiments(tmp_path: Path) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(TOML)

    (experiment,) = read_experiments(path)

    assert (experiment.name, experiment.mode, experiment.share) == ("int8", "split", 0.1)
    assert experiment.treatment.runtime == "torch"
    assert experiment.guard is not None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "experiment: Field required"),
        ("experiment = []", "at least 1 item"),
        ("[[experiment", "experiments.toml is not TOML"),
        (TOML + "[other]", "other: Extra inputs"),
        (TOML.replace("0.1\n", "7\n"), r"experiment\.0\.share: .*less than or equal to 1"),
        ("\xff", "is not TOML"),
    ],
)
def test_wrong_file_is_refused_by_what_is_wrong(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "experiments.toml"
    path.write_bytes(content.encode("latin-1"))

    with pytest.raises(InvalidExperimentsFileError, match=message):
        read_experiments(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidExperimentsFileError, match=r"none\.toml: No such file"):
        read_experiments(tmp_path / "none.toml")
