"""Which models are installed, what has become of them, and how they are loaded and unloaded."""

from fastapi import APIRouter

from app.api.dependencies import ServiceDep
from app.api.documents import problem_responses
from app.errors import INVALID_REQUEST, PROBLEMS, ModelUnusableError
from app.schemas import ModelAnswer, ModelListAnswer
from models.card import ModelReference
from models.errors import ModelInUseError, UnknownModelError
from models.installed import RegistryEntry
from models.registry import ModelRegistry

router = APIRouter(prefix="/v1/models", tags=["models"])
UNKNOWN = (INVALID_REQUEST, PROBLEMS[UnknownModelError])


@router.get("")
async def list_models(service: ServiceDep) -> ModelListAnswer:
    """List every installed version of every model, with its card and its state."""
    registry = service.registry
    return ModelListAnswer(models=[_describe(registry, entry) for entry in registry.entries])


@router.get("/{reference}", responses=problem_responses(*UNKNOWN))
async def get_model(reference: str, service: ServiceDep) -> ModelAnswer:
    """Show the model that a `name`, `name@version` or alias leads to."""
    return _describe(service.registry, service.registry.resolve(reference))


@router.post(
    "/{reference}/load",
    responses=problem_responses(*UNKNOWN, PROBLEMS[ModelInUseError], PROBLEMS[ModelUnusableError]),
)
async def load_model(reference: ModelReference, service: ServiceDep) -> ModelAnswer:
    """Load what lies in a model's folder now, also in the place of what was loaded before.

    It takes over when it is loaded, warmed up and checked; requests under way keep the model that
    they began with. If it cannot be loaded, what was loaded before answers on.
    """
    return _describe(service.registry, await service.models.load(reference))


@router.post(
    "/{reference}/unload", responses=problem_responses(*UNKNOWN, PROBLEMS[ModelInUseError])
)
async def unload_model(reference: ModelReference, service: ServiceDep) -> ModelAnswer:
    """Unload a model that no alias leads to and no experiment compares.

    Requests under way are answered by it; then its memory is free.
    """
    return _describe(service.registry, await service.models.unload(reference))


def _describe(registry: ModelRegistry, entry: RegistryEntry) -> ModelAnswer:
    return ModelAnswer(
        reference=entry.reference,
        aliases=registry.aliases_of(entry),
        state=entry.state,
        reason=entry.reason,
        runtime=registry.runtime_name,
        card=entry.card,
    )
