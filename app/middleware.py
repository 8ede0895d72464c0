"""Surrounds every request: gives it an id and a record, logs and measures what it did."""

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ABANDONED, INTERNAL_ERROR, answer_problem
from app.headers import add_security_headers
from app.metrics import Metrics
from app.records import STAGES, RequestRecord, choose_request_id

REQUEST_ID_HEADER = "x-request-id"
UNMATCHED = "unmatched"


class RequestMiddleware:
    """The process edge: whatever goes wrong in a request ends here.

    Args:
        app: What answers the request.
        metrics: Where the request is counted.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = structlog.get_logger("driver_activity.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass anything else on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        client_id = request.headers.get(REQUEST_ID_HEADER)
        record = RequestRecord(request_id=choose_request_id(client_id))
        request.state.record = record
        sender = _Sender(send, record)
        self._metrics.begin_request()
        try:
            await self._app(scope, receive, sender)
        except Exception:
            self._log.exception("unexpected_error", request_id=record.request_id)
            if sender.status is None:
                problem = answer_problem(request, INTERNAL_ERROR, detail="see the service's log")
                await problem(scope, receive, sender)
        finally:
            self._finish(scope, record, sender.status)

    def _finish(self, scope: Scope, record: RequestRecord, status: int | None) -> None:
        if status is None:
            record.code, status = ABANDONED.code, ABANDONED.status
        route = getattr(scope.get("route"), "path", UNMATCHED)
        self._metrics.end_request(record, route=route, status=status)
        self._log.info(
            "request",
            request_id=record.request_id,
            route=route,
            status=status,
            code=record.code,
            key=record.key,
            model=",".join(labels.reference for labels in record.models),
            precision=",".join(labels.precision for labels in record.models),
            runtime=",".join(sorted({labels.runtime for labels in record.models})),
            num_bytes=record.num_bytes,
            num_windows=record.num_windows,
            total_s=round(record.elapsed_s, 6),
            **{f"{stage}_s": round(record.seconds_of(stage), 6) for stage in STAGES},
        )


class _Sender:
    """Passes an answer on with the request's id and what protects it, and remembers its status."""

    def __init__(self, send: Send, record: RequestRecord) -> None:
        self._send = send
        self._record = record
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            headers[REQUEST_ID_HEADER] = self._record.request_id
            add_security_headers(headers)
            message = {**message, "headers": headers.raw}
        await self._send(message)
