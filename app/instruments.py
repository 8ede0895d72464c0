"""Makes counters, gauges and histograms, all with the project's prefix and in one registry."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX = "driver_activity"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DIFFERENCES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
"""Bounds of histograms of a difference of probabilities."""


class Presence(Collector):
    """A gauge that is 1 for everything that is there.

    What is there is replaced at once: a scrape never sees a part of it, as one could of a `Gauge`
    that is cleared and filled again.

    Args:
        name: Of the metric.
        text: Its help.
        labels: Names of the labels that tell apart what is there.
    """

    def __init__(self, name: str, text: str, labels: tuple[str, ...]) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._present: tuple[tuple[str, ...], ...] = ()

    def show(self, present: Iterable[tuple[str, ...]]) -> None:
        """Show this and nothing else, by the values of the labels."""
        self._present = tuple(present)

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge."""
        gauge = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for values in self._present:
            gauge.add_metric(values, 1)
        yield gauge


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

    def presence(self, name: str, text: str, labels: tuple[str, ...]) -> Presence:
        """Return a new gauge of what is there."""
        presence = Presence(f"{PREFIX}_{name}", text, labels)
        self._registry.register(presence)
        return presence

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
