"""Measure every stage on people that no stage has seen, on the engines that serve.

Tensor legend: N clips, T frames, H W pixels, C channels, K classes.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.classifier import load_classifier, softmax
from models.runtimes import RuntimeName
from training.artifacts import (
    FLOAT_STAGES,
    QUANTIZED_STAGES,
    Stage,
    stage_folder,
    write_stage_folder,
)
from training.inference import predict_logits
from training.metrics import agreement, count_confusions, measure
from training.plots import plot_confusions
from training.progress import report, show_progress
from training.teacher import load_teacher
from training.workspace import StageMissingError, Workspace

RESULTS = "evaluation.json"
BATCH_SIZE = 16

Answers = dict[str, NDArray[np.float32]]


def evaluate_models(workspace: Workspace) -> None:
    """Write `evaluation.json` and a confusion matrix for teacher and students.

    Students are measured as exported, on openvino; the int8 student also on torch.
    """
    answers = {"teacher": _answer_teacher(workspace)}
    for stage in (*FLOAT_STAGES, *QUANTIZED_STAGES):
        write_stage_folder(workspace, stage)
        answers[stage] = _answer_stage(workspace, stage, "openvino")
    answers["int8_torch"] = _answer_stage(workspace, "int8", "torch")
    results = compare_answers(answers, workspace.label_index(workspace.test_clips.examples))
    workspace.path(RESULTS).write_text(json.dumps(results, indent=2), encoding="utf-8")
    for name, figures in results["stages"].items():
        report(name, figures)
        _plot(workspace, name, answers[name])
    report("agreement", results["agreement"])


def read_results(workspace: Workspace) -> dict[str, Any]:
    """Return what `evaluate_models` wrote.

    Raises:
        StageMissingError: If it has not run.
    """
    path = workspace.path(RESULTS)
    if not path.is_file():
        raise StageMissingError(f"{path} is missing: run the stage evaluate first")
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def compare_answers(answers: Answers, label_index_N: NDArray[np.int64]) -> dict[str, Any]:
    """Return the figures of every stage and the agreement of the pairs that matter.

    Args:
        answers: `probs_NK` of every stage.
        label_index_N: True classes.
    """
    pairs = {
        "int8_with_fp32": ("int8", "distilled"),
        "ptq_with_fp32": ("ptq", "distilled"),
        "int8_torch_with_openvino": ("int8_torch", "int8"),
        "fp32_with_teacher": ("distilled", "teacher"),
    }
    return {
        "stages": {name: measure(probs_NK, label_index_N) for name, probs_NK in answers.items()},
        "agreement": {
            name: agreement(answers[one], answers[other]) for name, (one, other) in pairs.items()
        },
    }


def _answer_teacher(workspace: Workspace) -> NDArray[np.float32]:
    clips = workspace.test_clips.clips_NTHWC
    teacher = load_teacher(workspace)
    return softmax(predict_logits(teacher, clips, device=workspace.recipe.device))


def _answer_stage(
    workspace: Workspace, stage: Stage, runtime_name: RuntimeName
) -> NDArray[np.float32]:
    classifier = load_classifier(
        stage_folder(workspace, stage),
        runtime_name=runtime_name,
        num_threads=workspace.recipe.num_threads,
    )
    clips_NTHWC = workspace.test_clips.clips_NTHWC
    probs = []
    with show_progress(f"test {stage} on {runtime_name}") as progress:
        for start in range(0, len(clips_NTHWC), BATCH_SIZE):
            windows_NTHWC = np.array(clips_NTHWC[start : start + BATCH_SIZE])
            probs.append(classifier.predict(windows_NTHWC).probs_NK)
            progress(start + len(windows_NTHWC), len(clips_NTHWC))
    return np.concatenate(probs)


def _plot(workspace: Workspace, name: str, probs_NK: NDArray[np.float32]) -> None:
    labels = workspace.recipe.labels
    truth_N = workspace.label_index(workspace.test_clips.examples)
    counts_KK = count_confusions(probs_NK.argmax(axis=1), truth_N, num_classes=len(labels))
    path = workspace.path(f"confusions.{name}.png")
    plot_confusions(counts_KK, labels, path, title=f"{workspace.recipe.name}: {name}, test split")
