"""Which models are installed, and what has become of them."""

from fastapi import APIRouter

from app.api.dependencies import ServiceDep
from app.api.documents import problem_responses
from app.errors import INVALID_REQUEST, PROBLEMS
from app.schemas import ModelAnswer, ModelListAnswer
from models.errors import UnknownModelError
from models.installed import RegistryEntry
from models.registry import ModelRegistry

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("")
async def list_models(service: ServiceDep) -> ModelListAnswer:
    """List every installed version of every model, with its card and its state."""
    registry = service.registry
    return ModelListAnswer(models=[_describe(registry, entry) for entry in registry.entries])


@router.get(
    "/{reference}", responses=problem_responses(INVALID_REQUEST, PROBLEMS[UnknownModelError])
)
async def get_model(reference: str, service: ServiceDep) -> ModelAnswer:
    """Show the model that a `name`, `name@version` or alias leads to."""
    return _describe(service.registry, service.registry.resolve(reference))


def _describe(registry: ModelRegistry, entry: RegistryEntry) -> ModelAnswer:
    return ModelAnswer(
        reference=entry.reference,
        aliases=registry.aliases_of(entry),
        state=entry.state,
        reason=entry.reason,
        runtime=registry.runtime_name,
        card=entry.card,
    )
