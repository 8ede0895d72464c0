"""Wires the application in one place."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from app.api import aliases, comparisons, experiments, feedback, health, models, predictions
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
    """Return a new application; nothing is loaded before it is started."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.run():
            yield

    # FastAPI's own /docs asks a server on the internet for its scripts.
    app = FastAPIOffline(
        title="driver-activity",
        version="1",
        description=DESCRIPTION,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.add_middleware(RequestMiddleware, metrics=service.metrics)
    install_error_handlers(app)
    for module in (predictions, comparisons, experiments, feedback, models, aliases, health):
        app.include_router(module.router)
    return app
