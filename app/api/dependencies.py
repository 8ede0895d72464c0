"""What endpoints ask for; all of it async, or FastAPI would start a thread for each."""

from typing import Annotated

from fastapi import Depends, Request

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


ServiceDep = Annotated[Service, Depends(get_service)]
RecordDep = Annotated[RequestRecord, Depends(record_of)]
