"""What the service answers, as clients see it; ratios and probabilities are 0-1."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.experiments.definition import ArmName, Experiment, Ratio
from app.experiments.definition import State as ExperimentState
from models.card import ModelCard, ModelReference
from models.installed import State
from models.runtimes import RuntimeName
from models.video.windows import DecodeMode

Probability = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0)]
Reason = Annotated[str, Field(max_length=500, description="Why, for the audit trail.")]


class Answer(BaseModel):
    """Base of everything that is answered."""

    model_config = ConfigDict(frozen=True)


class ActivityProbability(Answer):
    """How probable one activity is."""

    label: str = Field(examples=["drinking"])
    probability: Probability = Field(examples=[0.93])


class ClipAnswer(Answer):
    """What the video as a whole shows: the mean over its windows."""

    activities: list[ActivityProbability] = Field(description="The most probable ones first.")


class WindowAnswer(ClipAnswer):
    """What one window of the video shows."""

    start_s: float = Field(examples=[0.0])
    end_s: float = Field(examples=[3.0])
    num_padded_frames: int = Field(
        description="How many of the window's frames repeat the last one, because the video "
        "ended before the window did.",
        examples=[0],
    )


class ModelSummary(Answer):
    """Which model answered."""

    name: str = Field(examples=["mobilenet3d-lite-int8"])
    version: int = Field(examples=[1])
    precision: Literal["fp32", "int8"]
    runtime: RuntimeName
    notice: str = Field(
        description="What anybody who uses the answers has to know.",
        examples=["Trained on synthetic, not filmed, drivers."],
    )


class DecodedMedia(Answer):
    """What was uploaded, as it was decoded."""

    container: str = Field(examples=["mov"])
    codec: str = Field(examples=["h264"])
    width_px: int = Field(examples=[640])
    height_px: int = Field(examples=[480])
    rotation_degrees: int = Field(examples=[0])
    frame_rate_hz: float | None = Field(examples=[30.0])
    duration_s: float = Field(examples=[3.0])
    num_frames: int = Field(examples=[90])
    decode: DecodeMode = Field(
        description="`exact`: the pictures that the codec defines; `fast`: nearly those."
    )


class StageTimes(Answer):
    """Milliseconds that each stage took."""

    upload_ms: Milliseconds
    queue_ms: Milliseconds
    decode_ms: Annotated[
        Milliseconds, Field(description="What was decoded during the upload is not counted.")
    ]
    inference_ms: Milliseconds
    postprocess_ms: Milliseconds
    total_ms: Milliseconds


class TrialAnswer(Answer):
    """The experiment that a request took part in."""

    name: str = Field(examples=["int8-in-production"])
    arm: ArmName = Field(description="The side whose model answered.")


class PredictionAnswer(Answer):
    """The activities of a video, over time."""

    request_id: str = Field(examples=["6f1f0b6ec1c94c0e8a3d5f6d8a1b2c3d"])
    model: ModelSummary
    media: DecodedMedia
    clip: ClipAnswer
    windows: list[WindowAnswer]
    timings: StageTimes
    experiment: TrialAnswer | None = Field(
        description="The experiment that the request took part in, if it did."
    )


class ComparedAnswer(Answer):
    """What one of the compared models answers."""

    model: ModelSummary
    clip: ClipAnswer
    windows: list[WindowAnswer]
    inference_ms: Milliseconds


class PairAnswer(Answer):
    """How a candidate differs from the baseline, the first of the compared models."""

    baseline: str = Field(examples=["mobilenet3d-lite-fp32@1"])
    candidate: str = Field(examples=["mobilenet3d-lite-int8@1"])
    clip_agrees: bool = Field(description="Whether both name the same activity for the video.")
    window_agreement: list[bool] = Field(
        description="The same for every window.", examples=[[True, True]]
    )
    agreement_ratio: float = Field(
        ge=0, le=1, description="Share of the windows that agree.", examples=[1.0]
    )
    max_abs_difference: Probability = Field(
        description="Largest difference of a probability, over windows and activities.",
        examples=[0.021],
    )
    mean_abs_difference: Probability = Field(
        description="Mean difference of a probability, over windows and activities.",
        examples=[0.0013],
    )
    latency_ratio: float = Field(
        ge=0,
        description="Inference time of the baseline divided by the candidate's, in this request: "
        "above 1 the candidate is the faster one.",
        examples=[3.2],
    )


class ComparisonAnswer(Answer):
    """The answers of several models to the same windows, decoded once."""

    request_id: str = Field(examples=["6f1f0b6ec1c94c0e8a3d5f6d8a1b2c3d"])
    media: DecodedMedia
    answers: list[ComparedAnswer]
    pairs: list[PairAnswer]
    timings: StageTimes


class ModelAnswer(Answer):
    """One installed version of a model."""

    reference: str = Field(examples=["mobilenet3d-lite-int8@1"])
    aliases: list[str] = Field(
        description="Further names that lead to this version.", examples=[["default"]]
    )
    state: State
    reason: str = Field(
        description="Why it is not ready. If it is: why what lies in its folder now was not "
        "loaded, else empty.",
        examples=[""],
    )
    runtime: RuntimeName
    card: ModelCard | None = Field(description="Absent while it was not read or is not valid.")


class ModelListAnswer(Answer):
    """Every installed version of every model."""

    models: list[ModelAnswer]


class EventAnswer(Answer):
    """One line of the audit trail."""

    time: datetime
    subject: str = Field(description="`experiment` or `alias`.", examples=["alias"])
    name: str = Field(examples=["default"])
    action: str = Field(examples=["moved"])
    detail: str = Field(examples=["mobilenet3d-lite-int8@1"])
    by: str = Field(description="Who did it.", examples=["api"])
    reason: str = Field(examples=["equivalent within 0.02 after 8000 requests"])


class ExperimentAnswer(Answer):
    """An experiment, and what has become of it."""

    experiment: Experiment
    state: ExperimentState
    problem: str = Field(
        description="Why this process does not run it although it should, else empty.",
        examples=[""],
    )
    events: list[EventAnswer] = Field(description="What was done with it, oldest first.")


class ExperimentListAnswer(Answer):
    """Every experiment."""

    experiments: list[ExperimentAnswer]


class ExperimentChange(BaseModel):
    """What is to be changed of an experiment."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    state: ExperimentState | None = Field(
        default=None, description="`paused` experiments can run again, `ended` ones cannot."
    )
    share: Ratio | None = None
    reason: Reason = ""


