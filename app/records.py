"""What one request did: its id, the time of its stages, and facts for the log and the metrics."""

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from starlette.requests import Request

from models.classifier import ActivityClassifier

Stage = Literal["upload", "decode", "queue", "inference", "postprocess"]
STAGES: tuple[Stage, ...] = ("upload", "decode", "queue", "inference", "postprocess")
CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(frozen=True, kw_only=True)
class ModelLabels:
    """Which model answered, as metrics and logs name it."""

    model: str
    version: str
    precision: str
    runtime: str

    @property
    def reference(self) -> str:
        """The model's address, `name@version`."""
        return f"{self.model}@{self.version}"


UNKNOWN_MODEL = ModelLabels(model="", version="", precision="", runtime="")
"""Labels of what is known of no model, or shared by several."""


@dataclass(frozen=True, kw_only=True)
class ComparedPair:
    """How the answers of two models to the same windows differ."""

    baseline: str
    candidate: str
    is_agreed: bool
    max_difference: float


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the footage looked like, both 0-1; see `models.video.measures`."""

    brightness: float
    motion: float


@dataclass(kw_only=True)
class RequestRecord:
    """Everything that is logged and measured of one request; filled while it is answered."""

    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    code: str = "ok"
    key: str = ""
    num_bytes: int = 0
    num_windows: int = 0
    models: tuple[ModelLabels, ...] = ()
    stage_seconds: dict[tuple[Stage, ModelLabels], float] = field(default_factory=dict)
    pairs: list[ComparedPair] = field(default_factory=list)
    scene: Scene | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def shared_labels(self) -> ModelLabels:
        """Labels of the stages that are not one model's own: those of the only model, if so."""
        return self.models[0] if len(self.models) == 1 else UNKNOWN_MODEL

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Note how long the body of the statement takes, also when it fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.note(stage, time.perf_counter() - started)

    def note(self, stage: Stage, seconds: float, labels: ModelLabels | None = None) -> None:
        """Add to the time of a stage, which all models share unless one is given."""
        key = (stage, labels or self.shared_labels)
        self.stage_seconds[key] = self.stage_seconds.get(key, 0.0) + seconds

    def seconds_of(self, stage: Stage) -> float:
        """Return the sum of all times of a stage."""
        return sum(seconds for (key, _), seconds in self.stage_seconds.items() if key == stage)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self.started


def label_model(classifier: ActivityClassifier) -> ModelLabels:
    """Return how metrics and logs name a loaded model."""
    card = classifier.card
    return ModelLabels(
        model=card.name,
        version=str(card.version),
        precision=card.precision,
        runtime=classifier.runtime.name,
    )


def choose_request_id(client_id: str | None) -> str:
    """Return the client's own id if it is harmless, else a fresh one."""
    if client_id is not None and CLIENT_REQUEST_ID.fullmatch(client_id):
        return client_id
    return uuid.uuid4().hex


def get_record(request: Request) -> RequestRecord:
    """Return the record that the middleware made for a request."""
    record = request.state.record
    assert isinstance(record, RequestRecord)
    return record
