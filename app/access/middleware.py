"""Lets requests through whose key has the scope that their route needs."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.keyring import Keyring
from app.access.keys import ApiKey
from app.access.rules import Need, find_rule
from app.errors import ForbiddenError, UnauthenticatedError, answer_error
from app.records import get_record

REALM = 'Bearer realm="driver-activity"'
SCHEME = "bearer"


class AccessMiddleware:
    """Answers 401 and 403 before anything of a body is read.

    Args:
        app: What answers the other requests.
        keyring: Recognizes keys.
    """

    def __init__(self, app: ASGIApp, *, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        app = self._app if scope["type"] != "http" else self._choose(scope)
        await app(scope, receive, send)

    def _choose(self, scope: Scope) -> ASGIApp:
        request = Request(scope)
        need = find_rule(scope["method"], scope["path"]).need
        try:
            if need != "open":
                self._check(request, need)
        except (UnauthenticatedError, ForbiddenError) as exc:
            return _refuse(request, exc)
        return self._app

    def _check(self, request: Request, need: Need) -> None:
        key = self._recognize(request.headers.get("authorization", ""))
        get_record(request).key = key.name
        if need not in key.scopes:
            raise ForbiddenError(need)

    def _recognize(self, authorization: str) -> ApiKey:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != SCHEME or not secret:
            raise UnauthenticatedError("send an API key as 'Authorization: Bearer KEY'")
        key = self._keyring.find(secret.strip())
        if key is None:
            raise UnauthenticatedError("the API key is unknown or has expired")
        return key


def _refuse(request: Request, error: UnauthenticatedError | ForbiddenError) -> Response:
    """Return the answer, which tells programs what is missing as RFC 6750, section 3, has it."""
    response = answer_error(request, error)
    challenge = REALM
    if isinstance(error, ForbiddenError):
        challenge += f', error="insufficient_scope", scope="{error.scope}"'
    elif "authorization" in request.headers:
        challenge += ', error="invalid_token"'
    response.headers["WWW-Authenticate"] = challenge
    return response
