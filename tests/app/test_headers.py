"""What every answer tells browsers, and what no answer tells anybody."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.headers import allow_page_scripts
from app.service import Service
from tests.app.experiments.making import make_experiment
from tests.app.posting import VIDEO, post_bytes, post_clip
from tests.app.raw import ask
from tests.app.running import Running, make_settings, run_service

INSIDE = re.compile(
    r"Traceback|\.py\b|site-packages|/tmp/|/usr/|/home/|/work/|secret"
    r"|uvicorn|starlette|fastapi|pydantic|httptools|python|openvino/|\b\d+\.\d+\.\d+\b",
    re.IGNORECASE,
)
Provoke = Callable[[Running], httpx.Response]


@pytest.fixture(scope="module")
def fragile(model_dir: Path) -> Iterator[Running]:
    with run_service(make_settings(model_dir)) as running:
        experiment = make_experiment().model_dump(mode="json")
        assert running.client.post("/v1/experiments", json=experiment).status_code == 201
        yield running


def get(path: str) -> Provoke:
    return lambda running: running.client.get(path)


PROVOKED: dict[str, tuple[int, Provoke]] = {
    "unknown path": (404, get("/nowhere")),
    "unknown model": (404, get("/v1/models/nothing")),
    "unknown file": (404, get("/static-offline-docs/../../main.py")),
    "folder of files": (404, get("/static-offline-docs/")),
    "wrong method": (405, lambda running: running.client.delete(VIDEO)),
    "wrong method of a file": (
        405,
        lambda running: running.client.post("/static-offline-docs/swagger-ui.css"),
    ),
    "slash at the end": (404, get("/v1/models/tiny-fp32/")),
    "large body": (413, lambda running: running.client.post("/v1/feedback", content=bytes(2**21))),
    "wrong media": (415, lambda running: post_bytes(running.client, b"x", content_type="a/b")),
    "no video": (415, lambda running: post_clip(running.client, b"no video")),
    "broken json": (
        422,
        lambda running: running.client.post(
            "/v1/experiments", content=b"{", headers={"content-type": "application/json"}
        ),
    ),
    "wrong query": (422, lambda running: running.client.post(VIDEO, params={"top_k": "many"})),
    "wrong name": (422, get("/v1/aliases/NO")),
}


@pytest.mark.parametrize("name", PROVOKED)
def test_error_says_nothing_of_the_inside(fragile: Running, name: str) -> None:
    status, provoke = PROVOKED[name]

    response = provoke(fragile)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert_reveals_nothing(response)


def assert_reveals_nothing(response: httpx.Response) -> None:
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    assert INSIDE.findall(headers) == []
    assert INSIDE.findall(response.text) == []
    assert "server" not in response.headers


def test_internal_error_says_nothing_of_the_inside(
    fragile: Running, clip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file", "/usr/lib/secret.py")

    monkeypatch.setattr(fragile.service.decoder, "read_windows", fail)
    response = post_clip(fragile.client, clip_path)

    assert response.status_code == 500
    assert_reveals_nothing(response)
    assert_is_protected(response)


def test_reason_of_a_service_that_cannot_start_names_no_folder(
    fragile: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = {"service": "cannot start: [Errno 13] Permission denied: '/srv/spool/x.bin'"}
    monkeypatch.setattr(Service, "problems", property(lambda _: reasons))

    problem = fragile.client.get("/health/ready").json()

    assert problem["reasons"]["service"].endswith("denied: 'x.bin'")
    assert "/srv" not in str(problem)


ANSWERED = [
    *("/health/live", "/health/ready", "/metrics", "/v1/models", "/v1/experiments", "/docs"),
    *("/openapi.json", "/static-offline-docs/swagger-ui.css", "/nowhere"),
]


@pytest.mark.parametrize("path", ANSWERED)
def test_every_answer_is_protected(fragile: Running, path: str) -> None:
    assert_is_protected(fragile.client.get(path))


def assert_is_protected(response: httpx.Response) -> None:
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["cache-control"] == "no-store"
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
    assert "server" not in response.headers


def test_answer_for_programs_may_load_nothing(fragile: Running) -> None:
    policy = fragile.client.get("/v1/models").headers["content-security-policy"]

    assert "-src" not in policy.removeprefix("default-src 'none'")


def test_report_page_runs_no_script(fragile: Running) -> None:
    page = fragile.client.get("/v1/experiments/trial/report", headers={"accept": "text/html"})

    assert page.headers["content-type"].startswith("text/html")
    assert_is_protected(page)
    assert "script-src" not in page.headers["content-security-policy"]
    assert "<script" not in page.text


def test_documentation_runs_its_own_script_only(fragile: Running) -> None:
    page = fragile.client.get("/docs")

    policy = page.headers["content-security-policy"]
    assert policy == allow_page_scripts(page.text)
    assert "script-src 'self' 'sha256-" in policy
    scripts = policy.partition("script-src")[2].partition(";")[0]
    assert "unsafe" not in scripts


def test_address_of_a_client_is_never_answered(fragile: Running) -> None:
    request = b"GET /v1/models/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    answer = ask(fragile.client, request)

    assert answer.status == 404
    assert "evil.example" not in str(answer)


def test_request_id_of_a_client_is_taken_only_if_it_is_harmless(fragile: Running) -> None:
    def answered_id(sent: bytes) -> str:
        headers = {b"X-Request-Id": sent}
        return fragile.client.get("/health/live", headers=headers).headers["x-request-id"]

    assert answered_id(b"client-id.1") == "client-id.1"
    for sent in (
        b"short",
        b"a" * 65,
        b"with space",
        b'quote"quote',
        b"\xe4\xf6\xfc\xdf\xe4\xf6\xfc",
    ):
        assert re.fullmatch("[0-9a-f]{32}", answered_id(sent))
