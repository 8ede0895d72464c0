"""Measure every stage on people that no stage has seen, on the engines that serve.

Tensor legend: N clips, T frames, H W pixels, C channels, K classes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.card import ONNX_FILE
from models.classifier import load_classifier, softmax
from models.runtimes import RuntimeName
from training.artifacts import (
    Stage,
    stage_folder,
    student_stages,
    write_stage_folder,
)
from training.calibration import fit_temperature
from training.inference import predict_logits
from training.metrics import agreement, calibration_error, count_confusions, measure
from training.plots import draw_confusions
from training.progress import report, show_progress
from training.reference import Footage, make_reference
from training.teacher import WEIGHTS, load_teacher
from training.workspace import Workspace

RESULTS = "evaluation.json"
ANSWERS = "answers.npz"
"""`probs_NK` of every stage by name for the test split, and the true classes as `labels`, both
without the clips of cameras that training never sees."""
PUBLISHED_STAGES: tuple[Stage, ...] = ("distilled", "int8")
BATCH_SIZE = 16

Infer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a stage answers.

    Attributes:
        logits_NK: Raw scores for the clips of the test split.
        temperature: Fitted on the validation split.
    """

    logits_NK: NDArray[np.float32]
    temperature: float

    def probabilities(self) -> NDArray[np.float32]:
        """Return `probs_NK` as a published model gives them."""
        return softmax(self.logits_NK, temperature=self.temperature)

    def of(self, chosen_N: NDArray[np.bool_]) -> "Answers":
        """Return the answers to some of the clips."""
        return replace(self, logits_NK=self.logits_NK[chosen_N])


def evaluate_models(workspace: Workspace) -> None:
    """Write `evaluation.json`, the answers, and a confusion matrix for teacher and students.

    Clips of cameras that training never sees are measured apart, as `unseen_views`.
    `evaluation.json` also holds what the published students' answers and their clips look like.
    Students are measured as exported, on openvino; the int8 student also on torch.
    """
    answers = {"teacher": _answer(workspace, _teacher_infer(workspace), "teacher")}
    for stage in student_stages(workspace.recipe):
        write_stage_folder(workspace, stage)
        answers[stage] = _answer(workspace, _stage_infer(workspace, stage, "openvino"), stage)
    on_torch = _stage_infer(workspace, "int8", "torch")
    answers["int8_torch"] = _answer(workspace, on_torch, "int8 on torch")
    examples = workspace.test_clips.examples
    is_unseen_N, all_label_index_N = (
        workspace.is_view_unseen(examples),
        workspace.label_index(examples),
    )
    seen = {name: answer.of(~is_unseen_N) for name, answer in answers.items()}
    label_index_N = all_label_index_N[~is_unseen_N]
    probs = {name: answer.probabilities() for name, answer in seen.items()}
    results = compare_answers(seen, label_index_N) | {
        "unseen_views": {
            name: _measure(answer.of(is_unseen_N), all_label_index_N[is_unseen_N])
            for name, answer in answers.items()
            if is_unseen_N.any()
        },
        "drift_references": _describe_answers(workspace, probs),
        "sizes_bytes": _measure_sizes(workspace),
    }
    np.savez_compressed(workspace.path(ANSWERS), allow_pickle=False, labels=label_index_N, **probs)
    workspace.path(RESULTS).write_text(json.dumps(results, indent=2), encoding="utf-8")
    for name, figures in results["stages"].items():
        report(name, figures)
        _plot(workspace, name, probs[name], label_index_N)
    for name, figures in results["unseen_views"].items():
        report(f"{name}, unseen cameras", figures)
    report("agreement", results["agreement"])


