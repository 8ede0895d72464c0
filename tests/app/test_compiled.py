"""Starts of the service with a folder of compiled models."""

from pathlib import Path

from tests.app.running import make_settings, run_service, start_in_vain


def test_models_are_served_as_they_were_compiled_before(model_dir: Path, tmp_path: Path) -> None:
    settings = make_settings(model_dir, compiled_dir=tmp_path / "compiled")
    with run_service(settings) as running:
        assert running.client.get("/health/ready").status_code == 200
    before = {file: file.stat().st_ino for file in (tmp_path / "compiled").iterdir()}
    assert len(before) == 2

    with run_service(settings) as running:
        assert running.client.get("/health/ready").status_code == 200

    assert {file: file.stat().st_ino for file in (tmp_path / "compiled").iterdir()} == before


def test_service_does_not_start_with_a_folder_that_others_can_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)

    message = start_in_vain("--compiled-dir", str(tmp_path))

    assert f"--compiled-dir: {tmp_path} can be written by others" in message
