"""Bounds what is read of request bodies, in bytes and in time."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.rules import find_rule
from app.errors import (
    ClientDisconnectedError,
    DeadlineExceededError,
    UploadTooLargeError,
    answer_error,
)


class BodyMiddleware:
    """Takes in every body that is no upload, before anything else sees the request.

    A route that reads an upload does so itself, with limits of its own.

    Args:
        app: What answers the request.
        max_bytes: Most bytes of a body.
        timeout_s: Longest time that a body may take to arrive.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_s: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] != "http" or find_rule(scope["method"], scope["path"]).takes_upload:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await self._read(request)
        except (UploadTooLargeError, DeadlineExceededError, ClientDisconnectedError) as exc:
            await answer_error(request, exc)(scope, receive, send)
        else:
            await self._app(scope, _replay(body, receive), send)

    async def _read(self, request: Request) -> bytes:
        chunks = count_bytes(request, self._max_bytes, limit="max_document_bytes")
        try:
            async with asyncio.timeout(self._timeout_s):
                return b"".join([chunk async for chunk in chunks])
        except TimeoutError as exc:
            raise DeadlineExceededError(self._timeout_s) from exc
        except ClientDisconnect as exc:
            raise ClientDisconnectedError from exc


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, then whatever else comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


async def count_bytes(request: Request, max_bytes: int, *, limit: str) -> AsyncIterator[bytes]:
    """Yield the chunks of a body; refuse it as soon as it is known to be too large.

    Args:
        request: Its body has not been read yet.
        max_bytes: Most bytes that are accepted.
        limit: Name of the setting, for the answer.

    Raises:
        UploadTooLargeError: If the body is larger; at most that much is read.
    """
    announced = request.headers.get("content-length", "0")
    found = int(announced) if announced.isdecimal() else 0
    if found > max_bytes:
        raise UploadTooLargeError(found, max_bytes, limit=limit)
    num_bytes = 0
    async for chunk in request.stream():
        num_bytes += len(chunk)
        if num_bytes > max_bytes:
            raise UploadTooLargeError(num_bytes, max_bytes, limit=limit)
        yield chunk
