"""The query parameters of the endpoints that take an upload; unknown ones are refused."""

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.service import Options
from app.settings import DEFAULT_ALIAS
from models.video.windows import DecodeMode

Reference = Annotated[str, Field(min_length=1, max_length=80)]
FrameRate = Annotated[
    float | None,
    Field(
        ge=0.01,
        le=1000,
        description="Rate of images or of an array of frames; without it they are taken to fill "
        "one window.",
        examples=[30],
    ),
]


class UploadQuery(BaseModel):
    """What can be chosen for every upload."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    top_k: int = Field(
        default=5, ge=1, le=1000, description="How many activities to name, at most all."
    )
    stride_s: float | None = Field(
        default=None,
        ge=0.05,
        le=3600,
        description="Seconds from the start of a window to the start of the next; without it, "
        "windows do not overlap.",
    )
    decode: DecodeMode | None = Field(
        default=None,
        description="`exact` decodes the pictures that the codec defines, `fast` nearly those in "
        "less time; without it, as the service is set.",
    )

    @property
    def options(self) -> Options:
        """The choices, for the core."""
        return Options(
            top_k=self.top_k, stride_s=self.stride_s, frame_rate_hz=None, decode=self.decode
        )


class PredictionQuery(UploadQuery):
    """What can be chosen for a video."""

    model: Reference = Field(
        default=DEFAULT_ALIAS,
        description="`name`, `name@version` or an alias.",
        examples=["mobilenet3d-lite-fp32"],
    )


class FramesQuery(PredictionQuery):
    """What can be chosen for frames."""

    frame_rate_hz: FrameRate = None

    @property
    def options(self) -> Options:
        """The choices, for the core."""
        return replace(super().options, frame_rate_hz=self.frame_rate_hz)


class ComparisonQuery(UploadQuery):
    """What can be chosen for a comparison."""

    models: list[Reference] = Field(
        min_length=2,
        max_length=8,
        description="The models to compare, as `name`, `name@version` or an alias; repeat the "
        "parameter. The first is the baseline.",
        examples=[["mobilenet3d-lite-fp32", "mobilenet3d-lite-int8"]],
    )
    frame_rate_hz: FrameRate = None

    @property
    def options(self) -> Options:
        """The choices, for the core."""
        return replace(super().options, frame_rate_hz=self.frame_rate_hz)
