"""Experiments that are begun at the start, from a TOML file."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.experiments.definition import Experiment
from models.errors import DriverActivityError
from models.faults import word_faults


class InvalidExperimentsFileError(DriverActivityError):
    """The file of experiments is not there, or not what it should be."""


class _File(BaseModel):
    """The whole file: one table `[[experiment]]` for each."""

    model_config = ConfigDict(extra="forbid")

    experiment: list[Experiment] = Field(min_length=1)


def read_experiments(path: Path) -> list[Experiment]:
    """Return the experiments of a file of tables `[[experiment]]`.

    Raises:
        InvalidExperimentsFileError: If it cannot be read, or is wrong: names every fault.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return _File.model_validate(content).experiment
    except OSError as exc:
        raise InvalidExperimentsFileError(f"{path.name}: {exc.strerror}") from exc
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise InvalidExperimentsFileError(f"{path.name} is not TOML: {exc}") from exc
    except ValidationError as exc:
        faults = "; ".join(word_faults(exc, whole="file"))
        raise InvalidExperimentsFileError(f"{path.name}: {faults}") from exc
