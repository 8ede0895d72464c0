"""Finished runs, side by side: one table in Markdown and one page in HTML."""

from training.report.write import write_report

__all__ = ["write_report"]
