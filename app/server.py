"""The HTTP server around the application."""

import math
import resource
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from app.connections import LimitedConfig
from app.service import Service
from app.settings import Settings

OTHER_DESCRIPTORS = 512
"""Files that are no connections: uploads, records, models, pipes to workers."""


class Server(uvicorn.Server):
    """A server that is not ready any more as soon as it is asked to end."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin a clean shutdown."""
        self._service.withdraw()
        super().handle_exit(sig, frame)


def make_server(app: FastAPI, settings: Settings) -> Server:
    """Return a server of an application that `create_app` made."""
    config = LimitedConfig(
        app,
        max_connections=reserve_descriptors(settings.max_connections),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_s),
    )
    return Server(config, app.state.service)


def reserve_descriptors(num_connections: int) -> int:
    """Let this process open as many files as it needs, and return how many may be connections.

    Where the system allows fewer, that is logged, and all but a reserve are for connections.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = num_connections + OTHER_DESCRIPTORS
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed == needed:
        return num_connections
    num_left = max(allowed // 2, allowed - OTHER_DESCRIPTORS)
    log = structlog.get_logger("driver_activity.service")
    log.warning("connections_limited", num_connections=num_left, num_descriptors=allowed)
    return num_left
