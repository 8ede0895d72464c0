"""Feedback: what drivers really did, said later."""

import csv
import io
from typing import Any

from fastapi import APIRouter, Request
from pydantic import TypeAdapter, ValidationError

from app.api.dependencies import ServiceDep
from app.api.documents import BODY_PROBLEMS, describe_body, problem_responses
from app.errors import (
    INVALID_REQUEST,
    PROBLEMS,
    EmptyUploadError,
    InvalidUploadError,
    NoRecordsError,
)
from app.experiments.store.errors import InvalidFeedbackError
from app.schemas import FeedbackAnswer, FeedbackItem
from models.errors import UnsupportedMediaError
from models.faults import word_faults

router = APIRouter(prefix="/v1/feedback", tags=["experiments"])
ITEMS: TypeAdapter[list[FeedbackItem]] = TypeAdapter(list[FeedbackItem])
COLUMNS = ["request_id", "label"]
CSV_TYPE = "text/csv"
MAX_FAULTS = 10
JSON_TYPE = "application/json"
ITEM_SCHEMA: dict[str, Any] = FeedbackItem.model_json_schema()
BODIES = {
    JSON_TYPE: {"schema": {"oneOf": [ITEM_SCHEMA, {"type": "array", "items": ITEM_SCHEMA}]}},
    CSV_TYPE: {
        "schema": {"type": "string", "description": f"With a first line {','.join(COLUMNS)}."}
    },
}


@router.post(
    "",
    responses=problem_responses(
        INVALID_REQUEST,
        *BODY_PROBLEMS,
        *(
            PROBLEMS[error]
            for error in (
                EmptyUploadError,
                InvalidUploadError,
                UnsupportedMediaError,
                InvalidFeedbackError,
                NoRecordsError,
            )
        ),
    ),
    openapi_extra=describe_body(BODIES),
)
async def give_feedback(request: Request, service: ServiceDep) -> FeedbackAnswer:
    """Say what the drivers of earlier requests really did: all of it is kept, or nothing.

    The latest word on a request counts.
    """
    items = _parse(await request.body(), content_type=request.headers.get("content-type", ""))
    return FeedbackAnswer(num_labeled=await service.experiments.desk.label(items))


def _parse(body: bytes, *, content_type: str) -> list[FeedbackItem]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in BODIES:
        accepted = ", ".join(BODIES)
        raise UnsupportedMediaError(f"content type is {content_type!r}, accepted are {accepted}")
    try:
        items = _parse_json(body) if kind == JSON_TYPE else _parse_csv(body)
    except ValidationError as exc:
        raise InvalidUploadError(_word(exc)) from exc
    if not items:
        raise EmptyUploadError("the body has no feedback")
    return items


def _parse_json(body: bytes) -> list[FeedbackItem]:
    if body.lstrip().startswith(b"{"):
        return [FeedbackItem.model_validate_json(body)]
    return ITEMS.validate_json(body)


def _parse_csv(body: bytes) -> list[FeedbackItem]:
    try:
        rows = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        if rows.fieldnames != COLUMNS:
            raise InvalidUploadError(
                f"the first line is {rows.fieldnames}, must be {','.join(COLUMNS)}"
            )
        return ITEMS.validate_python(list(rows))
    except (csv.Error, UnicodeDecodeError) as exc:
        raise InvalidUploadError(f"the body is not CSV in UTF-8: {exc}") from exc


def _word(error: ValidationError) -> str:
    """Return the first faults, with the number of the item that each is in."""
    faults = word_faults(error, whole="body")
    rest = [f"and {len(faults) - MAX_FAULTS} more"] if len(faults) > MAX_FAULTS else []
    return "; ".join([*faults[:MAX_FAULTS], *rest])
