import pickle
from pathlib import Path

import pytest
import torch

from models.checkpoint import write_weights
from models.errors import WeightsError
from models.networks.i3d import load_published
from models.networks.mobilenet3d import load_published_mobilenet
from tests.conftest import REPOSITORY_ROOT
from tests.training.recipes import SMOKE
from training.config import read_recipe
from training.distill import build_student
from training.published import read_published, read_start_weights
from training.teacher import build_teacher


def test_state_dict_is_read_without_the_prefix_of_parallel_training(tmp_path: Path) -> None:
    path = tmp_path / "published.pth"
    state = {"module.conv.weight": torch.ones(2), "module.bn.running_mean": torch.zeros(2)}
    torch.save({"epoch": 3, "arch": "mobilenet", "state_dict": state}, path)

    tensors = read_published(path)

    assert set(tensors) == {"conv.weight", "bn.running_mean"}
    assert torch.equal(tensors["conv.weight"], torch.ones(2))


def test_bare_state_dict_is_read(tmp_path: Path) -> None:
    path = tmp_path / "published.pt"
    torch.save({"logits.conv3d.bias": torch.ones(2)}, path)

    assert list(read_published(path)) == ["logits.conv3d.bias"]


def test_weights_of_a_run_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "distilled.safetensors"
    write_weights(path, {"head.bias": torch.ones(2)})

    assert torch.equal(read_start_weights(path)["head.bias"], torch.ones(2))


def test_shipped_teacher_fits_a_recipe_that_starts_from_it() -> None:
    recipe = read_recipe(SMOKE.with_name("comparison.toml"))
    assert recipe.teacher.start_weights is not None
    start = read_start_weights(REPOSITORY_ROOT / recipe.teacher.start_weights)

    report = load_published(build_teacher(recipe), start)

    assert (report.missing, report.skipped) == ((), ())


def test_shipped_teacher_and_student_fit_a_recipe_of_other_activities_but_for_the_head() -> None:
    recipe = read_recipe(SMOKE.with_name("state-farm.toml"))
    teacher_path, student_path = recipe.teacher.start_weights, recipe.student.start_weights
    assert teacher_path is not None
    assert student_path is not None
    teacher_start = read_start_weights(REPOSITORY_ROOT / teacher_path)
    student_start = read_start_weights(REPOSITORY_ROOT / student_path)

    teacher = load_published(build_teacher(recipe), teacher_start)
    student = load_published_mobilenet(build_student(recipe), student_start)

    assert {name.split(".")[0] for name in teacher.missing} == {"logits"}
    assert {name.split(".")[0] for name in student.missing} == {"head"}


class Payload:
    """Runs code in whoever unpickles it without restriction."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this must never run",))


def test_pickle_that_runs_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "published.pth"
    torch.save({"state_dict": Payload()}, path)

    with pytest.raises(WeightsError, match=r"published\.pth cannot be read"):
        read_published(path)
    assert "never run" not in capsys.readouterr().out


def test_bare_pickle_that_runs_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "published.pth"
    path.write_bytes(pickle.dumps(Payload(), protocol=2))

    with pytest.raises(WeightsError, match=r"published\.pth cannot be read"):
        read_published(path)
    assert "never run" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"epoch": 3}, torch.ones(1)])
def test_file_without_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "published.pth"
    torch.save(content, path)

    with pytest.raises(WeightsError, match="holds no state dict"):
        read_published(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x02."])
def test_file_that_ends_too_early_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "published.pth"
    path.write_bytes(content)

    with pytest.raises(WeightsError, match=r"published\.pth cannot be read"):
        read_published(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"published\.pth cannot be read"):
        read_published(tmp_path / "published.pth")
