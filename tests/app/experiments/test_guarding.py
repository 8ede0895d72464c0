"""What happens beside the requests: guards, the file of experiments, a database that is gone."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.app.experiments.making import make_experiment
from tests.app.posting import VIDEO, assert_problem
from tests.app.running import Running, make_settings, run_service, wait_for

EXPERIMENTS = "/v1/experiments"
GUARD = {"max_latency_ratio": 1e-6, "num_requests": 10, "min_requests": 10}
"""Crossed by any treatment, after ten requests."""

FILE = """
[[experiment]]
name = "from-file"
mode = "paired"
control = { model = "tiny-fp32@1" }
treatment = { model = "tiny-int8@1" }
"""


def ask(client: httpx.Client, clip_path: Path, *, times: int = 1) -> list[dict[str, Any]]:
    clip = clip_path.read_bytes()
    responses = [client.post(VIDEO, files={"clip": clip}) for _ in range(times)]
    assert {response.status_code for response in responses} == {200}
    return [response.json() for response in responses]


def read_metric(client: httpx.Client, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that have these labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return sum(
        sample.value
        for sample in samples
        if sample.name == f"driver_activity_{name}" and labels.items() <= sample.labels.items()
    )


def run(model_dir: Path, **changes: Any) -> Any:
    return run_service(make_settings(model_dir, aliases={"default": "tiny-fp32"}, **changes))


def test_guard_ends_the_experiment_moves_the_alias_back_and_says_so(
    model_dir: Path, clip_path: Path
) -> None:
    with run(model_dir) as running:
        client = running.client
        body = make_experiment(guard=GUARD).model_dump(mode="json")
        client.post(EXPERIMENTS, json=body)
        client.put("/v1/aliases/default", json={"model": "tiny-int8@1"})

        answers = ask(client, clip_path, times=10)

        assert {answer["model"]["name"] for answer in answers} == {"tiny-int8"}
        assert ask(client, clip_path)[0]["model"]["name"] == "tiny-fp32"
        wait_for(lambda: client.get(f"{EXPERIMENTS}/trial").json()["state"] == "ended")
        ended = client.get(f"{EXPERIMENTS}/trial").json()["events"][-1]
        wait_for(lambda: client.get("/v1/aliases/default").json()["events"][-1]["by"] == "guard")
        moved = client.get("/v1/aliases/default").json()["events"][-1]
        assert (ended["by"], ended["action"]) == ("guard", "ended")
        assert "accepted at most 1e-06" in ended["reason"]
        assert (moved["detail"], moved["reason"]) == ("tiny-fp32@1", f"trial: {ended['reason']}")
        assert read_metric(client, "experiment_guard_breaches_total", experiment="trial") == 1
        assert read_metric(client, "alias_moves_total", by="guard") == 1
        assert read_metric(client, "alias_info", alias="default", model="tiny-fp32@1") == 1


def test_metrics_show_the_arms_and_the_pairs(model_dir: Path, clip_path: Path) -> None:
    with run(model_dir) as running:
        client = running.client
        client.post(EXPERIMENTS, json=make_experiment().model_dump(mode="json"))

        ask(client, clip_path, times=3)

        for arm in ("control", "treatment"):
            assert read_metric(client, "experiment_answers_total", arm=arm, code="ok") == 3
            assert read_metric(client, "experiment_inference_seconds_count", arm=arm) == 3
        assert read_metric(client, "experiment_pairs_total", experiment="trial") == 3
        assert read_metric(client, "experiment_running", experiment="trial", mode="paired") == 1
        assert read_metric(client, "experiment_records_available") == 1


def test_experiments_of_the_file_run_from_the_start_and_only_once(
    model_dir: Path, clip_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(FILE)
    changes = {"experiments_file": path, "records_dir": tmp_path / "records"}

    for _ in range(2):
        with run(model_dir, **changes) as running:
            (answer,) = ask(running.client, clip_path)
            shown = running.client.get(EXPERIMENTS).json()["experiments"]

    assert answer["experiment"] == {"name": "from-file", "arm": "control"}
    assert [one["experiment"]["name"] for one in shown] == ["from-file"]
    assert [event["by"] for event in shown[0]["events"]] == ["file"]


def test_wrong_file_leaves_the_service_not_ready_with_the_reason(
    model_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(FILE.replace("paired", "other"))

    with run_service(make_settings(model_dir, experiments_file=path), until_ready=False) as running:
        wait_for(lambda: "mode" in running.client.get("/health/ready").json()["detail"])


@pytest.mark.parametrize("is_file_garbage", [True, False])
def test_records_that_cannot_be_kept_cost_no_answer(
    is_file_garbage: bool, model_dir: Path, clip_path: Path, tmp_path: Path
) -> None:
    records_dir = tmp_path / "records"
    if is_file_garbage:
        records_dir.mkdir()
        (records_dir / "records.sqlite").write_text("no database" * 1000)
    else:
        records_dir.write_text("a file where the folder should be")

    with run(model_dir, records_dir=records_dir) as running:
        client = running.client
        body = make_experiment().model_dump(mode="json")

        ask(client, clip_path)

        for response in (
            client.post(EXPERIMENTS, json=body),
            client.get(EXPERIMENTS),
            client.get(f"{EXPERIMENTS}/trial/report"),
            client.put("/v1/aliases/default", json={"model": "tiny-int8@1"}),
            client.post("/v1/feedback", json={"request_id": "a", "label": "b"}),
        ):
            problem = assert_problem(response, 503, "records_unavailable")
            assert str(tmp_path) not in str(problem)
        assert read_metric(client, "experiment_records_available") == 0


def test_records_of_a_full_journal_are_counted_as_lost(model_dir: Path, clip_path: Path) -> None:
    with run(model_dir, max_journal_bytes=1) as running:
        client = running.client
        client.post(EXPERIMENTS, json=make_experiment().model_dump(mode="json"))

        ask(client, clip_path, times=2)

        lost = read_metric(client, "experiment_records_lost_total", reason="journal_full")
        assert lost == 2


def test_treatment_that_fails_costs_no_answer_and_is_recorded(
    model_dir: Path, clip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run(model_dir) as running:
        client = running.client
        client.post(EXPERIMENTS, json=make_experiment().model_dump(mode="json"))
        break_model(running, "tiny-int8@1", monkeypatch)

        (answer,) = ask(client, clip_path)

        code = "internal_error"
        assert answer["model"]["name"] == "tiny-fp32"
        assert read_metric(client, "experiment_answers_total", arm="treatment", code=code) == 1
        assert read_metric(client, "experiment_answers_total", arm="control", code="ok") == 1


def break_model(running: Running, reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a loaded model fail from now on."""

    def fail(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    classifier = running.service.registry.get(reference)
    monkeypatch.setattr(classifier.runtime, "infer", fail)
