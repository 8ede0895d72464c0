from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import (
    ENV_PREFIX,
    Settings,
    count_cores,
    parse_report_settings,
    parse_settings,
)


def test_defaults_serve_the_shipped_models_on_this_machine_only() -> None:
    settings = parse_settings([])

    assert (settings.host, settings.port, settings.runtime) == ("127.0.0.1", 8000, "openvino")
    assert settings.model_dir.parts[-2:] == ("models", "weights")
    assert settings.all_aliases == {"default": "mobilenet3d-lite-int8"}


def test_requests_that_name_no_model_get_the_first_one() -> None:
    settings = parse_settings(["--models", "a,b", "--aliases", "beta=b"])

    assert settings.all_aliases == {"default": "a", "beta": "b"}


@pytest.mark.parametrize(("model", "target"), [("a", "a@1"), ("a@1", "a"), ("a@1", "a@1")])
def test_alias_may_name_the_version_of_a_model_that_is_loaded(model: str, target: str) -> None:
    settings = parse_settings(["--models", model, "--aliases", f"beta={target}"])

    assert settings.aliases == {"beta": target}


def test_compiled_models_are_not_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed = ["--model-signatures", "required", "--model-public-key", str(tmp_path / "key.pem")]

    with pytest.raises(SystemExit, match="2"):
        parse_settings([*signed, "--compiled-dir", str(tmp_path)])

    assert "compiled_dir holds what no signature covers" in capsys.readouterr().err


def test_threads_of_the_defaults_fit_the_cores() -> None:
    settings = Settings(cores=5, threads_per_inference=2)

    assert settings.num_lanes == 2
    assert settings.num_decode_workers == 2
    assert settings.num_inference_workers * settings.threads_per_inference <= settings.cores


def test_environment_is_read_and_flags_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVER_ACTIVITY_PORT", "9000")
    monkeypatch.setenv("DRIVER_ACTIVITY_MODELS", "a, b@2")
    monkeypatch.setenv("DRIVER_ACTIVITY_ALIASES", "default=a,beta = b@2")
    monkeypatch.setenv("DRIVER_ACTIVITY_HOST", "")  # as a compose file passes on what is unset

    settings = parse_settings(["--port", "9001", "--max-upload-bytes", "10"])

    assert settings.port == 9001
    assert settings.models == ("a", "b@2")
    assert settings.aliases == {"default": "a", "beta": "b@2"}
    assert settings.host == "127.0.0.1"
    assert settings.max_upload_bytes == 10


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_and_has_a_flag(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        parse_settings(["--help"])

    assert f"--{name.replace('_', '-')} " in capsys.readouterr().out
    assert str(Settings.model_fields[name].description).endswith(".")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", "tcp://10.0.0.1", "Input should be a valid integer"),
        ("port", "70000", "less than or equal to 65535"),
        ("max_upload_bytes", "0", "greater than or equal to 1"),
        ("decode_timeout_s", "0", "greater than 0"),
        ("decode_timeout_s", "nan", "less than or equal to 3600"),
        ("request_timeout_s", "inf", "less than or equal to 3600"),
        ("runtime", "tpu", "Input should be 'openvino' or 'torch'"),
        ("log_level", "loud", "Input should be"),
    ],
)
def test_wrong_value_ends_with_status_2_and_names_flag_and_variable(
    name: str,
    value: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(ENV_PREFIX + name.upper(), value)

    with pytest.raises(SystemExit, match="2"):
        parse_settings([])

    error = capsys.readouterr().err
    assert f"--{name.replace('_', '-')} ({ENV_PREFIX}{name.upper()}): " in error
    assert message in error
    assert error.strip().endswith(f"found {value!r}")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--cores", "2", "--decode-workers", "3"], "3 decode workers and 2 inference threads"),
        (["--cores", "2", "--threads-per-inference", "3"], "do not fit 2 cores"),
        (["--models", "Not A Model"], "'Not A Model' is not a model"),
        (["--aliases", "default"], "'default' is not of the form alias=model"),
        (["--models", "a,b", "--aliases", "a=b"], "alias 'a' is not a name, or is that of a model"),
        (["--models", "a", "--aliases", "b@1=a"], "alias 'b@1' is not a name"),
        (["--models", "a@1", "--aliases", "b=a@2"], "leads to 'a@2', which is not loaded"),
        (["--models", "a", "--aliases", "default=b"], "leads to 'b', which is not loaded"),
        (["--models", ","], "at least 1 item"),
        (["--unknown", "1"], "unrecognized arguments"),
    ],
)
def test_wrong_flags_end_with_status_2(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_settings(flags)

    assert message in capsys.readouterr().err


def test_password_of_a_wrong_database_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_settings(["--database-url", "mysql://user:secret@host/records"])

    error = capsys.readouterr().err
    assert (
        "--database-url (DRIVER_ACTIVITY_DATABASE_URL): the URL of the records is neither" in error
    )
    assert "secret" not in error


def test_report_takes_the_name_and_the_form() -> None:
    settings = parse_report_settings(["trial", "--form", "html", "--records-dir", "/records"])

    assert (settings.name, settings.form) == ("trial", "html")
    assert settings.records_url == "sqlite:////records/records.sqlite"


def test_settings_cannot_be_changed() -> None:
    settings = Settings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_cores_without_a_control_group_are_those_of_the_affinity(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")

    assert count_cores(tmp_path) == count_cores(tmp_path / "missing") >= 1


def test_cores_are_bounded_by_the_quota_of_a_control_group(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")

    assert count_cores(tmp_path) == 1


def test_cores_are_bounded_by_the_quota_of_an_old_control_group(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")

    assert count_cores(tmp_path) == 1
