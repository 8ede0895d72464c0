"""Whether the service lives and is ready, and what Prometheus scrapes."""

from fastapi import APIRouter, Response

from app.api.dependencies import ServiceDep
from app.api.documents import ACCESS_PROBLEMS, problem_responses
from app.errors import PROBLEMS, NotReadyError
from app.metrics import MEDIA_TYPE
from app.schemas import HealthAnswer

router = APIRouter(tags=["operation"])


@router.get("/health/live")
async def live() -> HealthAnswer:
    """Say that the process answers; says nothing about models."""
    return HealthAnswer(status="live")


@router.get("/health/ready", responses=problem_responses(PROBLEMS[NotReadyError]))
async def ready(service: ServiceDep) -> HealthAnswer:
    """Say whether every model asked for is loaded and warmed up, else why not."""
    if service.problems:
        raise NotReadyError(service.problems)
    return HealthAnswer(status="ready")


@router.get("/metrics", response_class=Response, responses=problem_responses(*ACCESS_PROBLEMS))
def metrics(service: ServiceDep) -> Response:
    """Return all metrics in Prometheus's text format."""
    return Response(service.metrics.render(), media_type=MEDIA_TYPE)
