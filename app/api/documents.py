"""What /docs says beyond the code: bodies that are read by hand, and problem documents."""

from collections.abc import Mapping
from typing import Any

from app.decoding import DecodeTimeoutError, DecodeWorkerDiedError
from app.errors import (
    INVALID_REQUEST,
    PROBLEM_MEDIA_TYPE,
    PROBLEMS,
    STORAGE_UNAVAILABLE,
    DeadlineExceededError,
    EmptyUploadError,
    ForbiddenError,
    InvalidUploadError,
    ProblemKind,
    UnauthenticatedError,
    UploadTooLargeError,
)
from app.gates import QueueFullError
from app.rates import RateExceededError
from app.schemas import Problem
from app.uploads import BARE_VIDEO_TYPES, MULTIPART_TYPE, NPY_TYPE
from models.errors import (
    InvalidFramesError,
    MediaLimitError,
    MediaTooShortError,
    ModelNotReadyError,
    UndecodableMediaError,
    UnknownModelError,
    UnsupportedMediaError,
)

BINARY = {"type": "string", "format": "binary"}
VIDEO_BODIES: Mapping[str, Any] = {
    MULTIPART_TYPE: {
        "schema": {
            "type": "object",
            "required": ["clip"],
            "properties": {"clip": {**BINARY, "description": "A video, such as an MP4 file."}},
        }
    },
    **{media_type: {"schema": BINARY} for media_type in BARE_VIDEO_TYPES},
}
FRAMES_BODIES: Mapping[str, Any] = {
    MULTIPART_TYPE: {
        "schema": {
            "type": "object",
            "required": ["frames"],
            "properties": {
                "frames": {
                    "type": "array",
                    "minItems": 1,
                    "items": BINARY,
                    "description": "JPEG or PNG images of one size, in their order.",
                }
            },
        }
    },
    NPY_TYPE: {
        "schema": {
            **BINARY,
            "description": "A uint8 array (T, H, W, 3) of RGB frames, or (N, T, H, W, 3) of "
            "windows that are answered one by one.",
        }
    },
}


UPLOAD_PROBLEMS: tuple[ProblemKind, ...] = (
    INVALID_REQUEST,
    STORAGE_UNAVAILABLE,
    *(
        PROBLEMS[error]
        for error in (
            UploadTooLargeError,
            EmptyUploadError,
            InvalidUploadError,
            UnsupportedMediaError,
            UndecodableMediaError,
            MediaTooShortError,
            MediaLimitError,
            InvalidFramesError,
            DecodeWorkerDiedError,
            DecodeTimeoutError,
            UnknownModelError,
            ModelNotReadyError,
            RateExceededError,
            QueueFullError,
            DeadlineExceededError,
        )
    ),
)
"""What may be wrong with any upload."""
BODY_PROBLEMS = tuple(PROBLEMS[error] for error in (UploadTooLargeError, DeadlineExceededError))
"""What may be wrong with the body of any other request."""
ACCESS_PROBLEMS = tuple(PROBLEMS[error] for error in (UnauthenticatedError, ForbiddenError))
"""What may be wrong with the key of a request."""


def join_bodies(*bodies: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bodies of an endpoint that takes what several others take."""
    joined: dict[str, Any] = {}
    for body in bodies:
        for media_type, content in body.items():
            alternatives = joined.setdefault(media_type, {"schema": {"oneOf": []}})
            alternatives["schema"]["oneOf"].append(content["schema"])
    return joined


def describe_body(bodies: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI part of an endpoint that reads its body itself."""
    return {"requestBody": {"required": True, "content": dict(bodies)}}


def problem_responses(*kinds: ProblemKind) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI part of the problems that an endpoint may answer, by status."""
    by_status: dict[int, list[ProblemKind]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _describe(same) for status, same in sorted(by_status.items())}


def _describe(kinds: list[ProblemKind]) -> dict[str, Any]:
    return {
        "model": Problem,
        "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "examples": {kind.code: {"value": _example(kind)} for kind in kinds}
            }
        },
    }


def _example(kind: ProblemKind) -> dict[str, Any]:
    return {
        "type": f"urn:driver-activity:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.title,
        "code": kind.code,
        "instance": "urn:driver-activity:request:6f1f0b6ec1c94c0e8a3d5f6d8a1b2c3d",
        "request_id": "6f1f0b6ec1c94c0e8a3d5f6d8a1b2c3d",
    }
