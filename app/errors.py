"""Turns errors into RFC 9457 problem documents with a stable code.

The errors of `models` carry facts; which HTTP status they mean is decided here, and here only.
"""

import errno
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from app.access.rules import READING
from app.decoding import DecodeTimeoutError, DecodeWorkerDiedError
from app.experiments.store.errors import (
    ExperimentEndedError,
    ExperimentExistsError,
    InvalidFeedbackError,
    OverlappingExperimentsError,
    UnknownExperimentError,
)
from app.gates import QueueFullError
from app.rates import RateExceededError
from app.records import get_record
from app.schemas import Problem
from models.errors import (
    AliasTakenError,
    DriverActivityError,
    InvalidFramesError,
    MediaLimitError,
    MediaTooShortError,
    ModelInUseError,
    ModelNotReadyError,
    UndecodableMediaError,
    UnknownModelError,
    UnsupportedMediaError,
)

FOLDERS = re.compile(r"(?<![\w.*])/(?:[\w.@+-]+/)+")
"""Those before the name of a file, in a text of another library."""
PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
FACTS = (
    *("limit", "found", "accepted", "accepted_s", "num_frames", "min_frames"),
    *("reference", "name", "other", "alias", "known", "reason", "reasons", "queue", "unit"),
    *("faults", "num_faults", "scope"),
)
"""Attributes of errors that clients are shown; others, such as a worker's traceback, are not."""


class UnauthenticatedError(DriverActivityError):
    """The request has no API key that is in force."""


class ForbiddenError(DriverActivityError):
    """The API key does not allow this."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope

    def __str__(self) -> str:
        return f"the API key has not the scope {self.scope!r}"


class UploadTooLargeError(DriverActivityError):
    """The request body is over the limit of bytes."""

    def __init__(self, found: int, accepted: int, *, limit: str) -> None:
        super().__init__(found, accepted)
        self.limit = limit
        self.found = found
        self.accepted = accepted

    def __str__(self) -> str:
        return f"the body has {self.found} bytes or more, accepted are at most {self.accepted}"


class EmptyUploadError(DriverActivityError):
    """The request carries no bytes to look at."""


class InvalidUploadError(DriverActivityError):
    """The multipart body is broken, or its fields are not the documented ones."""


class IncomparableModelsError(DriverActivityError):
    """The models to compare are fewer than two, or do not take and answer the same."""


class ModelUnusableError(DriverActivityError):
    """What lies in a model's folder cannot be loaded."""

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(reference, reason)
        self.reference = reference
        self.reason = reason

    def __str__(self) -> str:
        return f"model {self.reference!r} cannot be loaded: {self.reason}"


class UnknownAliasError(DriverActivityError):
    """No alias has that name."""

    def __init__(self, reference: str, known: tuple[str, ...]) -> None:
        super().__init__(reference, known)
        self.reference = reference
        self.known = known

    def __str__(self) -> str:
        return f"unknown alias {self.reference!r}, known: {', '.join(self.known) or 'none'}"


class UninvolvedAliasError(DriverActivityError):
    """The alias leads to none of the models that an experiment compares."""


class NoRecordsError(DriverActivityError):
    """The database of records does not answer."""

    def __str__(self) -> str:
        return "the database of records does not answer"


class DeadlineExceededError(DriverActivityError):
    """The request took longer than a request may take."""

    def __init__(self, accepted_s: float) -> None:
        super().__init__(accepted_s)
        self.accepted_s = accepted_s

    def __str__(self) -> str:
        return f"the request was not answered within {self.accepted_s:g} s"


class ClientDisconnectedError(DriverActivityError):
    """The client went away before it was answered."""


