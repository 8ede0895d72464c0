"""Wires the application in one place."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from app.access.document import describe_access
from app.access.keyring import Keyring
from app.access.middleware import AccessMiddleware
from app.api import aliases, comparisons, docs, experiments, feedback, health, models, predictions
from app.api.documents import ACCESS_PROBLEMS, problem_responses
from app.bodies import BodyMiddleware
from app.errors import install_error_handlers
from app.middleware import RequestMiddleware
from app.service import Service
from app.settings import Settings

DESCRIPTION = """\
Says what a driver is doing: post a video or frames, get activity probabilities over time.

The same network is served in fp32 and in int8; `/v1/comparisons` sets them side by side.
Errors are problem documents (RFC 9457) with a stable `code`.
"""


def create_app(settings: Settings) -> FastAPI:
    """Return a new application; nothing is loaded before it is started, but the keys.

    Raises:
        InvalidKeyFileError: If there is a file of keys that cannot be used.
    """
    service = Service(settings)
    keyring = Keyring(settings.keys_file) if settings.keys_file else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(service.run())
            if keyring:
                await stack.enter_async_context(keyring.watch())
            yield

    # FastAPI's own page asks a server on the internet for its scripts; this has them at hand.
    app = FastAPIOffline(
        title="driver-activity",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the address would be made of the client's Host header
        lifespan=lifespan,
    )
    app.state.service = service
    _add_middleware(app, service, keyring)
    install_error_handlers(app)
    _add_routes(app)
    return app


def _add_middleware(app: FastAPI, service: Service, keyring: Keyring | None) -> None:
    """Surround the routes; what is added last is the outermost."""
    settings = service.settings
    app.add_middleware(
        BodyMiddleware,
        max_bytes=settings.max_document_bytes,
        timeout_s=settings.request_timeout_s,
    )
    if keyring:
        service.metrics.watch_keys(lambda: keyring.is_current)
        app.add_middleware(AccessMiddleware, keyring=keyring)
    app.add_middleware(RequestMiddleware, metrics=service.metrics)


def _add_routes(app: FastAPI) -> None:
    refusals = problem_responses(*ACCESS_PROBLEMS)
    for module in (predictions, comparisons, experiments, feedback, models, aliases):
        app.include_router(module.router, responses=refusals)
    for router in (health.router, docs.router):
        app.include_router(router)
    make_document = app.openapi

    def openapi() -> dict[str, Any]:
        return app.openapi_schema or describe_access(make_document())

    app.openapi = openapi  # type: ignore[method-assign]
