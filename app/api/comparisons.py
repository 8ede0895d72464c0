"""What several models say of the same windows."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.answers import choose_compared, compare_models
from app.api.dependencies import RecordDep, ServiceDep, TimeoutDep
from app.api.documents import (
    FRAMES_BODIES,
    UPLOAD_PROBLEMS,
    VIDEO_BODIES,
    describe_body,
    join_bodies,
    problem_responses,
)
from app.api.exchange import answer_upload
from app.api.queries import ComparisonQuery
from app.errors import PROBLEMS, IncomparableModelsError
from app.records import label_model
from app.schemas import ComparisonAnswer
from app.uploads import FRAMES_KINDS, VIDEO_KINDS

router = APIRouter(prefix="/v1/comparisons", tags=["comparisons"])


@router.post(
    "",
    responses=problem_responses(*UPLOAD_PROBLEMS, PROBLEMS[IncomparableModelsError]),
    openapi_extra=describe_body(join_bodies(VIDEO_BODIES, FRAMES_BODIES)),
)
async def compare(
    request: Request,
    query: Annotated[ComparisonQuery, Query()],
    service: ServiceDep,
    record: RecordDep,
    timeout_s: TimeoutDep,
) -> ComparisonAnswer:
    """Decode an upload once and answer it by two models or more.

    Takes whatever `/v1/predictions` and `/v1/predictions/frames` take. Every further model is
    compared with the first one.
    """
    classifiers = choose_compared(service.registry, query.models)
    record.models = tuple(label_model(classifier) for classifier in classifiers)
    return await answer_upload(
        request,
        service,
        timeout_s=timeout_s,
        kinds=VIDEO_KINDS | FRAMES_KINDS,
        spec=classifiers[0].card.spec,
        options=query.options,
        work=lambda upload: compare_models(
            service, upload, classifiers=classifiers, options=query.options, record=record
        ),
    )
