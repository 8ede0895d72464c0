"""What Prometheus scrapes; all in base units, in a registry of the application's own."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from app.drift import DriftMonitor
from app.instruments import DIFFERENCES, PREFIX, Instruments
from app.records import ModelLabels, RequestRecord

MEDIA_TYPE = CONTENT_TYPE_LATEST
MODEL = ("model", "version", "precision", "runtime")
AbandonedStage = Literal["queue", "decode"]
PAIR = ("baseline", "candidate")
LoadOutcome = Literal["loaded", "failed"]
REJECTIONS = (
    "deadline_exceeded",
    "media_limit_exceeded",
    "model_not_ready",
    "queue_full",
    "rate_exceeded",
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


class DriftCollector(Collector):
    """Shows how far the answers of every watched model have drifted, when it is asked.

    Args:
        drift: Where that is known.
    """

    def __init__(self, drift: DriftMonitor) -> None:
        self._drift = drift

    def collect(self) -> Iterator[Metric]:
        """Yield the indices, of which there are none before there are enough answers."""
        psi = GaugeMetricFamily(
            f"{PREFIX}_drift_psi",
            "Population stability index of the latest answers against the model's card.",
            labels=(*MODEL, "quantity"),
        )
        sample = GaugeMetricFamily(
            f"{PREFIX}_drift_sample",
            "Answers that drift is judged by.",
            labels=(*MODEL, "quantity"),
        )
        for model, figures in self._drift.judge_all().items():
            for figure in figures:
                labels = (*_values(model), figure.quantity)
                sample.add_metric(labels, figure.num_answers)
                if figure.psi is not None:
                    psi.add_metric(labels, figure.psi)
        yield from (psi, sample)


class Metrics:
    """The metrics of one application.

    Args:
        queue_depths: For every queue, a function that tells how many wait in it.
        is_ready: Tells whether the service is ready.
        drift: Tells how far answers have drifted.
    """

    def __init__(
        self,
        *,
        queue_depths: Mapping[str, Callable[[], int]],
        is_ready: Callable[[], bool],
        drift: DriftMonitor,
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(DriftCollector(drift))
        make = Instruments(self.registry)
        self._requests = make.counter(
            "requests",
            "Requests answered, by route, HTTP status and code.",
            ("route", "status", "code"),
        )
        self._request_seconds = make.histogram(
            "request_seconds", "Time from the arrival of a request to its answer.", ("route",)
        )
        self._stage_seconds = make.histogram(
            "stage_seconds",
            "Time of one stage; the model is empty where several models share the stage.",
            ("stage", *MODEL),
        )
        self._in_flight = make.gauge("in_flight_requests", "Requests being answered.")
        self._queue_depth = make.gauge("queue_depth", "Requests that wait.", ("queue",))
        self._ready = make.gauge("ready", "Whether the service is ready, 0 or 1.")
        self._model_info = make.presence("model_info", "Models that are loaded, always 1.", MODEL)
        self._loads = make.counter(
            "model_loads", "Models loaded or not loaded after the start.", ("outcome",)
        )
        self._rejected = make.counter(
            "rejected", "Requests refused to protect the service, or not ready.", ("reason",)
        )
        self._abandoned = make.counter(
            "abandoned_video_seconds",
            "Seconds of video not decoded, or not to their end, because nobody waited any more.",
            ("stage",),
        )
        self._decode_failures = make.counter(
            "decode_failures", "Uploads that gave no windows.", ("reason",)
        )
        self._comparisons = make.counter(
            "comparisons", "Pairs of models compared on a video.", (*PAIR, "agree")
        )
        self._differences = make.histogram(
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

    def count_abandoned(self, stage: AbandonedStage, length_s: float) -> None:
        """Count the seconds of a video that nobody waits for any more."""
        self._abandoned.labels(stage).inc(length_s)

    def show_models(self, models: Iterable[ModelLabels]) -> None:
        """Show which models are loaded, and no other."""
        self._model_info.show(_values(labels) for labels in models)

    def count_load(self, outcome: LoadOutcome) -> None:
        """Count a model that was loaded, or was not, while others served."""
        self._loads.labels(outcome).inc()

    def watch_keys(self, is_current: Callable[[], bool]) -> None:
        """Show whether the keys in force are those of their file."""
        text = "Whether the API keys in force are those of their file, 0 or 1."
        Instruments(self.registry).gauge("keys_current", text).set_function(is_current)

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
        for stage in get_args(AbandonedStage):
            self._abandoned.labels(stage)
        for reason in DECODE_FAILURES:
            self._decode_failures.labels(reason)
        for outcome in get_args(LoadOutcome):
            self._loads.labels(outcome)


def _values(labels: ModelLabels) -> tuple[str, str, str, str]:
    return labels.model, labels.version, labels.precision, labels.runtime