def read_results(workspace: Workspace) -> dict[str, Any]:
    """Return what `evaluate_models` wrote.

    Raises:
        StageMissingError: If it has not run.
    """
    path = workspace.result(RESULTS, of="evaluate")
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def compare_answers(
    answers: Mapping[str, Answers], label_index_N: NDArray[np.int64]
) -> dict[str, Any]:
    """Return the figures of every stage and the agreement of the pairs that matter.

    Args:
        answers: By stage.
        label_index_N: True classes of the test split.
    """
    pairs = {
        "int8_with_fp32": ("int8", "distilled"),
        "ptq_with_fp32": ("ptq", "distilled"),
        "int8_torch_with_openvino": ("int8_torch", "int8"),
        "fp32_with_teacher": ("distilled", "teacher"),
    }
    return {
        "stages": {name: _measure(answer, label_index_N) for name, answer in answers.items()},
        "temperatures": {name: answer.temperature for name, answer in answers.items()},
        "agreement": {
            name: agreement(answers[one].logits_NK, answers[other].logits_NK)
            for name, (one, other) in pairs.items()
        },
    }


def _measure(answers: Answers, label_index_N: NDArray[np.int64]) -> dict[str, float]:
    raw_probs_NK = softmax(answers.logits_NK, temperature=1.0)
    return measure(answers.probabilities(), label_index_N) | {
        "calibration_error_unscaled": calibration_error(raw_probs_NK, label_index_N)
    }


def _measure_sizes(workspace: Workspace) -> dict[str, int]:
    """Return the size of each student's file that is served, and of the teacher's weights."""
    of = workspace.recipe.teacher.of
    files = {"teacher": workspace.result(WEIGHTS, of="teacher", recipe_name=of)}
    for stage in student_stages(workspace.recipe):
        files[stage] = stage_folder(workspace.folder, stage) / ONNX_FILE
    return {name: path.stat().st_size for name, path in files.items()}


def _describe_answers(
    workspace: Workspace, probs: Mapping[str, NDArray[np.float32]]
) -> dict[str, Any]:
    """Return what the cards of the published stages compare live traffic with.

    It is the test split, for which the card's figures were measured; the validation split chose
    the temperature, which flatters the confidence there.
    """
    clips = workspace.test_clips
    footage = Footage.measure(clips.clips_NTHWC[~workspace.is_view_unseen(clips.examples)])
    labels = workspace.recipe.labels
    return {
        stage: make_reference(probs[stage], footage, labels=labels).model_dump(mode="json")
        for stage in PUBLISHED_STAGES
    }


def _answer(workspace: Workspace, infer: Infer, title: str) -> Answers:
    val, test = workspace.val_clips, workspace.test_clips
    val_logits_NK = infer_all(infer, val.clips_NTHWC, f"val {title}")
    return Answers(
        logits_NK=infer_all(infer, test.clips_NTHWC, f"test {title}"),
        temperature=fit_temperature(val_logits_NK, workspace.label_index(val.examples)),
    )


def _teacher_infer(workspace: Workspace) -> Infer:
    teacher = load_teacher(workspace)
    return lambda clips_NTHWC: predict_logits(teacher, clips_NTHWC, device=workspace.recipe.device)


def _stage_infer(workspace: Workspace, stage: Stage, runtime_name: RuntimeName) -> Infer:
    classifier = load_classifier(
        stage_folder(workspace.folder, stage),
        runtime_name=runtime_name,
        num_threads=workspace.recipe.num_threads,
    )
    return classifier.runtime.infer


def infer_all(infer: Infer, clips_NTHWC: NDArray[np.uint8], title: str) -> NDArray[np.float32]:
    """Return `logits_NK` for many clips, showing progress under a title."""
    logits = []
    with show_progress(title) as progress:
        for start in range(0, len(clips_NTHWC), BATCH_SIZE):
            windows_NTHWC = np.array(clips_NTHWC[start : start + BATCH_SIZE])
            logits.append(infer(windows_NTHWC))
            progress(start + len(windows_NTHWC), len(clips_NTHWC))
    return np.concatenate(logits)


def _plot(
    workspace: Workspace,
    name: str,
    probs_NK: NDArray[np.float32],
    label_index_N: NDArray[np.int64],
) -> None:
    labels = workspace.recipe.labels
    counts_KK = count_confusions(probs_NK.argmax(axis=1), label_index_N, num_classes=len(labels))
    title = f"{workspace.recipe.name}: {name}, test split"
    figure = draw_confusions(counts_KK, labels, title=title)
    figure.savefig(workspace.path(f"confusions.{name}.png"), dpi=110)
