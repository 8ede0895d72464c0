"""Runs the service: `python -m app`, with a flag for every setting; see `--help`.

`python -m app report NAME` reports on an experiment instead, `python -m app key` edits the keys.
"""

import signal
import sys

from app.access.commands import run_command
from app.access.file import InvalidKeyFileError
from app.experiments.reporting import write_report
from app.logs import configure_logging
from app.main import create_app
from app.memory import share_one_heap, spare_collections
from app.server import make_server
from app.settings import ReportSettings, Settings, parse_report_settings, parse_settings
from models.errors import DriverActivityError, UnsafeFolderError

EXIT_NOT_STARTED = 3  # what uvicorn's own command line gives


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is in flight and return.

    Raises:
        SystemExit: If the service cannot start.
    """
    try:
        app = create_app(settings)
    except InvalidKeyFileError as exc:
        raise SystemExit(f"python -m app: error: {exc}; see python -m app key add --help") from exc
    except UnsafeFolderError as exc:
        raise SystemExit(f"python -m app: error: --compiled-dir: {exc}") from exc
    # The server raises the signal that ended it once more, which must not kill what ended well.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = make_server(app, settings)
    spare_collections()
    server.run()
    if not server.started:
        raise SystemExit(EXIT_NOT_STARTED)


def report(settings: ReportSettings) -> None:
    """Write the report of an experiment to the standard output.

    Raises:
        SystemExit: If it cannot be made.
    """
    try:
        text = write_report(settings.records_url, settings.name, settings.form, settings.model_dir)
    except DriverActivityError as exc:
        raise SystemExit(f"python -m app report: error: {exc}") from exc
    sys.stdout.write(text)


def main() -> None:
    """Read the settings from environment and command line; serve, report, or edit the keys."""
    if sys.argv[1:2] == ["key"]:
        print(run_command(sys.argv[2:]))
        return
    if sys.argv[1:2] == ["report"]:
        report(parse_report_settings(sys.argv[2:]))
        return
    settings = parse_settings(sys.argv[1:])
    configure_logging(settings.log_level)
    share_one_heap()
    serve(settings)


if __name__ == "__main__":
    main()
