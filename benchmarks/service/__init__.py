"""The service against what a team would use instead, as clients see them and as the host pays."""

from benchmarks.service.case import all_peers, measure_service
from benchmarks.service.plot import plot_service
from benchmarks.service.report import render_service
from benchmarks.service.scale import FULL, SMOKE

__all__ = ["FULL", "SMOKE", "all_peers", "measure_service", "plot_service", "render_service"]
