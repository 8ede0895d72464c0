import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.access.file import read_keys
from app.access.keys import find_key
from app.settings import ENV_PREFIX, Settings
from models.spec import ClipSpec
from tests.conftest import REPOSITORY_ROOT
from tests.deploy.files import (
    COMPOSE,
    read_instructions,
    read_scrape_key_path,
    read_scrape_target,
    read_services,
)

MIB = 1024 * 1024
SERVICE = "driver-activity"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the service reads from the environment that compose gives it."""
    for name, value in read_services()[SERVICE]["environment"].items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_every_mounted_file_is_there() -> None:
    mounts = [
        volume.split(":")[0]
        for service in read_services().values()
        for volume in service.get("volumes", [])
    ]
    files = [mount for mount in mounts if mount.startswith("./")]

    assert files
    assert [file for file in files if not (COMPOSE.parent / file).exists()] == []


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_foreign_images_are_pinned_by_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", read_services()[name]["image"])


@pytest.mark.parametrize("name", read_services())
def test_no_service_has_rights_to_lose_or_gain(name: str) -> None:
    service = read_services()[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]


@pytest.mark.parametrize("name", read_services())
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in read_services()[name].get("ports", ()))


def test_the_service_writes_to_its_spool_only() -> None:
    service = read_services()[SERVICE]

    assert service["read_only"] is True
    assert [entry.split(":")[0] for entry in service["tmpfs"]] == ["/tmp"]


def test_what_the_service_writes_cannot_be_run() -> None:
    (entry,) = read_services()[SERVICE]["tmpfs"]

    assert {"noexec", "nosuid", "nodev"} <= set(entry.split(":")[1].split(","))


def test_the_service_runs_as_the_user_of_the_image_whatever_the_image() -> None:
    assert [read_services()[SERVICE]["user"]] == read_instructions("USER")


def test_the_spool_holds_all_uploads_and_windows_at_once(settings: Settings) -> None:
    (entry,) = read_services()[SERVICE]["tmpfs"]
    spool_mib = int(re.findall(r"size=(\d+)m", entry)[0])
    num_decoded = 2 * read_services()[SERVICE]["cpus"]  # half of them while they arrive
    windows_bytes = settings.max_windows * math.prod(ClipSpec().clip_shape)

    uploads_bytes = settings.max_uploads * settings.max_upload_bytes
    assert uploads_bytes + num_decoded * windows_bytes <= spool_mib * MIB


def test_keys_are_made_before_anything_needs_them() -> None:
    for name in (SERVICE, "prometheus"):
        condition = read_services()[name]["depends_on"]["keys"]["condition"]
        assert condition == "service_completed_successfully"


def test_only_what_makes_keys_can_write_them() -> None:
    mounts = {
        name: volume
        for name, service in read_services().items()
        for volume in service.get("volumes", ())
        if volume.startswith("keys:")
    }

    assert mounts == {
        "keys": "keys:/keys",
        SERVICE: "keys:/keys:ro",
        "prometheus": "keys:/keys:ro",
    }
    assert read_services()["keys"]["network_mode"] == "none"


def test_prometheus_scrapes_with_the_key_that_is_made_for_it(tmp_path: Path) -> None:
    shell, flags, script = read_services()["keys"]["command"]
    script = script.replace("/keys/", f"{tmp_path}/").replace("python ", f"{sys.executable} ")
    environment = {**os.environ, f"{ENV_PREFIX}KEYS_FILE": str(tmp_path / "keys.jsonl")}

    def make() -> str:
        subprocess.run([shell, flags, script], cwd=REPOSITORY_ROOT, env=environment, check=True)
        return (tmp_path / Path(read_scrape_key_path()).name).read_text()

    first, again = make(), make()
    key = find_key(read_keys(tmp_path / "keys.jsonl"), first.strip())

    assert first == again
    assert key is not None
    assert (key.name, key.scopes) == ("prometheus", ("metrics",))
    assert (tmp_path / "prometheus.key").stat().st_mode & 0o777 == 0o640


def test_prometheus_may_read_its_key() -> None:
    (user,) = read_instructions("USER")

    assert read_services()["prometheus"]["group_add"] == [user.partition(":")[2]]


def test_every_variable_of_the_service_is_a_setting() -> None:
    names = read_services()[SERVICE]["environment"]
    fields = {name.removeprefix(ENV_PREFIX).lower() for name in names}

    assert fields
    assert fields <= Settings.model_fields.keys()


def test_compose_waits_longer_than_a_clean_shutdown_takes(settings: Settings) -> None:
    grace_s = int(read_services()[SERVICE]["stop_grace_period"].removesuffix("s"))

    assert settings.shutdown_grace_s < grace_s


def test_prometheus_scrapes_the_port_that_the_image_exposes() -> None:
    host, port = read_scrape_target().split(":")
    ports = read_services()[SERVICE]["ports"]

    assert host == SERVICE
    assert [port] == read_instructions("EXPOSE")
    assert [published.rsplit(":", 1)[1] for published in ports] == [port]
