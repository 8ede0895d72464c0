"""Experiments, aliases and feedback through the API of a running service."""

import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.queries import read_observations
from tests.app.experiments.making import make_experiment
from tests.app.posting import VIDEO, assert_problem, post_clip
from tests.app.running import Running, make_settings, run_service, wait_for
from tests.conftest import REPOSITORY_ROOT

EXPERIMENTS = "/v1/experiments"
LABEL = "b"
MODELS = ("tiny-fp32", "tiny-int8", "other-fp32")


@pytest.fixture(scope="module")
def running(model_dir: Path) -> Iterator[Running]:
    """A service with three models; the alias `default` leads to the control."""
    settings = make_settings(model_dir, models=MODELS, aliases={"default": "tiny-fp32"})
    with run_service(settings) as running:
        yield running


@pytest.fixture(autouse=True)
def _tidy(client: httpx.Client) -> Iterator[None]:
    """Leave no experiment running, and the alias where it was."""
    yield
    for answer in client.get(EXPERIMENTS).json()["experiments"]:
        name = answer["experiment"]["name"]
        client.patch(f"{EXPERIMENTS}/{name}", json={"state": "ended"})
    client.put("/v1/aliases/default", json={"model": "tiny-fp32@1"})


@pytest.fixture
def clip(clip_path: Path) -> bytes:
    return clip_path.read_bytes()


def begin(client: httpx.Client, **changes: Any) -> str:
    """Begin an experiment; return its name."""
    name = f"trial-{uuid.uuid4().hex[:8]}"
    body = make_experiment(name=name, **changes).model_dump(mode="json")
    response = client.post(EXPERIMENTS, json=body)
    assert response.status_code == 201, response.json()
    assert (response.json()["state"], response.json()["problem"]) == ("running", "")
    return name


def change(client: httpx.Client, name: str, **changes: Any) -> httpx.Response:
    return client.patch(f"{EXPERIMENTS}/{name}", json=changes)


def predict(client: httpx.Client, clip: bytes, **headers: str) -> dict[str, Any]:
    response = client.post(VIDEO, files={"clip": clip}, headers=headers)
    assert response.status_code == 200, response.json()
    answer: dict[str, Any] = response.json()
    return answer


def read(running: Running, request_id: str, *, num: int = 1) -> Any:
    """Return the observations of a request, once there are so many."""
    database = Database(sqlite_url(running.service.settings.records_dir))
    wait_for(lambda: len(read_observations(database, request_id)) == num)
    observations = read_observations(database, request_id)
    database.close()
    return observations[0] if num == 1 else observations


def test_experiment_is_created_shown_paused_resumed_and_ended(client: httpx.Client) -> None:
    name = begin(client)
    states = [
        change(client, name, state=state, reason="to see").json()["state"]
        for state in ("paused", "running", "ended")
    ]

    shown = client.get(f"{EXPERIMENTS}/{name}").json()

    assert states == ["paused", "running", "ended"]
    assert client.get(EXPERIMENTS).json()["experiments"][0] == shown
    actions = [event["action"] for event in shown["events"]]
    assert actions == ["created", "paused", "resumed", "ended"]
    assert {event["by"] for event in shown["events"]} == {"api"}


def test_pair_answers_from_the_alias_and_records_both(
    running: Running, client: httpx.Client, clip: bytes
) -> None:
    name = begin(client)
    alone = client.post(VIDEO, files={"clip": clip}, params={"model": "tiny-fp32"}).json()

    answer = predict(client, clip, **{"x-vehicle-id": "car 7"})

    observed = read(running, answer["request_id"])
    assert answer["experiment"] == {"name": name, "arm": "control"}
    assert answer["clip"] == alone["clip"]
    assert alone["experiment"] is None
    assert observed.control.code == observed.treatment.code == "ok"
    assert observed.control.label == answer["clip"]["activities"][0]["label"]
    assert observed.control.probs_K.sum() == pytest.approx(1, abs=1e-5)
    assert observed.treatment.inference_s > 0
    assert 0 < observed.max_difference <= 1
    assert observed.decode_s > 0
    assert observed.total_s > observed.decode_s
    assert 0 < observed.brightness < 1
    assert observed.subject is not None
    assert "car" not in observed.subject


