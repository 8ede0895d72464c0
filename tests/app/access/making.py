"""Makes key files, and clients that hold a key."""

from pathlib import Path

import httpx

from app.access.commands import run_command
from tests.app.running import Running


def add_key(path: Path, name: str, scopes: str, *more: str) -> str:
    """Add a key to a file as an operator does; return its secret."""
    return run_command(["add", name, "--scopes", scopes, "--keys-file", str(path), *more])


def with_key(running: Running, secret: str) -> httpx.Client:
    """Return a client of a running service that sends a key."""
    return httpx.Client(
        base_url=running.client.base_url, headers={"Authorization": f"Bearer {secret}"}, timeout=30
    )
