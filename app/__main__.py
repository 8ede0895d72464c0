"""Runs the service: `python -m app`, with a flag for every setting; see `--help`."""

import math
import signal
import sys
from types import FrameType

import uvicorn

from app.logs import configure_logging
from app.main import create_app
from app.service import Service
from app.settings import Settings, parse_settings

EXIT_NOT_STARTED = 3  # what uvicorn's own command line gives


class Server(uvicorn.Server):
    """A server that is not ready any more as soon as it is asked to end."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin a clean shutdown."""
        self._service.withdraw()
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is in flight and return.

    Raises:
        SystemExit: If the service cannot start.
    """
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="httptools",
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_s),
    )
    # The server raises the signal that ended it once more, which must not kill what ended well.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = Server(config, app.state.service)
    server.run()
    if not server.started:
        raise SystemExit(EXIT_NOT_STARTED)


def main() -> None:
    """Read the settings from environment and command line, and serve."""
    settings = parse_settings(sys.argv[1:])
    configure_logging(settings.log_level)
    serve(settings)


if __name__ == "__main__":
    main()
