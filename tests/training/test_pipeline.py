"""The smoke recipe, whole: from synthetic drivers to models that the registry serves."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.card import read_card
from models.checkpoint import read_weights
from models.classifier import load_classifier
from models.runtimes import RuntimeName
from models.video.decode import read_windows
from tests.conftest import REPOSITORY_ROOT
from tests.training.recipes import SMOKE
from training.__main__ import main
from training.config import read_recipe
from training.data.cache import decode_examples
from training.data.media import VideoSpan
from training.report.differences import PAIRS
from training.workspace import Workspace, read_examples

ROOT = str(REPOSITORY_ROOT)


def _run(arguments: list[str], *, folder: Path) -> None:
    """Run the training package in a process of its own."""
    command = [sys.executable, "-m", "training", *arguments]
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": ROOT}, check=True)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the whole pipeline has run once."""
    folder = tmp_path_factory.mktemp("smoke")
    _run(["pipeline", "--recipe", str(SMOKE)], folder=folder)
    return folder


@pytest.fixture
def workspace(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(run_dir)
    return Workspace(read_recipe(SMOKE))


@pytest.mark.parametrize("runtime_name", ["openvino", "torch"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_exported_model_loads_and_answers(
    run_dir: Path, precision: str, runtime_name: RuntimeName
) -> None:
    folder = run_dir / f"runs/smoke/weights/smoke-{precision}/1"

    classifier = load_classifier(folder, runtime_name=runtime_name, num_threads=1)

    window_NTHWC = np.zeros((1, *classifier.card.spec.clip_shape), dtype=np.uint8)
    assert classifier.predict(window_NTHWC).probs_NK.sum() == pytest.approx(1.0, abs=1e-5)
    assert classifier.card.precision == precision


def test_int8_card_names_its_parent_and_both_say_what_was_measured(workspace: Workspace) -> None:
    weights = workspace.recipe.export.model_dir
    fp32, int8 = (
        json.loads((weights / f"smoke-{precision}/1/card.json").read_text())
        for precision in ("fp32", "int8")
    )

    assert int8["parent"] == "smoke-fp32@1"
    assert fp32["metrics"]["test"] == int8["metrics"]["test_parent"]
    assert set(fp32["metrics"]) == {
        "test",
        "test_unseen_views",
        "test_teacher",
        "test_labels_only",
    }
    assert "test_unseen_views" in int8["metrics"]
    assert 0 <= int8["metrics"]["agreement"]["int8_with_fp32"] <= 1
    assert "calibration_error_unscaled" in int8["metrics"]["test"]
    assert fp32["temperature"] != 1.0
    assert fp32["recipe"]["name"] == "smoke"


def test_every_stage_is_measured_and_has_a_confusion_matrix(workspace: Workspace) -> None:
    results = json.loads(workspace.path("evaluation.json").read_text())

    stages = {"teacher", "scratch", "distilled", "ptq", "int8", "int8_torch"}
    assert set(results["stages"]) == set(results["unseen_views"]) == stages
    for part in ("stages", "unseen_views"):
        assert all(figures["num_examples"] == 34 for figures in results[part].values())
    for name in stages:
        assert workspace.path(f"confusions.{name}.png").stat().st_size > 10_000


@pytest.mark.parametrize(("precision", "stage"), [("fp32", "distilled"), ("int8", "int8")])
def test_card_says_what_its_model_answered_to_the_test_split(
    workspace: Workspace, precision: str, stage: str
) -> None:
    card = read_card(workspace.recipe.export.model_dir / f"smoke-{precision}" / "1")
    with np.load(workspace.path("answers.npz")) as answers:
        probs_NK = answers[stage]

    reference = card.drift_reference

    assert reference is not None
    is_unseen_N = workspace.is_view_unseen(workspace.test_clips.examples)
    assert reference.num_clips == (~is_unseen_N).sum() == len(probs_NK) > 0
    counts_K = np.bincount(probs_NK.argmax(axis=1), minlength=len(card.labels))
    assert list(reference.labels.values()) == pytest.approx(counts_K / len(probs_NK))
    confidence_N = probs_NK.max(axis=1).astype(np.float64)
    counts_B = reference.confidence.count(confidence_N)
    assert reference.confidence.shares == pytest.approx(counts_B / len(probs_NK))
    assert len(reference.brightness.shares) > 5
    assert len(reference.motion.shares) > 5


def test_report_has_every_stage_of_every_run(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = workspace.folder.with_name("seed2")
    shutil.copytree(workspace.folder, again)

    status = main(["report", "--recipe", str(SMOKE), "--out", str(tmp_path)])

    shutil.rmtree(again)
    assert status == 0
    stages, differences, commands = (tmp_path / "report.md").read_text().split("\n\n", 2)
    rows = stages.splitlines()[2:]
    names = ["teacher", "scratch", "distilled", "ptq", "int8"]
    assert [row.split(" | ")[:3] for row in rows] == [["| smoke", name, "2"] for name in names]
    assert all("± 0.000" in row for row in rows)
    assert len(differences.splitlines()) == 2 + len(PAIRS)
    assert f"python -m training pipeline --recipe {SMOKE} --seed 1 --split 0\n" in commands
    page = (tmp_path / "report.html").read_text()
    assert page.count("<tr>") == 2 + len(names) + len(PAIRS)
    # The front, two curves, the reliability, and the confusions of teacher and int8 student.
    assert page.count('src="data:image/png;base64,') == 6
    assert "report.html" in capsys.readouterr().out


def test_recipe_that_shares_a_teacher_trains_its_student_alone(
    workspace: Workspace, tmp_path: Path
) -> None:
    text = SMOKE.read_text().replace('name = "smoke"', 'name = "pupil"', 1)
    text = text.replace("[teacher]", '[teacher]\nof = "smoke"').replace(
        "[student.network]", "[student]\nlabels_alone = false\n[student.network]"
    )
    recipe = tmp_path / "pupil.toml"
    recipe.write_text(text)
    cached = {path: path.stat().st_mtime_ns for path in workspace.folder.glob("teacher_logits*")}

    _run(["pipeline", "--recipe", str(recipe), "--until", "evaluate"], folder=Path.cwd())
    _run(
        ["report", "--recipe", str(SMOKE), "--recipe", str(recipe), "--out", str(tmp_path)],
        folder=Path.cwd(),
    )

    again = {path: path.stat().st_mtime_ns for path in workspace.folder.glob("teacher_logits*")}
    assert again == cached
    pupil = Workspace(read_recipe(recipe)).folder
    assert not list(pupil.glob("teacher.*")) + list(pupil.glob("scratch.*"))
    stages, differences, _ = (tmp_path / "report.md").read_text().split("\n\n", 2)
    own = [row.split(" | ")[1] for row in stages.splitlines() if row.startswith("| pupil")]
    assert own == ["distilled", "ptq", "int8"]
    assert differences.splitlines()[-1].startswith("| smoke | int8 | pupil int8 | ")


def test_recipe_whose_teacher_was_never_trained_says_so(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "orphan.toml"
    text = SMOKE.read_text().replace('name = "smoke"', 'name = "orphan"', 1)
    recipe.write_text(text.replace("[teacher]", '[teacher]\nof = "nobody"'))

    status = main(["teacher", "--recipe", str(recipe)])

    assert status == 1
    assert "nobody/split0-seed1/teacher.safetensors is missing" in capsys.readouterr().err


def _stage_cells(report: Path) -> list[list[str]]:
    """Return the cells of the stages, without the latency: it is measured by every report."""
    stages = report.read_text().split("\n\n", 1)[0]
    return [line.split(" | ")[:-1] for line in stages.splitlines()[2:]]


def test_report_counts_runs_that_an_earlier_one_recorded(
    workspace: Workspace, tmp_path: Path
) -> None:
    elsewhere = workspace.folder.with_name("seed2")
    shutil.copytree(workspace.folder, elsewhere)
    report = ["report", "--recipe", str(SMOKE), "--out", str(tmp_path)]
    assert main(report) == 0
    before = _stage_cells(tmp_path / "report.md")
    shutil.rmtree(elsewhere)

    assert main(report) == 0

    assert _stage_cells(tmp_path / "report.md") == before
    assert all(cells[2] == "2" for cells in before)
    recorded = {path.name for path in (tmp_path / "runs/smoke/seed2").iterdir()}
    histories = {f"{stage}.json" for stage in ("teacher", "scratch", "distilled", "int8")}
    assert recorded == {"recipe.json", "evaluation.json", "answers.npz"} | histories


def test_report_of_records_alone_times_models_of_the_same_shape(
    workspace: Workspace, tmp_path: Path
) -> None:
    report = ["report", "--recipe", str(SMOKE), "--out", str(tmp_path)]
    assert main(report) == 0
    before = _stage_cells(tmp_path / "report.md")
    elsewhere = workspace.folder.rename(workspace.folder.with_name("elsewhere"))
    shutil.move(elsewhere, tmp_path)

    status = main(report)

    shutil.move(tmp_path / "elsewhere", workspace.folder)
    assert status == 0
    assert _stage_cells(tmp_path / "report.md") == before


def test_report_refuses_a_run_of_the_recipe_as_it_was(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "changed.toml"
    recipe.write_text(SMOKE.read_text().replace("temperature = 3.0", "temperature = 4.0"))

    status = main(["report", "--recipe", str(recipe), "--out", str(tmp_path)])

    assert status == 1
    assert f"{workspace.folder} was made by another recipe than smoke now is" in (
        capsys.readouterr().err
    )


def test_report_of_a_recipe_that_never_ran_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["report", "--recipe", str(SMOKE)]) == 1

    assert "runs/smoke holds no run that was evaluated" in capsys.readouterr().err


def test_finished_pipeline_does_nothing_again(workspace: Workspace) -> None:
    weights = [workspace.path(f"{name}.safetensors") for name in ("teacher", "distilled", "int8")]
    before = [path.stat().st_mtime_ns for path in weights]

    assert main(["pipeline", "--recipe", str(SMOKE)]) == 0

    assert [path.stat().st_mtime_ns for path in weights] == before


def test_training_that_was_killed_ends_with_the_same_weights(
    run_dir: Path, workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "data").symlink_to(run_dir / "data")
    killed = tmp_path / "runs" / "smoke" / workspace.folder.name
    command = [sys.executable, "-m", "training", "teacher", "--recipe", str(SMOKE)]
    environment = {**os.environ, "PYTHONPATH": ROOT}

    with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
        while not (killed / "teacher.state").is_file():
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    assert not (killed / "teacher.safetensors").is_file()
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)

    whole = read_weights(workspace.path("teacher.safetensors"))
    resumed = read_weights(killed / "teacher.safetensors")
    assert all(torch.equal(resumed[name], tensor) for name, tensor in whole.items())


def test_evaluation_clip_is_what_the_service_feeds_its_network(workspace: Workspace) -> None:
    clips = workspace.test_clips
    first = clips.examples[0].media
    assert isinstance(first, VideoSpan)

    served = read_windows(
        first.path, workspace.recipe.spec, start_s=first.start_s, stop_s=first.stop_s
    )

    assert np.array_equal(clips.clips_NTHWC[0], served.windows_NTHWC[0])


def test_corrupt_video_is_left_out_and_reported(workspace: Workspace, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    good, other = read_examples(workspace.recipe)[:2]
    clips = decode_examples(
        [good, replace(other, media=VideoSpan(path=broken))],
        workspace.recipe.spec,
        tmp_path / "clips",
        num_workers=1,
        progress=lambda done, total: None,
    )

    assert clips.examples == (good,)
    assert len(clips.clips_NTHWC) == 1
    assert [name.split(" ")[0] for name in clips.failures] == [str(broken)]


def test_wrong_recipe_is_an_error_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["data", "--recipe", str(tmp_path / "none.toml")])

    assert status == 1
    assert capsys.readouterr().err.startswith("RecipeError: ")
