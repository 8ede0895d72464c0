import errno
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import FACTS, INTERNAL_ERROR, PROBLEMS, find_kind
from models.errors import DriverActivityError, MediaError, WeightsError
from tests.app.posting import assert_problem, post_clip
from tests.app.running import Running, make_settings, run_service


@pytest.fixture(scope="module")
def fragile(model_dir: Path) -> Iterator[Running]:
    with run_service(make_settings(model_dir)) as running:
        yield running


def subclasses(error: type[DriverActivityError]) -> Iterator[type[DriverActivityError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


@pytest.mark.parametrize("error", [*subclasses(MediaError)])
def test_every_error_of_a_clients_media_is_the_clients(error: type[DriverActivityError]) -> None:
    assert 400 <= PROBLEMS[error].status < 500


def test_codes_are_words_and_titles_belong_to_them() -> None:
    kinds = {*PROBLEMS.values(), INTERNAL_ERROR}

    assert all(re.fullmatch("[a-z_]+", kind.code) for kind in kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_subclass_is_the_kind_of_its_base() -> None:
    class SpecialError(MediaError):
        pass

    base = next(error for error in PROBLEMS if issubclass(error, MediaError))
    special = type("SpecialError", (base,), {})

    assert find_kind(special("x")) == PROBLEMS[base]
    assert find_kind(SpecialError("x")) == INTERNAL_ERROR


@pytest.mark.parametrize("error", [RuntimeError("secret"), WeightsError("secret")])
def test_unexpected_error_says_nothing_about_the_inside(
    fragile: Running,
    clip_path: Path,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(fragile.service.decoder, "read_windows", fail)

    response = post_clip(fragile.client, clip_path)

    assert_problem(response, 500, "internal_error")
    assert "secret" not in response.text
    assert "secret" in caplog.text


def test_facts_beyond_the_listed_ones_stay_inside(
    fragile: Running, clip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        error = next(iter(subclasses(MediaError)))("broken")
        vars(error)["traceback"] = "secret"  # as a worker process attaches it
        raise error

    monkeypatch.setattr(fragile.service.decoder, "read_windows", fail)

    response = post_clip(fragile.client, clip_path)

    assert response.status_code < 500
    assert "secret" not in response.text
    assert "traceback" not in FACTS


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/experiments", "GET, POST"),
        ("/v1/experiments/trial", "GET, PATCH"),
        ("/v1/predictions", "POST"),
        ("/static-offline-docs/swagger-ui.css", "GET, HEAD"),
    ],
)
def test_every_method_of_a_path_is_named_where_another_is_used(
    fragile: Running, path: str, methods: str
) -> None:
    response = fragile.client.options(path)

    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == methods


def test_body_that_is_no_text_is_the_clients_fault(fragile: Running) -> None:
    headers = {"content-type": "application/json"}
    response = fragile.client.post("/v1/experiments", content=b"\xff{", headers=headers)

    assert_problem(response, 422, "invalid_request")


def test_full_disk_is_named_and_passes(
    fragile: Running, clip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/spool")

    monkeypatch.setattr("app.uploads.MEMORY_BYTES", 0)
    monkeypatch.setattr("app.uploads._append", fail)

    response = post_clip(fragile.client, clip_path)

    assert_problem(response, 507, "storage_unavailable")
    assert response.headers["retry-after"] == "1"
    assert "secret" not in response.text


def test_other_fault_of_the_disk_is_internal(
    fragile: Running, clip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("app.uploads.MEMORY_BYTES", 0)
    monkeypatch.setattr("app.uploads._append", fail)

    assert_problem(post_clip(fragile.client, clip_path), 500, "internal_error")
