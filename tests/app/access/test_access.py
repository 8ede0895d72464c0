"""A service that wants keys, as clients, operators and Prometheus meet it."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.access import keyring
from app.access.commands import run_command
from tests.app.access.making import add_key, with_key
from tests.app.posting import VIDEO, assert_problem, post_clip
from tests.app.running import Running, make_settings, run_service, wait_for

NOTICED_S = 2.0


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.jsonl"


@pytest.fixture(scope="module")
def clients(model_dir: Path, keys_file: Path) -> Iterator[dict[str, httpx.Client]]:
    """Clients by the scope of their key."""
    secrets = {scope: add_key(keys_file, scope, scope) for scope in ("predict", "metrics", "admin")}
    settings = make_settings(model_dir, keys_file=keys_file)
    with run_service(settings) as running, ExitStack() as stack:
        yield {
            "": running.client,
            **{
                scope: stack.enter_context(with_key(running, secret))
                for scope, secret in secrets.items()
            },
        }


@pytest.mark.parametrize(
    ("scope", "path"),
    [("predict", "/v1/models"), ("metrics", "/metrics"), ("admin", "/v1/experiments")],
)
def test_key_opens_what_its_scope_says_and_nothing_else(
    clients: dict[str, httpx.Client], scope: str, path: str
) -> None:
    statuses = {name: client.get(path).status_code for name, client in clients.items()}

    assert statuses.pop(scope) == 200
    assert statuses.pop("") == 401
    assert set(statuses.values()) == {403}


def test_clip_is_answered_to_a_key_for_predictions(
    clients: dict[str, httpx.Client], clip_path: Path
) -> None:
    assert post_clip(clients["predict"], clip_path).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/docs", "/openapi.json"])
def test_health_and_documentation_need_no_key(clients: dict[str, httpx.Client], path: str) -> None:
    assert clients[""].get(path).status_code == 200


def test_missing_key_is_asked_for(clients: dict[str, httpx.Client]) -> None:
    response = clients[""].get("/v1/models")

    assert_problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == 'Bearer realm="driver-activity"'


@pytest.mark.parametrize(
    "value", ["Bearer da_wrong", "Bearer", "Basic dXNlcjpwYXNz", "Bearer \xff\xff", "da_wrong"]
)
def test_wrong_key_is_refused(clients: dict[str, httpx.Client], value: str) -> None:
    headers = {b"Authorization": value.encode("latin-1")}
    response = clients[""].get("/v1/models", headers=headers)

    assert_problem(response, 401, "unauthenticated")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


def test_scope_that_is_missing_is_named(clients: dict[str, httpx.Client]) -> None:
    response = clients["predict"].get("/v1/experiments")

    assert assert_problem(response, 403, "forbidden")["scope"] == "admin"
    assert 'error="insufficient_scope", scope="admin"' in response.headers["www-authenticate"]


def test_scheme_may_be_written_in_any_case(clients: dict[str, httpx.Client]) -> None:
    secret = clients["predict"].headers["authorization"].removeprefix("Bearer ")
    response = clients[""].get("/v1/models", headers={"Authorization": f"bEARER  {secret}"})

    assert response.status_code == 200


def test_nothing_of_a_strangers_body_is_read(clients: dict[str, httpx.Client]) -> None:
    url = clients[""].base_url
    with socket.create_connection((url.host, url.port)) as connection:
        head = f"POST {VIDEO} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
        answer = connection.recv(10_000)

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_name_of_the_key_is_logged_and_the_key_is_not(
    clients: dict[str, httpx.Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    clients["metrics"].get("/metrics")
    clients["metrics"].get("/v1/models")

    wait_for(lambda: caplog.text.count('"key": "metrics"') == 2)
    assert clients["metrics"].headers["authorization"].split()[1] not in caplog.text


def test_documentation_says_which_scope_an_operation_needs(
    clients: dict[str, httpx.Client],
) -> None:
    document = clients[""].get("/openapi.json").json()

    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    operations = document["paths"]
    assert operations["/v1/predictions"]["post"]["security"] == [{"apiKey": ["predict"]}]
    assert operations["/v1/aliases/{alias}"]["put"]["security"] == [{"apiKey": ["admin"]}]
    assert "security" not in operations["/health/live"]["get"]
    assert {"401", "403"} <= set(operations["/metrics"]["get"]["responses"])


@pytest.fixture
def rotating(model_dir: Path, tmp_path: Path) -> Iterator[tuple[Running, Path, str]]:
    """A service with one key for metrics, its file, and that key."""
    path = tmp_path / "keys.jsonl"
    secret = add_key(path, "old", "metrics")
    with run_service(make_settings(model_dir, keys_file=path)) as running:
        yield running, path, secret


def status_of(running: Running, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return running.client.get("/metrics", headers=headers).status_code


def wait_until_status(running: Running, secret: str, status: int) -> float:
    """Return the seconds until a key is answered with a status."""
    started = time.perf_counter()
    wait_for(lambda: status_of(running, secret) == status)
    return time.perf_counter() - started


def test_keys_are_rotated_without_a_restart(rotating: tuple[Running, Path, str]) -> None:
    running, path, old = rotating

    new = add_key(path, "new", "metrics")
    added_s = wait_until_status(running, new, 200)
    old_status = status_of(running, old)
    run_command(["remove", "old", "--keys-file", str(path)])
    removed_s = wait_until_status(running, old, 401)

    assert (old_status, status_of(running, new)) == (200, 200)
    assert max(added_s, removed_s) < NOTICED_S


@pytest.mark.parametrize("content", [None, "broken\n"])
def test_keys_stay_in_force_while_their_file_is_broken(
    rotating: tuple[Running, Path, str], caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    running, path, secret = rotating
    good = path.read_text()
    headers = {"Authorization": f"Bearer {secret}"}

    def is_current() -> bool:
        metrics = running.client.get("/metrics", headers=headers).text
        return "driver_activity_keys_current 1.0" in metrics

    before = is_current()
    path.unlink()
    if content is not None:
        path.write_text(content)
    wait_for(lambda: not is_current())
    path.write_text(good)
    wait_for(is_current)

    assert before
    assert caplog.text.count("keys_not_read") >= 1


def test_key_is_refused_from_its_last_midnight_on(
    rotating: tuple[Running, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, path, _ = rotating
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    secret = add_key(path, "guest", "metrics", "--expires", str(tomorrow))
    wait_until_status(running, secret, 200)

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.combine(tomorrow, datetime.min.time(), UTC)

    monkeypatch.setattr(keyring, "datetime", Tomorrow)

    assert status_of(running, secret) == 401
