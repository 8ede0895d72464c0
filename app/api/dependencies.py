"""What endpoints ask for."""

from typing import Annotated

from fastapi import Depends, Request

from app.records import RequestRecord, get_record
from app.service import Service


def get_service(request: Request) -> Service:
    """Return the service that the application was made with."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
RecordDep = Annotated[RequestRecord, Depends(get_record)]
