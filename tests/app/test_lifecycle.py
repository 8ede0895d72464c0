"""Models that are loaded, replaced and unloaded by API and by watching the folder."""

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.experiments.definition import Arm
from models.card import ModelCard, read_card, write_card
from models.golden import GoldenClip
from tests.app.experiments.making import make_experiment
from tests.app.posting import assert_problem, post_clip
from tests.app.references import make_reference
from tests.app.running import Running, make_settings, run_service, wait_for
from tests.model_factory import write_model_folder

WRONG_ANSWER = GoldenClip(seed=0, probs_K=(1.0, 0.0, 0.0), tolerance=1e-6)


@pytest.fixture
def root(model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_dir, tmp_path / "weights"))


@pytest.fixture
def running(root: Path) -> Iterator[Running]:
    with run_service(make_settings(root)) as running:
        yield running


@pytest.fixture
def watching(root: Path) -> Iterator[Running]:
    with run_service(make_settings(root, watch_models_s=0.05)) as running:
        yield running


def load(client: httpx.Client, reference: str) -> httpx.Response:
    return client.post(f"/v1/models/{reference}/load")


def unload(client: httpx.Client, reference: str) -> httpx.Response:
    return client.post(f"/v1/models/{reference}/unload")


def show(client: httpx.Client, reference: str) -> dict[str, str]:
    model: dict[str, str] = client.get(f"/v1/models/{reference}").json()
    return model


def replace_model(folder: Path, staging: Path, *, seed: int, **changes: object) -> ModelCard:
    """Put other weights into the place of a model at once, as a careful operator does."""
    name, version = folder.parent.name, int(folder.name)
    made = write_model_folder(staging, name=name, version=version, seed=seed)
    card = read_card(made).model_copy(update=changes)
    write_card(made, card)
    shutil.rmtree(folder)
    shutil.move(made, folder)
    return card


def model_series(client: httpx.Client) -> list[str]:
    lines = client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith("driver_activity_model_info{")]


def test_model_is_loaded_and_unloaded_by_api(running: Running, clip_path: Path) -> None:
    client = running.client

    loaded = load(client, "other-fp32@1").json()
    answered = post_clip(client, clip_path, model="other-fp32")
    series = model_series(client)
    unloaded = unload(client, "other-fp32@1").json()
    refused = post_clip(client, clip_path, model="other-fp32")

    assert (loaded["state"], loaded["reason"]) == ("ready", "")
    assert answered.status_code == 200
    assert len(series) == 3
    assert (unloaded["state"], unloaded["reason"]) == ("not_loaded", "unloaded")
    assert assert_problem(refused, 503, "model_not_ready")["reason"] == "unloaded"
    assert len(model_series(client)) == 2


def test_newest_loaded_version_takes_a_name_over_and_gives_it_back(
    running: Running, root: Path, clip_path: Path
) -> None:
    client = running.client
    write_model_folder(root, name="tiny-fp32", version=2, seed=5)

    def ask() -> int:
        version: int = post_clip(client, clip_path, model="tiny-fp32").json()["model"]["version"]
        return version

    before = ask()
    load(client, "tiny-fp32@2")
    after = ask()
    unload(client, "tiny-fp32@2")

    assert (before, after, ask()) == (1, 2, 1)


def test_requested_model_that_is_unloaded_is_not_missed(running: Running) -> None:
    client = running.client

    assert unload(client, "tiny-fp32@1").status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_model_that_an_alias_leads_to_is_not_unloaded(running: Running, clip_path: Path) -> None:
    client = running.client

    problem = assert_problem(unload(client, "tiny-int8@1"), 409, "model_in_use")

    assert problem["reason"] == "alias default leads to it"
    assert post_clip(client, clip_path).status_code == 200