def test_split_is_sticky_and_follows_its_share(
    running: Running, client: httpx.Client, clip: bytes
) -> None:
    name = begin(client, mode="split", share=0.5)
    vehicles = [f"car-{number}" for number in range(12)]

    def arms() -> list[str]:
        answers = [predict(client, clip, **{"x-vehicle-id": vehicle}) for vehicle in vehicles]
        return [answer["experiment"]["arm"] for answer in answers]

    first, second = arms(), arms()
    change(client, name, share=1)
    everybody = arms()

    assert first == second
    assert set(first) == {"control", "treatment"}
    assert set(everybody) == {"treatment"}


def test_shadow_answers_from_the_alias_and_records_the_other_arm_later(
    running: Running, client: httpx.Client, clip: bytes
) -> None:
    begin(client, mode="shadow")

    answer = predict(client, clip)

    observed = read(running, answer["request_id"])
    assert answer["model"]["name"] == "tiny-fp32"
    assert observed.treatment.code == "ok"
    assert observed.max_difference is not None
    assert answer["timings"]["inference_ms"] == pytest.approx(
        1000 * observed.control.inference_s, abs=0.001
    )


def test_share_of_zero_and_a_pause_leave_requests_alone(client: httpx.Client, clip: bytes) -> None:
    name = begin(client, share=0)
    without = predict(client, clip)
    change(client, name, share=1, state="paused")

    assert without["experiment"] is None
    assert predict(client, clip)["experiment"] is None


def test_runtimes_of_one_model_are_compared(
    running: Running, client: httpx.Client, clip: bytes
) -> None:
    begin(client, treatment={"model": "tiny-fp32@1", "runtime": "torch"})

    observed = read(running, predict(client, clip)["request_id"])

    assert observed.agrees
    assert observed.max_difference < 1e-3


def test_upload_that_cannot_be_decoded_is_recorded_with_its_code(
    running: Running, client: httpx.Client
) -> None:
    begin(client)

    problem = assert_problem(post_clip(client, b"no video"), 415, "unsupported_media")

    observed = read(running, problem["request_id"])
    assert observed.control.code == observed.treatment.code == "unsupported_media"
    assert observed.control.label is None


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"control": {"model": "none@1"}}, 409, "uninvolved_alias"),
        ({"treatment": {"model": "none@1"}}, 404, "unknown_model"),
        ({"treatment": {"model": "tiny-int8@9"}}, 404, "unknown_model"),
        ({"treatment": {"model": "other-fp32@1"}}, 422, "incomparable_models"),
        ({"alias": "none"}, 409, "uninvolved_alias"),
    ],
)
def test_experiment_that_cannot_run_is_refused(
    changes: dict[str, Any], status: int, code: str, client: httpx.Client
) -> None:
    body = make_experiment(name="impossible", **changes).model_dump(mode="json")

    assert_problem(client.post(EXPERIMENTS, json=body), status, code)
    assert client.get(f"{EXPERIMENTS}/impossible").status_code == 404


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [({"share": 2}, "share"), ({"mode": "other"}, "mode"), ({"control": None}, "control")],
)
def test_wrong_definition_is_refused_by_what_is_wrong(
    changes: dict[str, Any], parameter: str, client: httpx.Client
) -> None:
    body = make_experiment().model_dump(mode="json") | changes

    problem = assert_problem(client.post(EXPERIMENTS, json=body), 422, "invalid_request")

    assert problem["faults"][0]["parameter"].startswith(parameter)


def test_name_and_alias_belong_to_one_experiment(client: httpx.Client) -> None:
    name = begin(client)
    same = make_experiment(name=name).model_dump(mode="json")
    overlapping = make_experiment(name="second").model_dump(mode="json")

    assert_problem(client.post(EXPERIMENTS, json=same), 409, "experiment_exists")
    problem = assert_problem(
        client.post(EXPERIMENTS, json=overlapping), 409, "overlapping_experiments"
    )

    assert (problem["alias"], problem["other"]) == ("default", name)
    change(client, name, state="ended")
    assert client.post(EXPERIMENTS, json=overlapping).status_code == 201


def test_what_has_ended_does_not_run_again(client: httpx.Client) -> None:
    name = begin(client)
    change(client, name, state="ended")

    assert_problem(change(client, name, state="running"), 409, "experiment_ended")
    assert_problem(change(client, name, share=0.5), 409, "experiment_ended")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "none"), ("PATCH", "none"), ("GET", "none/report")]
)
def test_unknown_experiment_is_not_found(method: str, path: str, client: httpx.Client) -> None:
    response = client.request(method, f"{EXPERIMENTS}/{path}", json={})

    assert_problem(response, 404, "unknown_experiment")


