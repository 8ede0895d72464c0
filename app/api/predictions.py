"""What a driver does, according to one model."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.answers import predict
from app.api.dependencies import RecordDep, ServiceDep, TimeoutDep
from app.api.documents import (
    FRAMES_BODIES,
    UPLOAD_PROBLEMS,
    VIDEO_BODIES,
    describe_body,
    problem_responses,
)
from app.api.exchange import answer_upload
from app.api.queries import FramesQuery, PredictionQuery
from app.records import RequestRecord, label_model
from app.schemas import PredictionAnswer
from app.service import Service
from app.uploads import FRAMES_KINDS, VIDEO_KINDS, UploadKind

router = APIRouter(prefix="/v1/predictions", tags=["predictions"])
RESPONSES = problem_responses(*UPLOAD_PROBLEMS)


@router.post("", responses=RESPONSES, openapi_extra=describe_body(VIDEO_BODIES))
async def predict_video(
    request: Request,
    query: Annotated[PredictionQuery, Query()],
    service: ServiceDep,
    record: RecordDep,
    timeout_s: TimeoutDep,
) -> PredictionAnswer:
    """Answer a video: multipart field `clip`, or its bare bytes as the body.

    A video longer than one window is answered as a list of windows; a later window is answered
    if the video covers half of it or more. What a window lacks at its end is filled by repeating
    the last frame, and `num_padded_frames` says how often.

    A video that takes long to arrive is decoded meanwhile if it can be read in one go: Matroska,
    WebM, MPEG-TS, and MP4 or MOV whose whole index comes first (`-movflags +faststart`).
    """
    return await _predict(request, service, query, record, timeout_s=timeout_s, kinds=VIDEO_KINDS)


@router.post("/frames", responses=RESPONSES, openapi_extra=describe_body(FRAMES_BODIES))
async def predict_frames(
    request: Request,
    query: Annotated[FramesQuery, Query()],
    service: ServiceDep,
    record: RecordDep,
    timeout_s: TimeoutDep,
) -> PredictionAnswer:
    """Answer frames: JPEG or PNG parts named `frames`, or one `.npy` array as the body.

    Images and arrays (T, H, W, 3) are a video of `frame_rate_hz`; arrays (N, T, H, W, 3) are N
    windows.
    """
    return await _predict(request, service, query, record, timeout_s=timeout_s, kinds=FRAMES_KINDS)


async def _predict(
    request: Request,
    service: Service,
    query: PredictionQuery,
    record: RequestRecord,
    *,
    timeout_s: float,
    kinds: frozenset[UploadKind],
) -> PredictionAnswer:
    trial = service.experiments.begin(query.model, request.headers, record)
    classifier = trial.arms[trial.served] if trial else service.registry.get(query.model)
    record.models = (label_model(classifier),)
    with service.experiments.observe(trial, record):
        return await answer_upload(
            request,
            service,
            timeout_s=timeout_s,
            kinds=kinds,
            spec=classifier.card.spec,
            options=query.options,
            work=lambda upload: predict(
                service,
                upload,
                classifier=classifier,
                options=query.options,
                record=record,
                trial=trial,
            ),
        )
