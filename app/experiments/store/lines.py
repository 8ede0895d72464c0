"""An observation as a line of a journal: JSON, the probabilities as base64 of float32.

Axes: K classes.
"""

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from app.experiments.definition import ARMS
from app.experiments.observation import Observation

WIRE = np.dtype("<f4")
"""Probabilities as they are stored: float32, little-endian."""


class _Line(BaseModel):
    """Checks the types of what was read."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    observation: Observation


def encode_line(observation: Observation) -> bytes:
    """Return an observation as one line.

    Raises:
        TypeError: If a value is of no type that is documented for it.
    """
    return _ENCODER.encode(vars(observation)).encode() + b"\n"


def decode_line(line: bytes) -> Observation:
    """Return the observation of a line; numbers that are not finite count as not measured.

    Raises:
        ValueError: If the line does not hold one.
    """
    fields = json.loads(line, parse_constant=lambda _: None)
    if not isinstance(fields, dict):
        raise ValueError("the line is no observation")
    for arm in ARMS:
        outcome = fields.get(arm)
        if isinstance(outcome, dict) and isinstance(outcome.get("probs_K"), str):
            outcome["probs_K"] = _decode_probs(outcome["probs_K"])
    return _Line.model_validate({"observation": fields}).observation


def pack_probs(probs_K: NDArray[np.float32]) -> bytes:
    """Return probabilities as bytes, four for each."""
    return probs_K.astype(WIRE).tobytes()


def unpack_probs(data: bytes) -> NDArray[np.float32]:
    """Return the probabilities that were packed, bit by bit the same."""
    return np.frombuffer(data, WIRE).astype(np.float32)


def _decode_probs(word: str) -> NDArray[np.float32]:
    return unpack_probs(base64.b64decode(word, validate=True))


def _encode_value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return base64.b64encode(pack_probs(value)).decode()
    if isinstance(value, np.generic):
        return value.item()
    return vars(value)


_ENCODER = json.JSONEncoder(default=_encode_value, separators=(",", ":"))
