"""What an experiment is: which two models are compared, on which traffic, and until when."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.card import ModelName, ModelReference
from models.runtimes import RuntimeName

ArmName = Literal["control", "treatment"]
ARMS: tuple[ArmName, ArmName] = ("control", "treatment")
Mode = Literal["paired", "split", "shadow"]
State = Literal["running", "paused", "ended"]
Ratio = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """Base of everything that an experiment consists of."""

    # Strict: else `true` would be the share 1.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Arm(Part):
    """One of the two sides of an experiment."""

    model: ModelReference = Field(examples=["mobilenet3d-lite-int8@1"])
    runtime: RuntimeName | None = Field(
        default=None, description="Engine; without it, the one that the service is set to."
    )


class StopRule(Part):
    """When an experiment has seen enough."""

    margin: float = Field(
        default=0.02,
        gt=0,
        le=0.5,
        description="Largest difference of accuracy, 0-1, at which the arms count as equivalent.",
    )
    alpha: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description="Probability that any verdict, at any look, is wrong.",
    )
    min_requests: Count = Field(default=500, description="No verdict before so many.")
    max_requests: Count | None = Field(default=None, description="The end, whatever was found.")
    max_days: float | None = Field(
        default=None, gt=0, le=3660, description="The end, whatever was found."
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.max_requests is not None and self.max_requests < self.min_requests:
            raise ValueError(
                f"max_requests {self.max_requests} is below min_requests {self.min_requests}"
            )
        return self


class Guard(Part):
    """What the treatment must not exceed; else the alias moves back and the experiment ends.

    Judged over the last `num_requests` requests, once there are `min_requests`.
    """

    max_error_difference: Ratio | None = Field(
        default=0.02, description="Treatment's share of failed answers minus the control's."
    )
    max_latency_ratio: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Treatment's median inference time by the control's.",
    )
    max_disagreement: Ratio | None = Field(
        default=None, description="Share of pairs whose top activity differs."
    )
    num_requests: int = Field(default=500, ge=10, le=10_000)
    min_requests: int = Field(default=100, ge=10, le=10_000)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min_requests > self.num_requests:
            raise ValueError(
                f"min_requests {self.min_requests} is above num_requests {self.num_requests}"
            )
        return self


class Experiment(Part):
    """Two models that are compared on the requests of an alias."""

    name: ModelName = Field(examples=["int8-in-production"])
    alias: ModelName = Field(
        default="default", description="Requests that ask for this alias take part."
    )
    control: Arm
    treatment: Arm = Field(examples=[{"model": "mobilenet3d-lite-fp32@1"}])
    mode: Mode = Field(
        description="`paired`: both arms answer the same windows, and the client gets the answer "
        "of the alias's model; `split`: a share of the requests is answered by the treatment; "
        "`shadow`: as paired, but the second arm runs after the answer, when a core is idle."
    )
    share: Ratio = Field(
        default=1.0,
        description="Share of the requests: that the treatment answers (`split`), or that both "
        "arms answer (`paired`, `shadow`).",
    )
    stop: StopRule = StopRule()
    guard: Guard | None = None

    @property
    def arms(self) -> dict[ArmName, Arm]:
        """Both sides, by name."""
        return {"control": self.control, "treatment": self.treatment}

    @model_validator(mode="after")
    def _check_arms(self) -> Self:
        if self.control == self.treatment:
            raise ValueError(f"control and treatment are both {self.control.model}")
        return self
