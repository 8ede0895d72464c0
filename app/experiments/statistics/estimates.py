"""Numbers with their uncertainty, as they are computed and answered."""

from pydantic import Field

from app.schemas import Answer


class Interval(Answer):
    """Where a number lies, as far as is known."""

    low: float
    high: float


class Estimate(Interval):
    """A measured number, and where the true one lies with 95 % confidence."""

    value: float


class Rate(Estimate):
    """A measured share, 0-1, with its Wilson interval."""

    num: int = Field(ge=0, description="How many of them.")
    num_total: int = Field(ge=1, description="Out of so many.")