def test_report_of_an_unknown_experiment_starts_no_process(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("app.experiments.reporting.WorkerPool", fail)

    response = client.get("/v1/experiments/nothing/report")

    assert_problem(response, 404, "unknown_experiment")


def test_report_that_takes_too_long_is_given_up(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise TimeoutError

    client.post("/v1/experiments", json=make_experiment().model_dump(mode="json"))
    monkeypatch.setattr("app.experiments.reporting.Reporter.write", fail)

    response = client.get("/v1/experiments/trial/report")

    assert_problem(response, 504, "deadline_exceeded")


@pytest.mark.parametrize("share", [True, "0.5"])
def test_value_of_another_type_is_no_number(client: httpx.Client, share: object) -> None:
    client.post("/v1/experiments", json=make_experiment().model_dump(mode="json"))

    created = client.post(
        "/v1/experiments", json={**make_experiment().model_dump(mode="json"), "share": share}
    )
    changed = client.patch("/v1/experiments/trial", json={"share": share})

    assert_problem(created, 422, "invalid_request")
    assert_problem(changed, 422, "invalid_request")


def test_alias_moves_at_once_and_back_and_the_trail_says_why(
    client: httpx.Client, clip: bytes
) -> None:
    def move(model: str) -> dict[str, Any]:
        body = {"model": model, "reason": f"to {model}"}
        response = client.put("/v1/aliases/default", json=body)
        assert response.status_code == 200, response.json()
        moved: dict[str, Any] = response.json()
        return moved

    before = client.get("/v1/aliases/default").json()["events"]
    move("tiny-int8@1")
    moved_to = predict(client, clip)["model"]["name"]
    shown = move("tiny-fp32@1")

    assert moved_to == "tiny-int8"
    assert predict(client, clip)["model"]["name"] == "tiny-fp32"
    trail = [(event["detail"], event["by"], event["reason"]) for event in shown["events"]]
    assert trail[0] == ("tiny-fp32@1", "settings", "")
    assert trail[len(before) :] == [
        ("tiny-int8@1", "api", "to tiny-int8@1"),
        ("tiny-fp32@1", "api", "to tiny-fp32@1"),
    ]
    assert client.get("/v1/aliases").json()["aliases"][0] == shown


def test_new_alias_can_be_made(client: httpx.Client, clip: bytes) -> None:
    client.put("/v1/aliases/next", json={"model": "tiny-int8@1"})

    answer = client.post(VIDEO, files={"clip": clip}, params={"model": "next"}).json()

    assert answer["model"]["name"] == "tiny-int8"


@pytest.mark.parametrize(
    ("alias", "model", "status", "code"),
    [
        ("default", "none@1", 404, "unknown_model"),
        ("tiny-int8", "tiny-fp32@1", 409, "alias_taken"),
        ("default", "tiny-fp32", 422, "invalid_request"),
        ("Not A Name", "tiny-fp32@1", 422, "invalid_request"),
    ],
)
def test_wrong_move_is_refused(
    alias: str, model: str, status: int, code: str, client: httpx.Client
) -> None:
    response = client.put(f"/v1/aliases/{alias}", json={"model": model})

    assert_problem(response, status, code)


def test_alias_of_an_experiment_moves_between_its_arms_only(
    client: httpx.Client, clip: bytes
) -> None:
    name = begin(client)

    refused = client.put("/v1/aliases/default", json={"model": "other-fp32@1"})
    client.put("/v1/aliases/default", json={"model": "tiny-int8@1"})

    assert_problem(refused, 409, "uninvolved_alias")
    assert predict(client, clip)["experiment"] == {"name": name, "arm": "treatment"}


def test_unknown_alias_is_not_found(client: httpx.Client) -> None:
    assert_problem(client.get("/v1/aliases/none"), 404, "unknown_alias")


def test_moved_alias_stays_moved_over_a_restart_until_the_settings_change(
    model_dir: Path, tmp_path: Path
) -> None:
    def serve(default: str) -> str:
        settings = make_settings(
            model_dir, aliases={"default": default}, records_dir=tmp_path / "records"
        )
        with run_service(settings) as running:
            found: str = running.client.get("/v1/aliases/default").json()["model"]
            running.client.put("/v1/aliases/default", json={"model": "tiny-int8@1"})
        return found

    assert serve("tiny-fp32") == "tiny-fp32@1"
    assert serve("tiny-fp32") == "tiny-int8@1"
    assert serve("tiny-fp32@1") == "tiny-int8@1"
    assert serve("tiny-int8") == "tiny-int8@1"
    assert serve("tiny-fp32") == "tiny-fp32@1"


def test_feedback_labels_the_record_of_a_request(
    running: Running, client: httpx.Client, clip: bytes
) -> None:
    begin(client)
    ids = [predict(client, clip)["request_id"] for _ in range(3)]
    table = "request_id,label\n" + "".join(f"{one},{LABEL}\n" for one in ids[1:])

    single = client.post("/v1/feedback", json={"request_id": ids[0], "label": LABEL})
    several = client.post("/v1/feedback", content=table, headers={"content-type": "text/csv"})

    assert (single.status_code, single.json()) == (200, {"num_labeled": 1})
    assert (several.status_code, several.json()) == (200, {"num_labeled": 2})


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", '{"request_id":"none","label":"class 0"}', 422, "invalid_feedback"),
        ("application/json", "[]", 422, "empty_upload"),
        ("application/json", '[{"request_id":"a"}]', 422, "invalid_upload"),
        ("application/json", "{", 422, "invalid_upload"),
        ("application/json", "", 422, "invalid_upload"),
        ("text/csv", "", 422, "invalid_upload"),
        ("text/csv", "id,label\n1,2\n", 422, "invalid_upload"),
        ("text/csv", "request_id,label\n", 422, "empty_upload"),
        ("text/csv; charset=utf-8", "request_id,label\na,b,c\n", 422, "invalid_upload"),
        ("text/csv", "request_id,label\na\n", 422, "invalid_upload"),
        ("text/csv", b"request_id,label\n\xff,b\n", 422, "invalid_upload"),
        ("text/plain", "x", 415, "unsupported_media"),
    ],
)
def test_wrong_feedback_is_refused(
    content_type: str, body: str | bytes, status: int, code: str, client: httpx.Client
) -> None:
    response = client.post("/v1/feedback", content=body, headers={"content-type": content_type})

    assert_problem(response, status, code)


