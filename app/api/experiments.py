"""Experiments: which models are compared on live traffic, and what came of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from app.api.dependencies import ServiceDep
from app.api.documents import BODY_PROBLEMS, problem_responses
from app.errors import (
    INVALID_REQUEST,
    PROBLEMS,
    DeadlineExceededError,
    IncomparableModelsError,
    ModelUnusableError,
    NoRecordsError,
    UninvolvedAliasError,
)
from app.experiments.definition import Experiment
from app.experiments.store.errors import (
    ExperimentEndedError,
    ExperimentExistsError,
    OverlappingExperimentsError,
    UnknownExperimentError,
)
from app.gates import QueueFullError
from app.schemas import ExperimentAnswer, ExperimentChange, ExperimentListAnswer
from models.card import NAME_PATTERN
from models.errors import ModelNotReadyError, UnknownModelError

router = APIRouter(prefix="/v1/experiments", tags=["experiments"])
Name = Annotated[str, Path(pattern=f"^{NAME_PATTERN}$")]
COMMON = (INVALID_REQUEST, PROBLEMS[NoRecordsError])
KNOWN = (*COMMON, PROBLEMS[UnknownExperimentError])
REPORT = (*KNOWN, PROBLEMS[QueueFullError], PROBLEMS[DeadlineExceededError])
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}}}


@router.get("", responses=problem_responses(*COMMON))
async def list_experiments(service: ServiceDep) -> ExperimentListAnswer:
    """List every experiment, the newest first."""
    return ExperimentListAnswer(experiments=await service.experiments.desk.list_all())


@router.post(
    "",
    status_code=201,
    responses=problem_responses(
        *COMMON,
        *BODY_PROBLEMS,
        *(
            PROBLEMS[error]
            for error in (
                ExperimentExistsError,
                OverlappingExperimentsError,
                UninvolvedAliasError,
                UnknownModelError,
                ModelNotReadyError,
                ModelUnusableError,
                IncomparableModelsError,
            )
        ),
    ),
)
async def create_experiment(experiment: Experiment, service: ServiceDep) -> ExperimentAnswer:
    """Begin an experiment.

    Its alias must lead to one of its models, and no other experiment may be on that alias.
    """
    return await service.experiments.desk.create(experiment)


@router.get("/{name}", responses=problem_responses(*KNOWN))
async def get_experiment(name: Name, service: ServiceDep) -> ExperimentAnswer:
    """Show an experiment and its audit trail."""
    return await service.experiments.desk.get(name)


@router.patch(
    "/{name}",
    responses=problem_responses(*KNOWN, *BODY_PROBLEMS, PROBLEMS[ExperimentEndedError]),
)
async def change_experiment(
    name: Name, change: ExperimentChange, service: ServiceDep
) -> ExperimentAnswer:
    """Pause an experiment, let it run again, end it, or change its share."""
    return await service.experiments.desk.change(name, change)


@router.get("/{name}/report", responses={**problem_responses(*REPORT), **PAGE})
async def report(name: Name, request: Request, service: ServiceDep) -> Response:
    """Report what the records of an experiment say so far.

    JSON, or a page with plots for who accepts `text/html`, as browsers do.
    """
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(await service.experiments.desk.report(name, form="html"))
    return Response(
        await service.experiments.desk.report(name, form="json"), media_type="application/json"
    )