class NotReadyError(DriverActivityError):
    """The service cannot answer yet, or no longer."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(reasons)
        self.reasons = dict(reasons)

    def __str__(self) -> str:
        return "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())


@dataclass(frozen=True)
class ProblemKind:
    """What a client is told of one kind of error.

    Attributes:
        status: HTTP status.
        code: Stable, for programs.
        title: The same for every occurrence, for people.
        is_passing: Whether trying again later may help.
    """

    status: int
    code: str
    title: str
    is_passing: bool = False


INTERNAL_ERROR = ProblemKind(500, "internal_error", "The service failed")
INVALID_REQUEST = ProblemKind(422, "invalid_request", "A parameter is not accepted")
STORAGE_UNAVAILABLE = ProblemKind(507, "storage_unavailable", "The upload cannot be stored", True)
STORAGE_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

PROBLEMS: Mapping[type[DriverActivityError], ProblemKind] = {
    UnauthenticatedError: ProblemKind(401, "unauthenticated", "An API key is needed"),
    ForbiddenError: ProblemKind(403, "forbidden", "The API key does not allow this"),
    UploadTooLargeError: ProblemKind(413, "upload_too_large", "The body is too large"),
    EmptyUploadError: ProblemKind(422, "empty_upload", "There is nothing in the body"),
    InvalidUploadError: ProblemKind(422, "invalid_upload", "The body is not the documented form"),
    IncomparableModelsError: ProblemKind(
        422, "incomparable_models", "These models cannot be compared"
    ),
    UnsupportedMediaError: ProblemKind(415, "unsupported_media", "Not an accepted kind of media"),
    UndecodableMediaError: ProblemKind(422, "undecodable_media", "The media cannot be decoded"),
    MediaTooShortError: ProblemKind(422, "media_too_short", "The video has too few frames"),
    MediaLimitError: ProblemKind(422, "media_limit_exceeded", "The media is over a limit"),
    InvalidFramesError: ProblemKind(422, "invalid_frames", "The frames are of a wrong form"),
    DecodeWorkerDiedError: ProblemKind(422, "decoder_crashed", "The media crashed the decoder"),
    DecodeTimeoutError: ProblemKind(504, "decode_timeout", "Decoding took too long"),
    AliasTakenError: ProblemKind(409, "alias_taken", "A model has the name of the alias"),
    UnknownAliasError: ProblemKind(404, "unknown_alias", "There is no such alias"),
    UninvolvedAliasError: ProblemKind(
        409, "uninvolved_alias", "The alias leads to neither of the experiment's models"
    ),
    UnknownExperimentError: ProblemKind(404, "unknown_experiment", "There is no such experiment"),
    ExperimentExistsError: ProblemKind(409, "experiment_exists", "The experiment's name is taken"),
    OverlappingExperimentsError: ProblemKind(
        409, "overlapping_experiments", "Another experiment has the alias"
    ),
    ExperimentEndedError: ProblemKind(409, "experiment_ended", "The experiment has ended"),
    InvalidFeedbackError: ProblemKind(422, "invalid_feedback", "Feedback fits no record"),
    NoRecordsError: ProblemKind(503, "records_unavailable", "The records cannot be used", True),
    UnknownModelError: ProblemKind(404, "unknown_model", "There is no such model"),
    ModelInUseError: ProblemKind(409, "model_in_use", "Something needs the model"),
    ModelUnusableError: ProblemKind(409, "model_unusable", "The model's folder cannot be used"),
    ModelNotReadyError: ProblemKind(503, "model_not_ready", "The model is not ready", True),
    NotReadyError: ProblemKind(503, "not_ready", "The service is not ready", True),
    RateExceededError: ProblemKind(429, "rate_exceeded", "The client asks too often", True),
    QueueFullError: ProblemKind(503, "queue_full", "Too many requests wait", True),
    ClientDisconnectedError: ProblemKind(499, "abandoned", "The client went away"),
    DeadlineExceededError: ProblemKind(504, "deadline_exceeded", "The request took too long"),
}
"""Every error that a client may cause or meet; any other is an internal error."""

ABANDONED = PROBLEMS[ClientDisconnectedError]
"""What a request was that was canceled before its answer began."""


def install_error_handlers(app: FastAPI) -> None:
    """Make an application answer errors with problem documents."""
    app.add_exception_handler(DriverActivityError, answer_error)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(OSError, _answer_os_error)


def find_kind(error: DriverActivityError) -> ProblemKind:
    """Return what clients are told of an error."""
    return next(
        (PROBLEMS[base] for base in type(error).__mro__ if base in PROBLEMS), INTERNAL_ERROR
    )


def hide_paths(value: Any) -> Any:
    """Return texts, also those in lists and mappings, with file names instead of whole paths."""
    if isinstance(value, str):
        return FOLDERS.sub("", value)
    if isinstance(value, Mapping):
        return {name: hide_paths(item) for name, item in value.items()}
    return [hide_paths(item) for item in value] if isinstance(value, list | tuple) else value


def make_problem(
    kind: ProblemKind, *, request_id: str, detail: str, facts: Mapping[str, Any] | None = None
) -> Problem:
    """Return the problem document of a request that has that id."""
    return Problem(
        type=f"urn:driver-activity:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=hide_paths(detail),
        code=kind.code,
        instance=f"urn:driver-activity:request:{request_id}",
        request_id=request_id,
        **hide_paths(facts or {}),
    )


def answer_problem(
    request: Request,
    kind: ProblemKind,
    *,
    detail: str,
    facts: Mapping[str, Any] | None = None,
    retry_after_s: float = RETRY_AFTER_S,
) -> JSONResponse:
    """Return the problem document of one request, and note its code in the request's record."""
    record = get_record(request)
    record.code = kind.code
    problem = make_problem(kind, request_id=record.request_id, detail=detail, facts=facts)
    return JSONResponse(
        problem.model_dump(mode="json"),
        status_code=kind.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"Retry-After": str(math.ceil(retry_after_s))} if kind.is_passing else None,
    )


def answer_error(request: Request, error: Exception) -> JSONResponse:
    """Return the problem document of an error; one that clients are told nothing of is raised."""
    assert isinstance(error, DriverActivityError)
    kind = find_kind(error)
    if kind is INTERNAL_ERROR:
        raise error
    facts = {name: getattr(error, name) for name in FACTS if hasattr(error, name)}
    retry_after_s = getattr(error, "retry_after_s", RETRY_AFTER_S)
    return answer_problem(
        request, kind, detail=str(error), facts=facts, retry_after_s=retry_after_s
    )


def _answer_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"parameter": ".".join(map(str, fault["loc"][1:])), "reason": fault["msg"]}
        for fault in error.errors()
    ]
    detail = "; ".join(f"{fault['parameter']}: {fault['reason']}" for fault in faults)
    return answer_problem(request, INVALID_REQUEST, detail=detail, facts={"faults": faults})


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's word for bytes that are no text
        return answer_problem(request, INVALID_REQUEST, detail="the body is not JSON in UTF-8")
    phrase = HTTPStatus(error.status_code).phrase
    kind = ProblemKind(error.status_code, phrase.lower().replace(" ", "_"), phrase)
    response = answer_problem(request, kind, detail=str(error.detail))
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = _list_methods(request)
    return response


def _list_methods(request: Request) -> str:
    """Return the methods of all routes of a path; the framework names those of the first."""
    methods = {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.methods and route.path_regex.match(request.url.path)
        for method in route.methods
    }
    return ", ".join(sorted(methods or READING))  # a folder of files has no routes


def _answer_os_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OSError)
    if error.errno not in STORAGE_ERRNOS:
        raise error
    return answer_problem(request, STORAGE_UNAVAILABLE, detail=os.strerror(error.errno))
