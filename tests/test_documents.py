"""What the documents say is true: commands run, settings exist, files are there."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from app.settings import ENV_PREFIX, REPOSITORY_ROOT, Settings
from tests.app.running import run_service
from tests.media import barcode_frames, write_video
from training.config import read_recipe

README = (REPOSITORY_ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS_TABLE = (REPOSITORY_ROOT / "app" / "SETTINGS.md").read_text(encoding="utf-8")
MAX_README_WORDS = 700


def shell_lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.split(" # ")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def word_default(name: str, field: FieldInfo) -> str:
    default = field.default
    if field.default_factory is not None:
        return "as found"
    if name in ("model_dir", "records_dir"):
        return str(Path(default).relative_to(REPOSITORY_ROOT))
    if isinstance(default, dict):
        return ",".join(f"{alias}={reference}" for alias, reference in default.items()) or "none"
    if default is None:
        return "none"
    return ",".join(default) if isinstance(default, tuple) else str(default)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_is_documented_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    variable, flag = f"{ENV_PREFIX}{name.upper()}", f"--{name.replace('_', '-')}"

    row = f"| `{variable}` | `{flag}` | `{word_default(name, field)}` | {field.description} |"

    assert row in SETTINGS_TABLE.splitlines()


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = re.findall(rf"`{ENV_PREFIX}([A-Z_]+)`", SETTINGS_TABLE + README)

    assert {name.lower() for name in documented} <= set(Settings.model_fields)


def test_every_file_of_tests_that_a_promise_names_is_there() -> None:
    promises = (REPOSITORY_ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\btest_\w+\.py\b", promises))

    assert len(named) > 20
    assert named <= {path.name for path in (REPOSITORY_ROOT / "tests").rglob("test_*.py")}


def test_readme_is_short() -> None:
    assert len(README.split()) <= MAX_README_WORDS


def test_links_of_the_readme_lead_to_files_that_are_there() -> None:
    targets = re.findall(r"\]\((?!https?://)([^)]+)\)", README)

    assert targets
    assert [target for target in targets if not (REPOSITORY_ROOT / target).exists()] == []


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("make ")])
def test_make_target_of_the_readme_exists(line: str) -> None:
    command = ["make", "--dry-run", *shlex.split(line)[1:]]

    completed = subprocess.run(command, cwd=REPOSITORY_ROOT, capture_output=True, check=False)

    assert completed.returncode == 0, completed.stderr


def test_training_command_of_the_readme_names_a_recipe_that_is_valid() -> None:
    (line,) = [line for line in shell_lines() if "-m training" in line]
    words = shlex.split(line)

    recipe = read_recipe(REPOSITORY_ROOT / words[words.index("--recipe") + 1])

    assert words[1:4] == ["-m", "training", "pipeline"]
    assert recipe.name == "smoke"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_of_the_readme_is_answered_by_the_shipped_models(tmp_path: Path) -> None:
    (line,) = [line for line in shell_lines() if line.startswith("curl ")]
    write_video(tmp_path / "driver.mp4", barcode_frames(90, height_px=48, width_px=64))

    with run_service(Settings()) as service:
        url = str(service.client.base_url).rstrip("/")
        command = shlex.split(line.replace("http://127.0.0.1:8000", url))
        answer = subprocess.run(
            [*command, "--silent", "--fail"], cwd=tmp_path, capture_output=True, check=True
        ).stdout

    assert b'"name":"mobilenet3d-lite-int8"' in answer
    assert answer.count(b'"probability"') == 6
