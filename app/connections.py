"""Bounds what a connection may hold: time without a request, bytes of headers, answers not taken.

Uvicorn leaves these open: it never closes a connection that sends no request, takes headers of any
length, and waits for ever for a client that does not read.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError
from starlette.datastructures import MutableHeaders
from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.errors import PROBLEM_MEDIA_TYPE, ProblemKind, make_problem
from app.headers import add_security_headers
from app.records import choose_request_id

MAX_HEAD_BYTES = 16 * 1024
"""Of address and headers, as in Node.js (its `--max-http-header-size`)."""
HEAD_TIMEOUT_S = 10.0
"""From the connection, or the first byte of a further request, to the end of its headers."""
REST_TIMEOUT_S = 5.0
"""For what is left of a body that was answered before it had arrived."""
WRITE_TIMEOUT_S = 30.0
"""For a client that does not take its answer."""

MALFORMED = ProblemKind(400, "malformed_request", "The request is not HTTP")
HEAD_TOO_LARGE = ProblemKind(431, "head_too_large", "Address and headers are too large")
HEAD_TOO_SLOW = ProblemKind(408, "head_too_slow", "The headers took too long")


class Places:
    """Gives connections their places; an idle one has to go when there are too many.

    Args:
        num_places: Most connections.
    """

    def __init__(self, num_places: int) -> None:
        self._num_places = num_places
        self._num_taken = 0
        self._idle: dict[LimitedProtocol, None] = {}  # the longest idle one first

    def take(self, connection: "LimitedProtocol") -> None:
        """Note a new connection; if there are too many, close the one that is idle longest."""
        self._num_taken += 1
        self._idle[connection] = None
        if self._num_taken > self._num_places:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.close()

    def leave(self, connection: "LimitedProtocol") -> None:
        """Note that a connection is gone."""
        self._num_taken -= 1
        self._idle.pop(connection, None)

    def mark(self, connection: "LimitedProtocol", *, is_idle: bool) -> None:
        """Note whether a connection has a request that is not answered yet."""
        self._idle.pop(connection, None)
        if is_idle:
            self._idle[connection] = None


class LimitedConfig(Config):
    """Settings of a server with places for connections; its arguments are those of uvicorn.

    Args:
        app: What answers requests.
        max_connections: Most connections.
        options: Passed on.
    """

    def __init__(self, app: Callable[..., Any], *, max_connections: int, **options: Any) -> None:
        super().__init__(app, http=LimitedProtocol, **options)
        self.places = Places(max_connections)


class LimitedProtocol(HttpToolsProtocol):
    """One connection; see the top of this file."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(config, LimitedConfig)
        self._places = config.places
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._is_in_head = False
        self._is_in_body = False
        self._num_head_bytes = 0
        self._num_body_bytes_left = 0
        self._refusal = MALFORMED
        self._answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place."""
        super().connection_made(transport)
        self._set_timer(HEAD_TIMEOUT_S, self._give_up_head)
        self._places.take(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place."""
        super().connection_lost(exc)
        self._disconnect()
        self._places.leave(self)
        self._stop_timer()
        self._stop_write_timer()

    def data_received(self, data: bytes) -> None:
        """Take in what arrived, in pieces, or more of a head could come at once than is allowed.

        A piece is larger where all of it is of a body, as the head before that has announced.
        """
        start = 0
        while start < len(data) and not self.transport.is_closing():
            piece = data[start : start + max(MAX_HEAD_BYTES, self._num_body_bytes_left)]
            super().data_received(piece)
            self._count_head(len(piece))
            start += len(piece)

    def _count_head(self, num_bytes: int) -> None:
        self._num_head_bytes = self._num_head_bytes + num_bytes if self._is_in_head else 0
        if self._num_head_bytes > MAX_HEAD_BYTES:
            self._refuse(HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._is_in_head = True
        if self._is_idle and self.cycle is not None:
            self._set_timer(HEAD_TIMEOUT_S, self._give_up_head)

    def on_headers_complete(self) -> None:
        """Begin to answer a request, unless its head is too large."""
        self._is_in_head, self._is_in_body = False, True
        self._stop_timer()
        num_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if num_bytes > MAX_HEAD_BYTES:
            self._refusal = HEAD_TOO_LARGE
            raise HttpParserError(HEAD_TOO_LARGE.title)
        self._num_body_bytes_left = int(dict(self.headers).get(b"content-length", 0))
        super().on_headers_complete()
        self._places.mark(self, is_idle=False)

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body."""
        self._num_body_bytes_left -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request has arrived as a whole."""
        self._is_in_body, self._num_body_bytes_left = False, 0
        if self._is_idle:
            self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, but not for ever for the rest of this one."""
        super().on_response_complete()
        self._places.mark(self, is_idle=self._is_idle)
        if self.transport.is_closing():
            self.close()
        elif self._is_in_body and self._is_idle:
            self._set_timer(REST_TIMEOUT_S, self.close)

    @property
    def _is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has had no request for long."""
        self.close()

    def close(self) -> None:
        """Close as soon as the client has taken its answer; if it does not, without that."""
        self.transport.close()
        self._set_timer(WRITE_TIMEOUT_S, self._abort)

    def pause_writing(self) -> None:
        """Wait for a client that is slow to take its answer, for a while."""
        super().pause_writing()
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(WRITE_TIMEOUT_S, self._abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        self._stop_write_timer()
        super().resume_writing()

    def _abort(self) -> None:
        self._disconnect()
        self.transport.abort()

    def _disconnect(self) -> None:
        """Tell the request that is being answered; uvicorn tells the one that came last."""
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _give_up_head(self) -> None:
        if self._is_in_head:
            self._refuse(HEAD_TOO_SLOW)
        else:
            self.close()

    def _refuse(self, kind: ProblemKind) -> None:
        self._refusal = kind
        self.send_400_response(kind.title)

    def send_400_response(self, msg: str) -> None:
        """Answer what is wrong with a request that is no request; uvicorn calls this, too."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_word_refusal(self._refusal))
        self.close()

    def _set_timer(self, delay_s: float, action: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(delay_s, action)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def _word_refusal(kind: ProblemKind) -> bytes:
    """Return a whole answer."""
    request_id = choose_request_id(None)
    body = make_problem(kind, request_id=request_id, detail=kind.title).model_dump_json().encode()
    headers = MutableHeaders(
        {
            "Content-Type": PROBLEM_MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Request-Id": request_id,
        }
    )
    add_security_headers(headers)
    lines = [f"HTTP/1.1 {kind.status} {HTTPStatus(kind.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
