import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from app.experiments.definition import Mode
from app.experiments.page import render_page
from app.experiments.report import Report
from app.experiments.summary import render_summary
from tests.app.experiments.examples import (
    LABELS,
    make_cell,
    make_evidence,
    make_judged_experiment,
    make_many_cells,
    make_sample,
    report_on,
)

HOSTILE = "<script>alert(1)</script> $\\frac$ & \"'"


class Tags(HTMLParser):
    """Collects tags, and the addresses that they load."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value:
                self.addresses.append(value)


def read_tags(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


@pytest.fixture(scope="module")
def report() -> Report:
    return report_on(make_evidence(make_many_cells(3000, LABELS), num_rows=300))


def test_page_has_the_verdict_and_every_picture(report: Report) -> None:
    page = render_page(report)

    assert f"<strong>{report.verdict.decision}</strong>" in page
    assert read_tags(page).names.count("svg") == 4


def test_page_needs_no_other_file(report: Report) -> None:
    tags = read_tags(render_page(report))

    assert all(address.startswith(("#", "data:")) for address in tags.addresses)
    assert {"script", "link", "img", "iframe"}.isdisjoint(tags.names)


def test_pictures_are_valid_xml(report: Report) -> None:
    pictures = re.findall(r"<svg.*?</svg>", render_page(report), flags=re.DOTALL)

    assert [ElementTree.fromstring(picture).tag for picture in pictures] == [
        "{http://www.w3.org/2000/svg}svg"
    ] * 4


def test_labels_and_reasons_are_escaped() -> None:
    labels = (HOSTILE, "drinking")
    cells = [
        make_cell(600, HOSTILE, "drinking", true_label=HOSTILE),
        make_cell(9, HOSTILE, None, treatment_code=HOSTILE),
    ]
    evidence = make_evidence(cells, labels=labels)
    events = (replace(evidence.events[0], reason=HOSTILE),)

    page = render_page(report_on(replace(evidence, events=events)))

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $\\frac$ &amp;" in page


@pytest.mark.parametrize("mode", ["paired", "split", "shadow"])
def test_experiment_without_observations_has_a_page_and_a_summary(mode: Mode) -> None:
    evidence = make_evidence([], experiment=make_judged_experiment(mode), num_rows=0)
    report = report_on(replace(evidence, sample=make_sample(0), largest_difference=None))

    assert "not enough yet" in render_page(report)
    assert render_summary(report).startswith("int8-in-production: not enough yet\n")


def test_activity_that_only_one_arm_met_is_drawn() -> None:
    cells = [
        make_cell(60, "driving", None, true_label="driving"),
        make_cell(40, None, "drinking", true_label="drinking"),
    ]

    page = render_page(report_on(make_evidence(cells, experiment=make_judged_experiment("split"))))

    assert "Share of each activity" in page


def test_summary_tells_the_main_numbers_line_by_line(report: Report) -> None:
    summary = render_summary(report)

    lines = summary.splitlines()
    assert lines[0] == f"int8-in-production: {report.verdict.decision}"
    assert lines[1] == report.verdict.reason
    assert any(re.match(r"  pairs that agree +9\d\.\d\d % \(", line) for line in lines)
    assert any(re.match(r"  inference .* ratio (1\.9|2\.0)\d \(", line) for line in lines)
    assert any(
        re.match(r"  2025-10-09 08:53:20 UTC +experiment .* by api$", line) for line in lines
    )


def test_summary_says_how_many_shadows_were_shed() -> None:
    cells = [
        make_cell(900, "driving", "driving"),
        make_cell(100, "driving", None, treatment_code="shed"),
    ]

    experiment = make_judged_experiment("shadow")
    summary = render_summary(report_on(make_evidence(cells, experiment=experiment)))

    assert re.search(r"treatment shed +100; 90.0 % ran", summary)
