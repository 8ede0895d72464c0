import json
import time

import pytest

from app.experiments.definition import Mode
from app.experiments.evidence import Evidence
from app.experiments.report import Report
from tests.app.experiments.examples import (
    make_cell,
    make_evidence,
    make_judged_experiment,
    make_many_cells,
    make_sample,
    report_on,
)

CELLS = [
    make_cell(950, "driving", "driving"),
    make_cell(30, "driving", "drinking", true_label="drinking"),
    make_cell(20, "drinking", "phoning"),
    make_cell(4, "driving", None, treatment_code="decoder_crashed"),
    make_cell(96, "driving", None, treatment_code="shed"),
]


def test_report_counts_what_became_of_each_arm() -> None:
    report = report_on(make_evidence(CELLS, experiment=make_judged_experiment("shadow")))

    assert (report.num_observations, report.num_pairs) == (1100, 1000)
    assert (report.treatment.num_answered, report.treatment.num_failed) == (1000, 4)
    assert (report.treatment.num_shed, report.control.num_shed) == (96, 0)
    assert report.treatment.failures == {"decoder_crashed": 4}
    assert report.treatment.ran_ratio == pytest.approx(1004 / 1100)
    assert report.treatment.error_rate is not None
    assert report.treatment.error_rate.value == pytest.approx(4 / 1004)


def test_shed_shadows_do_not_hide_failures_in_the_difference() -> None:
    report = report_on(make_evidence(CELLS, experiment=make_judged_experiment("shadow")))

    assert report.error_difference is not None
    assert report.error_difference.value == pytest.approx(4 / 1004)


def test_report_tells_agreement_and_flips_with_the_largest_first() -> None:
    agreement = report_on(make_evidence(CELLS)).agreement

    assert agreement is not None
    assert agreement.rate.value == 0.95
    assert agreement.always_valid.low < agreement.rate.low
    assert agreement.rate.high < agreement.always_valid.high
    flips = [(flip.control_label, flip.treatment_label, flip.num) for flip in agreement.flips]
    assert flips == [("driving", "drinking", 30), ("drinking", "phoning", 20)]
    assert agreement.matrix == [[950, 30, 0], [0, 0, 20], [0, 0, 0]]


def test_report_repeats_what_happened() -> None:
    report = report_on(make_evidence(CELLS))

    assert report.first_time is not None
    assert report.first_time.isoformat() == "2025-10-09T08:53:20+00:00"
    assert [event.action for event in report.events] == ["created"]


@pytest.mark.parametrize("mode", ["paired", "split", "shadow"])
def test_experiment_without_observations_has_a_report(mode: Mode) -> None:
    report = report_on(
        Evidence(
            experiment=make_judged_experiment(mode),
            state="running",
            labels=(),
            cells=(),
            sample=make_sample(0),
            largest_difference=None,
            first_s=None,
            last_s=None,
        )
    )

    assert report.verdict.decision == "not enough yet"
    assert (report.agreement, report.accuracy, report.max_differences) == (None, None, None)
    assert report.inference.ratio is None


def test_report_of_split_requests_has_no_agreement() -> None:
    evidence = make_evidence(
        [make_cell(60, "driving", None), make_cell(40, None, "driving")],
        experiment=make_judged_experiment("split"),
    )

    report = report_on(evidence)

    assert report.agreement is None
    assert report.inference.ratio is not None


def test_report_is_json_and_back() -> None:
    report = report_on(make_evidence(make_many_cells(2000, ("driving", "drinking", "phoning"))))

    text = report.model_dump_json()

    assert Report.model_validate_json(text) == report
    assert "NaN" not in text
    assert json.loads(text)["inference"]["control"]["median_ms"] == pytest.approx(4, rel=0.1)


def test_equal_evidence_gives_an_equal_report() -> None:
    assert report_on(make_evidence(CELLS)) == report_on(make_evidence(CELLS))


def test_report_of_a_million_observations_takes_less_than_a_second() -> None:
    labels = tuple(f"activity {index}" for index in range(34))
    evidence = make_evidence(make_many_cells(1_000_000, labels), labels=labels, num_rows=20_000)

    start_s = time.process_time()
    report = report_on(evidence)
    processor_s = time.process_time() - start_s

    assert report.num_pairs == 1_000_000
    assert processor_s < 1