def test_model_that_an_experiment_compares_is_neither_unloaded_nor_replaced(
    running: Running,
) -> None:
    client = running.client
    experiment = make_experiment("trial").model_dump(mode="json")
    assert client.post("/v1/experiments", json=experiment).status_code == 201

    for response in (unload(client, "tiny-fp32@1"), load(client, "tiny-fp32@1")):
        problem = assert_problem(response, 409, "model_in_use")
        assert problem["reason"] == "experiment trial compares it"

    client.patch("/v1/experiments/trial", json={"state": "ended"})
    assert load(client, "tiny-fp32@1").status_code == 200
    assert unload(client, "tiny-fp32@1").status_code == 200


def test_experiment_whose_arm_cannot_be_loaded_is_refused(running: Running, root: Path) -> None:
    (root / "tiny-fp32" / "1" / "model.onnx").write_bytes(b"changed")
    arm = Arm(model="tiny-fp32@1", runtime="torch")
    experiment = make_experiment("trial", treatment=arm, control=Arm(model="tiny-int8@1"))

    response = running.client.post("/v1/experiments", json=experiment.model_dump(mode="json"))

    problem = assert_problem(response, 409, "model_unusable")
    assert "model.onnx has sha256" in problem["reason"]


@pytest.mark.parametrize("action", ["load", "unload"])
def test_model_that_is_not_installed_is_not_found(running: Running, action: str) -> None:
    response = running.client.post(f"/v1/models/nothing@1/{action}")

    assert_problem(response, 404, "unknown_model")


@pytest.mark.parametrize("action", ["load", "unload"])
@pytest.mark.parametrize("reference", ["tiny-fp32", "default", "tiny-fp32@0", "..%2Ftiny@1"])
def test_what_is_no_exact_version_is_refused(running: Running, action: str, reference: str) -> None:
    response = running.client.post(f"/v1/models/{reference}/{action}")

    assert response.status_code in (404, 422)  # an encoded slash is part of no route
    assert response.json()["code"] in ("not_found", "invalid_request")


def test_failed_load_says_why_and_the_old_version_answers_on(
    running: Running, root: Path, tmp_path: Path, clip_path: Path
) -> None:
    client = running.client
    before = post_clip(client, clip_path, model="tiny-fp32").json()["clip"]
    replace_model(root / "tiny-fp32" / "1", tmp_path / "staging", seed=9, golden=WRONG_ANSWER)

    problem = assert_problem(load(client, "tiny-fp32@1"), 409, "model_unusable")

    assert "the answer to the golden clip is off by" in problem["reason"]
    assert post_clip(client, clip_path, model="tiny-fp32").json()["clip"] == before
    assert show(client, "tiny-fp32@1")["state"] == "ready"
    assert "golden clip" in show(client, "tiny-fp32@1")["reason"]
    assert client.get("/health/ready").status_code == 200
    assert 'model_loads_total{outcome="failed"} 1.0' in client.get("/metrics").text


def test_request_under_way_is_answered_by_the_model_that_it_began_with(
    running: Running, root: Path, tmp_path: Path, clip_path: Path
) -> None:
    client, registry = running.client, running.service.registry
    before = post_clip(client, clip_path, model="tiny-fp32").json()["clip"]
    runtime = registry.get("tiny-fp32").runtime
    is_asked, may_answer = threading.Event(), threading.Event()
    infer = runtime.infer

    def hold(windows_NTHWC: object) -> object:
        is_asked.set()
        may_answer.wait(30)
        return infer(windows_NTHWC)  # type: ignore[arg-type]

    runtime.infer = hold  # type: ignore[method-assign, assignment]
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(post_clip(client, clip_path, model="tiny-fp32"))
    )
    asking.start()
    is_asked.wait(30)

    replace_model(root / "tiny-fp32" / "1", tmp_path / "staging", seed=9)
    assert load(client, "tiny-fp32@1").status_code == 200
    after = post_clip(client, clip_path, model="tiny-fp32").json()["clip"]
    may_answer.set()
    asking.join()

    assert answers[0].json()["clip"] == before
    assert after != before


