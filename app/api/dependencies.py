"""What endpoints ask for; all of it async, or FastAPI would start a thread for each."""

from typing import Annotated

from fastapi import Depends, Header, Request

from app.records import RequestRecord, get_record
from app.service import Service


async def get_service(request: Request) -> Service:
    """Return the service that the application was made with."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


async def record_of(request: Request) -> RequestRecord:
    """Return the record of a request."""
    return get_record(request)


async def choose_timeout(
    request: Request,
    x_request_timeout_ms: Annotated[
        int | None,
        Header(
            ge=1,
            le=3_600_000,
            description="Milliseconds after which nobody waits for the answer any more, if that "
            "is less than the service's own limit; what is not done by then is given up.",
        ),
    ] = None,
) -> float:
    """Return how long a request may take, in seconds."""
    limit_s: float = (await get_service(request)).settings.request_timeout_s
    return limit_s if x_request_timeout_ms is None else min(limit_s, x_request_timeout_ms / 1e3)


ServiceDep = Annotated[Service, Depends(get_service)]
RecordDep = Annotated[RequestRecord, Depends(record_of)]
TimeoutDep = Annotated[float, Depends(choose_timeout)]
