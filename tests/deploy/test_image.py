import json
import re
import subprocess
from pathlib import Path

import pytest

from app.settings import Settings
from tests.conftest import REPOSITORY_ROOT
from tests.deploy.check_service import CheckError, check_answer, check_models
from tests.deploy.files import DEPLOY, read_instructions

NEEDED = {"app", "models", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"}


def test_the_image_is_built_from_what_serving_needs() -> None:
    arguments = [line.split() for line in read_instructions("COPY") if "--from" not in line]

    assert {source for *sources, _ in arguments for source in sources} == NEEDED


def test_everything_that_the_image_is_built_from_is_there() -> None:
    assert [name for name in NEEDED if not (REPOSITORY_ROOT / name).exists()] == []


def test_the_build_sees_nothing_else() -> None:
    patterns = (REPOSITORY_ROOT / ".dockerignore").read_text().splitlines()
    patterns = [pattern for pattern in patterns if not pattern.startswith("#")]

    assert patterns[0] == "*"
    assert {pattern[1:] for pattern in patterns if pattern.startswith("!")} == NEEDED
    assert "**/__pycache__" in patterns


def test_only_the_base_dependencies_are_installed_as_constrained() -> None:
    (command,) = [line for line in read_instructions("RUN") if " install " in line]

    assert re.search(r"install --quiet --constraint constraints.txt \.$", command)


def test_all_stages_have_the_same_base() -> None:
    names = {line.split()[0] for line in read_instructions("FROM")}

    assert names == {"docker.io/library/python:3.11-slim-bookworm"}


def test_the_service_runs_as_a_user_without_rights() -> None:
    (user,) = read_instructions("USER")

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_no_file_of_the_image_gives_rights_to_whoever_runs_it() -> None:
    last = read_instructions("RUN")[-1]

    assert re.search(r"find / -xdev -type f -perm /6000 -exec chmod a-s \{\} \+$", last)


@pytest.mark.parametrize(
    "option",
    ["--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "noexec,nosuid,nodev"],
)
def test_container_that_is_checked_has_no_more_rights_than_that_of_compose(option: str) -> None:
    script = (DEPLOY / "engine_docker.sh").read_text()
    (command,) = re.findall(r"docker run (.*?)\)\n", script, re.DOTALL)

    assert option in command


def test_the_service_is_the_process_that_gets_signals() -> None:
    command = read_instructions("CMD")[-1]

    assert json.loads(command) == ["python", "-m", "app"]


def test_the_image_listens_on_every_address_and_wants_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = dict(pair.split("=") for pair in read_instructions("ENV")[-1].split())
    for name, value in variables.items():
        if name.startswith("DRIVER_ACTIVITY_"):
            monkeypatch.setenv(name, value)

    settings = Settings()

    assert settings.host == "0.0.0.0"
    assert not settings.allow_anonymous
    assert settings.keys_file is not None
    (command,) = [line for line in read_instructions("RUN") if "--directory" in line]
    assert {settings.records_dir, settings.keys_file.parent} == set(map(Path, command.split()[-2:]))
    assert [str(settings.port)] == read_instructions("EXPOSE")


@pytest.mark.parametrize("name", ["container.sh", "engine_buildah.sh", "engine_docker.sh"])
def test_scripts_are_valid_bash(name: str) -> None:
    check = subprocess.run(["bash", "-n", DEPLOY / name], capture_output=True)

    assert check.returncode == 0, check.stderr


def test_every_engine_offers_the_same_steps() -> None:
    steps = [
        set(re.findall(r"^(\w+)\(\)", (DEPLOY / f"engine_{name}.sh").read_text(), re.MULTILINE))
        for name in ("docker", "buildah")
    ]
    script = (DEPLOY / "container.sh").read_text()

    assert steps[0]
    assert steps[0] <= steps[1]
    assert [step for step in steps[0] if step not in script] == []


def test_an_answer_whose_probabilities_do_not_sum_to_1_is_refused() -> None:
    part = {"activities": [{"label": "writing", "probability": 0.5}]}
    answer = {"clip": part, "windows": [part]}

    with pytest.raises(CheckError, match=r"probabilities sum to 0\.5, not 1"):
        check_answer(answer)


def test_the_check_of_the_container_wants_no_model_that_the_service_does_not_load() -> None:
    check_models(
        [{"reference": "a@1", "state": "ready"}, {"reference": "b@1", "state": "not_loaded"}]
    )


@pytest.mark.parametrize(
    ("state", "message"),
    [("failed", "models cannot be loaded: a@1"), ("not_loaded", "no model is ready")],
)
def test_the_check_of_the_container_refuses_a_service_without_models(
    state: str, message: str
) -> None:
    with pytest.raises(CheckError, match=message):
        check_models([{"reference": "a@1", "state": state}])