def test_feedback_with_one_unknown_label_keeps_nothing(client: httpx.Client, clip: bytes) -> None:
    begin(client)
    request_id = predict(client, clip)["request_id"]
    rows = [{"request_id": request_id, "label": label} for label in (LABEL, "unknown")]

    problem = assert_problem(client.post("/v1/feedback", json=rows), 422, "invalid_feedback")

    assert problem["num_faults"] == 1
    assert "'unknown'" in problem["faults"][0]


def test_report_counts_what_was_recorded_and_labeled(client: httpx.Client, clip: bytes) -> None:
    name = begin(client)
    ids = [predict(client, clip)["request_id"] for _ in range(3)]
    client.post("/v1/feedback", json={"request_id": ids[0], "label": LABEL})

    response = client.get(f"{EXPERIMENTS}/{name}/report")

    report = response.json()
    assert response.headers["content-type"] == "application/json"
    assert (report["num_observations"], report["num_pairs"]) == (3, 3)
    assert report["accuracy"]["num_labelled"] == 1
    assert report["verdict"]["decision"] == "not enough yet"
    assert [event["action"] for event in report["events"]][-1] == "created"
    assert [arm["has_reference"] for arm in report["drift"]] == [False, False]


def test_browser_gets_a_page_with_pictures(client: httpx.Client, clip: bytes) -> None:
    name = begin(client)
    predict(client, clip)

    response = client.get(
        f"{EXPERIMENTS}/{name}/report", headers={"accept": "text/html,application/xml;q=0.9"}
    )

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{name}</h1>" in response.text
    assert "<svg" in response.text
    assert not re.search(r'(src|href)="http', response.text)


def test_command_line_prints_the_report(
    running: Running, client: httpx.Client, clip: bytes
) -> None:
    name = begin(client)
    read(running, predict(client, clip)["request_id"])

    done = run_report(running, name)
    unknown = run_report(running, "none")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{name}: not enough yet\n")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("python -m app report: error: unknown experiment 'none'")


def run_report(running: Running, name: str) -> subprocess.CompletedProcess[str]:
    settings = running.service.settings
    folders = [f"--records-dir={settings.records_dir}", f"--model-dir={settings.model_dir}"]
    return subprocess.run(
        [sys.executable, "-m", "app", "report", name, *folders],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
