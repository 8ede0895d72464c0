"""Makes counters, gauges and histograms, all with the project's prefix and in one registry."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX = "driver_activity"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DIFFERENCES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
"""Bounds of histograms of a difference of probabilities."""


class Instruments:
    """Makes what is measured with.

    Args:
        registry: Where all of it is registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        """Return a new counter."""
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self._registry)

    def gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        """Return a new gauge."""
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self._registry)

    def histogram(
        self,
        name: str,
        text: str,
        labels: tuple[str, ...],
        *,
        buckets: tuple[float, ...] = SECONDS,
    ) -> Histogram:
        """Return a new histogram, of seconds unless it has other buckets."""
        return Histogram(f"{PREFIX}_{name}", text, labels, buckets=buckets, registry=self._registry)
