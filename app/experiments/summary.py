"""Show a report as plain text, for the terminal."""

from collections.abc import Iterator

from app.experiments.report import Report
from app.experiments.statistics.timing import TimeComparison
from app.experiments.wording import (
    NOTHING,
    word_difference,
    word_drift,
    word_p_value,
    word_part,
    word_points,
    word_range,
    word_ratio,
    word_share,
    word_time,
)

NUM_FLIPS = 5
NUM_CLASSES = 5
NUM_EVENTS = 10
NAME_WIDTH = 25


def render_summary(report: Report) -> str:
    """Return a report as lines of plain text, the verdict first."""
    lines = [
        *_tell_verdict(report),
        *_tell_arms(report),
        *_tell_agreement(report),
        *_tell_times(report),
        *_tell_accuracy(report),
        *_tell_drift(report),
        *_tell_events(report),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, text: object) -> str:
    return f"  {name:<{NAME_WIDTH}}{text}"


def _tell_verdict(report: Report) -> Iterator[str]:
    experiment, verdict = report.experiment, report.verdict
    yield f"{experiment.name}: {verdict.decision}"
    yield verdict.reason
    yield ""
    yield _row("control", experiment.control.model)
    yield _row("treatment", experiment.treatment.model)
    yield _row("mode", f"{experiment.mode}, {word_part(experiment.share)}, {report.state}")
    yield _row("from", f"{word_time(report.first_time)} to {word_time(report.last_time)}")
    yield _row("observations", f"{report.num_observations}, {report.num_pairs} of them pairs")
    yield _row("accuracy difference", f"{word_points(verdict.difference)} points, at every look")
    yield _row("not worse", "yes" if verdict.is_not_worse else "not shown yet")


def _tell_arms(report: Report) -> Iterator[str]:
    yield from ("", "Failures")
    for name, arm in (("control", report.control), ("treatment", report.treatment)):
        codes = ", ".join(f"{code} {num}" for code, num in arm.failures.items())
        yield _row(f"{name} error rate", word_share(arm.error_rate) + (codes and f": {codes}"))
        if arm.num_shed:
            yield _row(f"{name} shed", f"{arm.num_shed}; {word_part(arm.ran_ratio)} ran")
    yield _row("difference", word_difference(report.error_difference))


def _tell_agreement(report: Report) -> Iterator[str]:
    if report.agreement is None:
        return
    yield from ("", "Agreement")
    yield _row("pairs that agree", word_share(report.agreement.rate))
    yield _row("at every look", word_range(report.agreement.always_valid))
    for flip in report.agreement.flips[:NUM_FLIPS]:
        yield _row(f"{flip.num} times", f"{flip.control_label} -> {flip.treatment_label}")
    if report.largest_difference is not None:
        yield _row("largest difference", f"{report.largest_difference:.4f} of a probability")


def _tell_times(report: Report) -> Iterator[str]:
    yield from ("", "Time (ratio above 1: the treatment is faster)")
    yield _row("inference", _word_times(report.inference))
    yield _row("processor", _word_times(report.processor))


def _word_times(times: TimeComparison) -> str:
    control, treatment = (
        f"{arm.median_ms:.2f} ms" if arm else NOTHING for arm in (times.control, times.treatment)
    )
    return f"{control} control, {treatment} treatment, ratio {word_ratio(times.ratio)}"


def _tell_accuracy(report: Report) -> Iterator[str]:
    accuracy = report.accuracy
    if accuracy is None:
        return
    yield from ("", f"Accuracy ({accuracy.num_labelled} true activities)")
    yield _row("control", word_share(accuracy.top1.control))
    yield _row("treatment", word_share(accuracy.top1.treatment))
    p_value = word_p_value(accuracy.top1.p_value)
    yield _row("difference", f"{word_difference(accuracy.top1.difference)}, p {p_value}")
    yield _row("control, balanced", word_share(accuracy.control_balanced))
    yield _row("treatment, balanced", word_share(accuracy.treatment_balanced))
    tested = [item for item in accuracy.classes if item.adjusted_p_value is not None]
    for item in sorted(tested, key=lambda item: item.p_value or 0.0)[:NUM_CLASSES]:
        p_value = word_p_value(item.adjusted_p_value)
        yield _row(item.label, f"{word_difference(item.difference)}, p {p_value} corrected")


def _tell_drift(report: Report) -> Iterator[str]:
    yield from ("", "Drift (population stability index: below 0.1 stable, above 0.25 large)")
    for arm in report.drift:
        if not arm.has_reference:
            yield _row(arm.arm, "the model's card has no reference")
        for figure in arm.figures:
            yield _row(f"{arm.arm} {figure.quantity}", word_drift(figure))


def _tell_events(report: Report) -> Iterator[str]:
    if report.events:
        yield from ("", "What happened")
    for event in report.events[-NUM_EVENTS:]:
        what = f"{event.subject} {event.name} {event.action} {event.detail}".strip()
        why = f": {event.reason}" if event.reason else ""
        yield _row(word_time(event.time), f"{what} by {event.by}{why}")
