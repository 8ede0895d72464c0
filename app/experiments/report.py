"""Everything that can be said of an experiment, from what is known of it."""

from datetime import UTC, datetime

from pydantic import Field

from app.experiments.definition import Experiment, State
from app.experiments.events import answer_events
from app.experiments.evidence import Evidence
from app.experiments.statistics.agreement import Agreement, measure_agreement
from app.experiments.statistics.arms import ArmSummary, summarize_arm
from app.experiments.statistics.comparison import compare_arms
from app.experiments.statistics.differences import Distribution, describe_differences
from app.experiments.statistics.drift import ArmDrift, References, measure_drift
from app.experiments.statistics.estimates import Estimate
from app.experiments.statistics.labels import Accuracy, measure_accuracy
from app.experiments.statistics.tallies import count_cells, has_failed, select_pairs
from app.experiments.statistics.timing import TimeComparison, compare_times
from app.experiments.verdict import Verdict, judge
from app.schemas import Answer, EventAnswer


class Report(Answer):
    """Everything that can be said of an experiment; ratios and probabilities are 0-1.

    Intervals have 95 % confidence at one look; those of `verdict` and `always_valid` hold at
    every look, with the alpha of the experiment.
    """

    experiment: Experiment
    state: State
    first_time: datetime | None = Field(description="Of the first observation.")
    last_time: datetime | None
    num_observations: int
    num_pairs: int = Field(description="Observations that both arms answered.")
    verdict: Verdict
    control: ArmSummary
    treatment: ArmSummary
    error_difference: Estimate | None = Field(
        description="The treatment's share of failures minus the control's; in paired and shadow "
        "mode over the requests on which both ran."
    )
    agreement: Agreement | None
    largest_difference: float | None = Field(
        description="Largest difference of a probability, over all pairs, windows and activities."
    )
    max_differences: Distribution | None = Field(
        description="Of each pair's largest difference of a probability."
    )
    mean_differences: Distribution | None = Field(
        description="Of each pair's mean difference of the probabilities."
    )
    inference: TimeComparison = Field(description="Time in the network.")
    processor: TimeComparison = Field(
        description="Processor time of the service while an arm computed and nothing else did."
    )
    accuracy: Accuracy | None = Field(description="Where feedback gave true activities.")
    drift: list[ArmDrift] = Field(description="Against the references in the models' cards.")
    events: list[EventAnswer] = Field(description="The audit trail, oldest first.")


def make_report(evidence: Evidence, references: References) -> Report:
    """Return everything that can be said of an experiment; equal evidence gives an equal report.

    Args:
        evidence: What its records add up to.
        references: What the answers of its models used to look like.
    """
    experiment, cells, sample = evidence.experiment, evidence.cells, evidence.sample
    is_paired = experiment.mode != "split"
    return Report(
        experiment=experiment,
        state=evidence.state,
        first_time=_date(evidence.first_s),
        last_time=_date(evidence.last_s),
        num_observations=evidence.num_observations,
        num_pairs=count_cells(select_pairs(cells)),
        verdict=judge(experiment, cells),
        control=summarize_arm(cells, "control"),
        treatment=summarize_arm(cells, "treatment"),
        error_difference=compare_arms(cells, has_failed, is_paired=is_paired).difference,
        agreement=measure_agreement(cells, labels=evidence.labels, alpha=experiment.stop.alpha),
        largest_difference=evidence.largest_difference,
        max_differences=describe_differences(sample.max_difference),
        mean_differences=describe_differences(sample.mean_difference),
        inference=compare_times(
            sample.control_inference_s, sample.treatment_inference_s, is_paired=is_paired
        ),
        processor=compare_times(
            sample.control_processor_s, sample.treatment_processor_s, is_paired=is_paired
        ),
        accuracy=measure_accuracy(cells, labels=evidence.labels, is_paired=is_paired),
        drift=measure_drift(evidence, references),
        events=answer_events(evidence.events),
    )


def _date(time_s: float | None) -> datetime | None:
    return None if time_s is None else datetime.fromtimestamp(time_s, UTC)
