"""Aliases: which model a name leads to, and who moved it."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.dependencies import ServiceDep
from app.api.documents import BODY_PROBLEMS, problem_responses
from app.errors import INVALID_REQUEST, PROBLEMS, NoRecordsError, UnknownAliasError
from app.schemas import AliasAnswer, AliasListAnswer, AliasMove
from models.card import NAME_PATTERN
from models.errors import AliasTakenError, ModelNotReadyError, UnknownModelError

router = APIRouter(prefix="/v1/aliases", tags=["models"])
Alias = Annotated[str, Path(pattern=f"^{NAME_PATTERN}$")]
COMMON = (INVALID_REQUEST, PROBLEMS[NoRecordsError])


@router.get("", responses=problem_responses(*COMMON))
async def list_aliases(service: ServiceDep) -> AliasListAnswer:
    """List every alias and its audit trail."""
    return AliasListAnswer(aliases=await service.experiments.desk.list_aliases())


@router.get("/{alias}", responses=problem_responses(*COMMON, PROBLEMS[UnknownAliasError]))
async def get_alias(alias: Alias, service: ServiceDep) -> AliasAnswer:
    """Show where an alias leads, and how it came to that."""
    return await service.experiments.desk.get_alias(alias)


@router.put(
    "/{alias}",
    responses=problem_responses(
        *COMMON,
        *BODY_PROBLEMS,
        PROBLEMS[AliasTakenError],
        PROBLEMS[UnknownModelError],
        PROBLEMS[ModelNotReadyError],
    ),
)
async def move_alias(alias: Alias, move: AliasMove, service: ServiceDep) -> AliasAnswer:
    """Let an alias lead to another model, at once; requests under way keep theirs."""
    return await service.experiments.desk.move_alias(alias, move.model, reason=move.reason)
