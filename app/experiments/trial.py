"""One request that takes part in an experiment, from its arrival to its record."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from app.comparison import Difference, compare
from app.errors import INTERNAL_ERROR
from app.experiments.definition import ARMS, ArmName, Mode
from app.experiments.observation import OK, SHED, Observation, Outcome
from app.inference import Classified, InferencePool, classify
from app.records import RequestRecord
from models.classifier import ActivityClassifier
from models.video.windows import VideoWindows


@dataclass(kw_only=True)
class Trial:
    """Which arms answer one request, and what they make of it.

    Attributes:
        experiment: Name of the experiment.
        mode: Its mode.
        arms: Its models.
        served: Arm whose answer the client gets.
        is_compared: Whether the other arm is asked, too.
        pool: Where models compute; measures what that takes.
        subject: Hash of who sent the request.
        observation_id: Id of the record.
    """

    experiment: str
    mode: Mode
    arms: Mapping[ArmName, ActivityClassifier]
    served: ArmName
    is_compared: bool
    pool: InferencePool
    subject: str | None
    observation_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    time_s: float = field(default_factory=time.time)
    answers: dict[ArmName, Classified] = field(default_factory=dict)
    processor_s: dict[ArmName, float | None] = field(default_factory=dict)
    failures: dict[ArmName, str] = field(default_factory=dict)
    video: VideoWindows | None = None

    @property
    def other(self) -> ArmName:
        """The arm that does not answer the client."""
        return ARMS[1 - ARMS.index(self.served)]

    @property
    def is_paired(self) -> bool:
        """Whether both arms are asked before the answer."""
        return self.is_compared and self.mode == "paired"

    @property
    def is_shadowed(self) -> bool:
        """Whether the other arm is asked after the answer."""
        return self.is_compared and self.mode == "shadow"

    @property
    def difference(self) -> Difference | None:
        """How the arms' answers differ; None unless both answered."""
        if len(self.answers) < len(ARMS):
            return None
        control, treatment = (self.answers[arm].prediction for arm in ARMS)
        return compare(control, treatment)

    def ask(self, video: VideoWindows, *, top_k: int) -> list[Classified]:
        """Return the answer for the client, and after it the other arm's, if there is one.

        Which of the two is asked first changes from request to request, so that neither is always
        the one that finds the windows in the cache. Blocks while it computes.
        """
        self.video = video
        order = [self.served, self.other] if self.is_paired else [self.served]
        if int(self.observation_id[-1], 16) % 2:
            order.reverse()
        for arm in order:
            if arm == self.served:
                self._ask_arm(arm, video, top_k=top_k)
            else:
                self.ask_other(top_k=top_k)
        return [self.answers[arm] for arm in (self.served, self.other) if arm in self.answers]

    def ask_other(self, *, top_k: int = 1) -> None:
        """Ask the arm whose answer nobody waits for; what goes wrong there harms nobody."""
        assert self.video is not None
        try:
            self._ask_arm(self.other, self.video, top_k=top_k)
        except Exception:
            self.failures[self.other] = INTERNAL_ERROR.code
            structlog.get_logger("driver_activity.experiments").exception(
                "arm_failed", experiment=self.experiment, arm=self.other
            )

    def _ask_arm(self, arm: ArmName, video: VideoWindows, *, top_k: int) -> None:
        answer, processor_s = self.pool.measure(
            lambda: classify(self.arms[arm], video, top_k=top_k),
            is_inside=arm == self.served or self.is_paired,
        )
        self.answers[arm], self.processor_s[arm] = answer, processor_s

    def shed(self) -> None:
        """Note that the shadow was not asked, for want of an idle core."""
        self.failures[self.other] = SHED

    def fail(self, code: str) -> None:
        """Note why the client got no answer; the same holds for every arm that was to run."""
        for arm in (self.served, self.other) if self.is_paired else (self.served,):
            self.failures.setdefault(arm, code)

    def observe(self, record: RequestRecord, *, total_s: float) -> Observation:
        """Return what is kept of the request.

        Args:
            record: Its times.
            total_s: Seconds from its arrival to its answer.
        """
        difference = self.difference
        return Observation(
            observation_id=self.observation_id,
            experiment=self.experiment,
            served=self.served,
            time_s=self.time_s,
            request_id=record.request_id,
            subject=self.subject,
            control=self._outcome("control"),
            treatment=self._outcome("treatment"),
            max_difference=difference.max_abs_difference if difference else None,
            mean_difference=difference.mean_abs_difference if difference else None,
            upload_s=record.seconds_of("upload"),
            queue_s=record.seconds_of("queue"),
            decode_s=record.seconds_of("decode"),
            total_s=total_s,
            brightness=record.scene.brightness if record.scene else None,
            motion=record.scene.motion if record.scene else None,
        )

    def _outcome(self, arm: ArmName) -> Outcome | None:
        answer = self.answers.get(arm)
        if answer is None:
            return Outcome(code=self.failures[arm]) if arm in self.failures else None
        return Outcome(
            code=self.failures.get(arm, OK),
            label=answer.label,
            probs_K=answer.prediction.clip_probs_K,
            inference_s=answer.prediction.inference_s,
            processor_s=self.processor_s[arm],
        )
