"""Takes in an upload and waits for its answer, within limits of time and number."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import ClientDisconnectedError, DeadlineExceededError
from app.gates import QueueFullError
from app.headstarts import Begin
from app.records import get_record
from app.service import Options, Service
from app.uploads import Upload, UploadKind, UploadLimits, open_spool, receive_upload
from models.spec import ClipSpec

T = TypeVar("T")
REFUSAL_S = 0.1
"""How long a refusal for a full queue is held back: clients that ask again at once, without heeding
`Retry-After`, would take a third of the processor from those that are answered."""


async def answer_upload(
    request: Request,
    service: Service,
    *,
    timeout_s: float,
    kinds: frozenset[UploadKind],
    spec: ClipSpec,
    options: Options,
    work: Callable[[Upload], Coroutine[None, None, T]],
) -> T:
    """Receive a request's body, and return what is made of it.

    Args:
        request: Its body has not been read yet.
        service: Sets the limits.
        timeout_s: How long it may take.
        kinds: What may be uploaded.
        spec: What a window is.
        options: What the client chose.
        work: Makes the answer; canceled when the client goes away or the time is over.

    Raises:
        RateExceededError: If the client asks too often.
        QueueFullError: If as many uploads are held as may be, or as much work waits as may.
        DeadlineExceededError: If the time is over.
        ClientDisconnectedError: If the client went away.
    """
    record = get_record(request)
    service.rates.admit(_client_of(request))
    async with (
        service.uploads.enter(),
        _refusal_held_back(),
        _deadline(timeout_s),
        open_spool(service.spool) as folder,
        service.head_starts.allow(partial(service.decode_arriving, spec, options)) as begin,
    ):
        with record.measure("upload"):
            upload = await _receive(request, service, folder, kinds=kinds, begin=begin)
        record.num_bytes = upload.num_bytes
        return await _until_disconnect(request, work(upload))


def _client_of(request: Request) -> str:
    """Return who asks, by the name of the API key or else by address."""
    address = request.client.host if request.client else ""
    return get_record(request).key or address


@asynccontextmanager
async def _refusal_held_back() -> AsyncIterator[None]:
    """Let a refusal wait; within an upload's place, which bounds how many are held with a body."""
    try:
        yield
    except QueueFullError:
        await asyncio.sleep(REFUSAL_S)
        raise


@asynccontextmanager
async def _deadline(timeout_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as exc:
        raise DeadlineExceededError(timeout_s) from exc


async def _receive(
    request: Request,
    service: Service,
    folder: Path,
    *,
    kinds: frozenset[UploadKind],
    begin: Begin,
) -> Upload:
    settings = service.settings
    limits = UploadLimits(max_bytes=settings.max_upload_bytes, max_parts=settings.max_frames)
    try:
        return await receive_upload(request, folder, kinds=kinds, limits=limits, begin=begin)
    except ClientDisconnect as exc:
        raise ClientDisconnectedError from exc


async def _until_disconnect(request: Request, work: Coroutine[None, None, T]) -> T:
    """Return what the work gives, or cancel it when the client goes away."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_watch_disconnect(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnectedError
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _watch_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