class AliasAnswer(Answer):
    """Where an alias leads, and where it led."""

    alias: str = Field(examples=["default"])
    model: str = Field(examples=["mobilenet3d-lite-int8@1"])
    events: list[EventAnswer] = Field(description="How it was moved, oldest first.")


class AliasListAnswer(Answer):
    """Every alias."""

    aliases: list[AliasAnswer]


class AliasMove(BaseModel):
    """Where an alias is to lead."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: ModelReference = Field(examples=["mobilenet3d-lite-int8@1"])
    reason: Reason = ""


class FeedbackItem(BaseModel):
    """What the driver of one request really did."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request_id: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        examples=["6f1f0b6ec1c94c0e8a3d5f6d8a1b2c3d"]
    )
    label: Annotated[str, Field(min_length=1, max_length=200)] = Field(examples=["drinking"])


class FeedbackAnswer(Answer):
    """What became of the feedback."""

    num_labeled: int = Field(description="Records that now have a true activity.", examples=[1])


class HealthAnswer(Answer):
    """That the service is well."""

    status: Literal["live", "ready"]


class Problem(BaseModel):
    """An RFC 9457 problem document; facts of the error are further members."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(examples=["urn:driver-activity:problem:media_too_short"])
    title: str = Field(examples=["The video has too few frames"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["video has 3 frames, needs at least 4"])
    code: str = Field(description="Stable, for programs.", examples=["media_too_short"])
    instance: str = Field(examples=["urn:driver-activity:request:6f1f0b6ec1c94c0e8a3d5f6d8a1b2c3d"])
    request_id: str = Field(examples=["6f1f0b6ec1c94c0e8a3d5f6d8a1b2c3d"])
