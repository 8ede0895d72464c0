"""Finished runs, side by side: on one page and in Markdown tables."""

from training.report.write import write_report

__all__ = ["write_report"]
