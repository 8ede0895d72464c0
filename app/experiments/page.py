"""Show a report as one HTML page that needs no other file."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.experiments.plots import (
    draw_agreement,
    draw_classes,
    draw_differences,
    draw_svg,
    draw_times,
)
from app.experiments.report import Report
from app.experiments.wording import (
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

TEMPLATE = "page.html"
NUM_FLIPS = 15


def render_page(report: Report) -> str:
    """Return a report as an HTML page with its pictures inside."""
    return (
        _make_environment()
        .get_template(TEMPLATE)
        .render(report=report, pictures=_draw_pictures(report), num_flips=NUM_FLIPS)
    )


def _make_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters.update(
        difference=word_difference,
        drift=word_drift,
        p_value=word_p_value,
        part=word_part,
        points=word_points,
        range=word_range,
        ratio=word_ratio,
        share=word_share,
        time=word_time,
    )
    return environment


def _draw_pictures(report: Report) -> dict[str, Markup]:
    """Return the pictures that there is something to draw for, by name."""
    figures = {"times": draw_times(report.inference)}
    if report.agreement:
        figures["agreement"] = draw_agreement(report.agreement)
    if report.max_differences:
        figures["differences"] = draw_differences(report.max_differences)
    if report.accuracy:
        figures["classes"] = draw_classes(report.accuracy.classes)
    return {name: Markup(draw_svg(figure)) for name, figure in figures.items()}