def test_no_request_fails_while_its_model_is_replaced_again_and_again(
    running: Running, clip_path: Path
) -> None:
    client, is_over = running.client, threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        while not is_over.is_set():
            statuses.append(post_clip(client, clip_path, model="tiny-fp32").status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    loads = [load(client, "tiny-fp32@1").status_code for _ in range(10)]
    is_over.set()
    asking.join()

    assert loads == [200] * 10
    assert len(statuses) > 5
    assert set(statuses) == {200}


def test_drift_follows_the_model_that_is_loaded(
    running: Running, root: Path, tmp_path: Path
) -> None:
    client, drift = running.client, running.service.drift
    reference = make_reference(labels=("a", "b", "c"))
    replace_model(root / "tiny-fp32" / "1", tmp_path / "staging", seed=9, drift_reference=reference)

    load(client, "tiny-fp32@1")
    watched = [labels.reference for labels in drift.judge_all()]
    unload(client, "tiny-fp32@1")

    assert watched == ["tiny-fp32@1"]
    assert drift.judge_all() == {}
    assert "drift_sample{" not in client.get("/metrics").text


def test_copied_version_of_a_requested_name_is_found_and_loaded(
    watching: Running, root: Path
) -> None:
    client = watching.client
    write_model_folder(root, name="other-fp32", version=2, seed=5)
    write_model_folder(root, name="tiny-fp32", version=2, seed=5)

    wait_for(lambda: show(client, "tiny-fp32")["reference"] == "tiny-fp32@2")

    assert show(client, "other-fp32@2")["state"] == "not_loaded"
    assert show(client, "default")["reference"] == "tiny-int8@1"


def test_folder_that_is_copied_slowly_is_loaded_when_it_is_whole(
    watching: Running, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = watching.client
    made = write_model_folder(tmp_path / "staging", name="tiny-fp32", version=2, seed=5)
    folder = root / "tiny-fp32" / "2"
    folder.mkdir()
    for name in ("card.json", "weights.safetensors"):
        shutil.copy(made / name, folder / name)

    wait_for(lambda: "model.onnx" in show(client, "tiny-fp32@2").get("reason", ""))
    served = show(client, "tiny-fp32")["reference"]
    shutil.copy(made / "model.onnx", folder / "model.onnx")
    wait_for(lambda: show(client, "tiny-fp32")["reference"] == "tiny-fp32@2")

    assert served == "tiny-fp32@1"
    failures = [line for line in caplog.messages if "model_not_loaded" in line]
    assert len(failures) <= 2  # without its file, and with half of it; not at every look


def test_replaced_folder_is_loaded(watching: Running, root: Path, tmp_path: Path) -> None:
    before = watching.service.registry.get("tiny-fp32")

    card = replace_model(root / "tiny-fp32" / "1", tmp_path / "staging", seed=9)

    wait_for(lambda: watching.service.registry.get("tiny-fp32") is not before)
    assert watching.service.registry.get("tiny-fp32").card == card
    assert len(model_series(watching.client)) == 2


def test_models_answer_on_when_their_folder_is_gone(
    watching: Running, root: Path, clip_path: Path
) -> None:
    client = watching.client
    os.rename(root, root.with_name("gone"))

    wait_for(lambda: "No such file" in show(client, "tiny-int8@1")["reason"])

    assert post_clip(client, clip_path).status_code == 200
    assert client.get("/health/ready").status_code == 200

    os.rename(root.with_name("gone"), root)
    assert load(client, "tiny-int8@1").json()["reason"] == ""


def test_unloaded_model_is_not_loaded_again_by_the_next_look(running: Running) -> None:
    unload(running.client, "tiny-fp32@1")

    asyncio.run(running.service.models.look())

    assert show(running.client, "tiny-fp32@1")["state"] == "not_loaded"


def test_two_loads_of_a_model_follow_each_other(running: Running) -> None:
    responses: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: responses.append(load(running.client, "other-fp32@1")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [response.status_code for response in responses] == [200, 200, 200]
