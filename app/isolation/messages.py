"""What workers send: JSON, of which the reader builds nothing but what it expects.

A worker that was taken over may send what it likes: no text of it is run, and it takes little more
memory than it is long.
"""

import builtins
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

import models.errors
from app.workers import Answer, T, UnreadableAnswerError

RESULT, FAILURE = b"R", b"F"
ERROR_MODULES = (models.errors, builtins)


class _Failure(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    error: str
    facts: tuple[str | int | float | None, ...]
    notes: tuple[str, ...]


def write_result(result: T, kind: TypeAdapter[T]) -> bytes:
    """Return the message that says what came out."""
    return RESULT + kind.dump_json(result)


def write_failure(error: Exception, *notes: str) -> bytes:
    """Return the message that says what went wrong.

    Args:
        error: Of `models.errors` or Python's own, made of texts and numbers.
        notes: What belongs into a log.

    Raises:
        ValidationError: If it is made of anything else.
    """
    failure = _Failure(error=type(error).__name__, facts=error.args, notes=notes)
    return FAILURE + failure.model_dump_json().encode()


def read_answer(message: bytes, kind: TypeAdapter[T]) -> Answer[T]:
    """Return what a worker sent.

    Raises:
        UnreadableAnswerError: If it is neither a result of this kind nor an error.
    """
    try:
        if message[:1] == FAILURE:
            return None, _make_error(_Failure.model_validate_json(message[1:]))
        return kind.validate_json(message[1:], strict=True), None
    except (ValidationError, TypeError) as exc:
        raise UnreadableAnswerError("a worker sent neither a result nor an error") from exc


def _make_error(failure: _Failure) -> Exception:
    for module in ERROR_MODULES:
        found: Any = getattr(module, failure.error, None)
        if isinstance(found, type) and issubclass(found, Exception):
            error = found(*failure.facts)
            for note in failure.notes:
                error.add_note(note)
            return error
    raise TypeError(f"{failure.error!r} is no error")
