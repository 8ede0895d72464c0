"""The models that the project ships, as the service finds them."""

from app.settings import Settings
from models.registry import ModelRegistry


def shipped_models() -> ModelRegistry:
    """Return the registry of the service's default settings, on openvino and one thread.

    Nothing is loaded; `default` resolves to the int8 model.
    """
    settings = Settings()
    return ModelRegistry(
        settings.model_dir,
        requested=settings.models,
        aliases=settings.all_aliases,
        runtime_name="openvino",
        num_threads=1,
    )
