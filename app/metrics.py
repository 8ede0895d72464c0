"""What Prometheus scrapes; all in base units, in a registry of the application's own."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app.records import ModelLabels, RequestRecord

PREFIX = "driver_activity"
MEDIA_TYPE = CONTENT_TYPE_LATEST
MODEL = ("model", "version", "precision", "runtime")
PAIR = ("baseline", "candidate")
REJECTIONS = (
    "deadline_exceeded",
    "media_limit_exceeded",
    "model_not_ready",
    "queue_full",
    "upload_too_large",
)
"""Codes of what is refused to protect the service, or because it is not ready."""
DECODE_FAILURES = (
    "decode_timeout",
    "decoder_crashed",
    "invalid_frames",
    "media_too_short",
    "undecodable_media",
    "unsupported_media",
)
"""Codes of media that give no windows."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DIFFERENCES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)


class Metrics:
    """The metrics of one application.

    Args:
        queue_depths: For every queue, a function that tells how many wait in it.
        is_ready: Tells whether the service is ready.
    """

    def __init__(
        self, *, queue_depths: Mapping[str, Callable[[], int]], is_ready: Callable[[], bool]
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter(
            "requests",
            "Requests answered, by route, HTTP status and code.",
            ("route", "status", "code"),
        )
        self._request_seconds = self._histogram(
            "request_seconds", "Time from the arrival of a request to its answer.", ("route",)
        )
        self._stage_seconds = self._histogram(
            "stage_seconds",
            "Time of one stage; the model is empty where several models share the stage.",
            ("stage", *MODEL),
        )
        self._in_flight = self._gauge("in_flight_requests", "Requests being answered.")
        self._queue_depth = self._gauge("queue_depth", "Requests that wait.", ("queue",))
        self._ready = self._gauge("ready", "Whether the service is ready, 0 or 1.")
        self._model_info = self._gauge("model_info", "Models that are loaded, always 1.", MODEL)
        self._rejected = self._counter(
            "rejected", "Requests refused to protect the service, or not ready.", ("reason",)
        )
        self._decode_failures = self._counter(
            "decode_failures", "Uploads that gave no windows.", ("reason",)
        )
        self._comparisons = self._counter(
            "comparisons", "Pairs of models compared on a video.", (*PAIR, "agree")
        )
        self._differences = self._histogram(
            "comparison_probability_difference",
            "Largest difference of a probability between two compared models on a video.",
            PAIR,
            buckets=DIFFERENCES,
        )
        self._watch(queue_depths, is_ready)
        self._start_at_zero()

    def render(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def begin_request(self) -> None:
        """Count a request that arrived."""
        self._in_flight.inc()

    def end_request(self, record: RequestRecord, *, route: str, status: int) -> None:
        """Count what a finished request did.

        Args:
            record: What the request did.
            route: Template of its path, never the path itself: clients choose that.
            status: HTTP status of its answer.
        """
        self._in_flight.dec()
        self._requests.labels(route, str(status), record.code).inc()
        self._request_seconds.labels(route).observe(record.elapsed_s)
        for (stage, labels), seconds in record.stage_seconds.items():
            self._stage_seconds.labels(stage, *_values(labels)).observe(seconds)
        if record.code in REJECTIONS:
            self._rejected.labels(record.code).inc()
        if record.code in DECODE_FAILURES:
            self._decode_failures.labels(record.code).inc()
        for pair in record.pairs:
            agree = str(pair.is_agreed).lower()
            self._comparisons.labels(pair.baseline, pair.candidate, agree).inc()
            self._differences.labels(pair.baseline, pair.candidate).observe(pair.max_difference)

    def announce_model(self, labels: ModelLabels) -> None:
        """Show a model that was loaded."""
        self._model_info.labels(*_values(labels)).set(1)

    def _watch(
        self, queue_depths: Mapping[str, Callable[[], int]], is_ready: Callable[[], bool]
    ) -> None:
        self._ready.set_function(is_ready)
        for queue, depth in queue_depths.items():
            self._queue_depth.labels(queue).set_function(depth)

    def _start_at_zero(self) -> None:
        """Make what has not happened yet visible, so that its rate is 0 and not absent."""
        for reason in REJECTIONS:
            self._rejected.labels(reason)
        for reason in DECODE_FAILURES:
            self._decode_failures.labels(reason)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _histogram(
        self,
        name: str,
        text: str,
        labels: tuple[str, ...],
        *,
        buckets: tuple[float, ...] = SECONDS,
    ) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", text, labels, buckets=buckets, registry=self.registry)


def _values(labels: ModelLabels) -> tuple[str, str, str, str]:
    return labels.model, labels.version, labels.precision, labels.runtime
