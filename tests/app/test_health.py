import re
import threading
from pathlib import Path

import httpx
import pytest

from models.registry import ModelRegistry
from tests.app.posting import assert_problem, post_clip
from tests.app.running import make_settings, run_service, wait_until_ready


def test_service_is_live_at_once_and_ready_when_its_models_are(
    model_dir: Path, clip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load = threading.Event()
    load = ModelRegistry.load
    monkeypatch.setattr(ModelRegistry, "load", lambda self: may_load.wait() and load(self))
    with run_service(make_settings(model_dir), until_ready=False) as running:
        try:
            live = running.client.get("/health/live")
            unready = running.client.get("/health/ready")
            early = post_clip(running.client, clip_path)
        finally:
            may_load.set()
        wait_until_ready(running.client)

    assert live.json() == {"status": "live"}
    assert assert_problem(unready, 503, "not_ready")["reasons"]["tiny-int8"] == "still loading"
    assert unready.headers["retry-after"] == "1"
    assert_problem(early, 503, "model_not_ready")


def test_service_whose_model_is_not_installed_says_so(model_dir: Path) -> None:
    settings = make_settings(model_dir, models=("tiny-int8", "nothing"))
    with run_service(settings, until_ready=False) as running:
        response = running.client.get("/health/ready")

    assert assert_problem(response, 503, "not_ready")["reasons"]["nothing"] == "not installed"


def test_service_whose_decoder_does_not_start_says_so(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise TimeoutError("no worker answers")

    monkeypatch.setattr("app.decoding.DecodePool.start", fail)
    with run_service(make_settings(model_dir), until_ready=False) as running:
        running.service.registry.load()
        response = running.client.get("/health/ready")

    assert "no worker answers" in assert_problem(response, 503, "not_ready")["reasons"]["service"]


def test_service_that_shuts_down_is_not_ready_but_answers(model_dir: Path, clip_path: Path) -> None:
    with run_service(make_settings(model_dir)) as running:
        running.service.withdraw()
        response = running.client.get("/health/ready")
        answered = post_clip(running.client, clip_path)

    assert assert_problem(response, 503, "not_ready")["reasons"] == {"service": "shutting down"}
    assert answered.status_code == 200


def test_documentation_shows_bodies_answers_and_problems(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()

    operation = document["paths"]["/v1/predictions"]["post"]
    assert {"multipart/form-data", "video/*"} <= set(operation["requestBody"]["content"])
    assert {"200", "404", "413", "415", "422", "503", "504"} <= set(operation["responses"])
    examples = operation["responses"]["422"]["content"]["application/problem+json"]["examples"]
    assert examples["media_too_short"]["value"]["status"] == 422


def test_documentation_needs_nothing_from_the_internet(client: httpx.Client) -> None:
    page = client.get("/docs").text

    links = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page)
    assert len(links) == 3
    assert [client.get(link).status_code for link in links] == [200] * 3


def test_documentation_describes_every_parameter(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()

    parameters = [
        parameter
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    ]
    assert {parameter["name"] for parameter in parameters} == {
        *("model", "models", "top_k", "stride_s", "decode", "frame_rate_hz")
    }
    assert all(parameter["description"] for parameter in parameters)
