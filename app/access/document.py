"""Says in the OpenAPI document which key each operation needs."""

from typing import Any

from app.access.rules import find_rule

SCHEME = "apiKey"


def describe_access(document: dict[str, Any]) -> dict[str, Any]:
    """Add the keys and the scopes to an OpenAPI document, and return it."""
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes[SCHEME] = {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of `python -m app key add`, where the service wants one.",
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            need = find_rule(method.upper(), path).need
            if need != "open":
                operation["security"] = [{SCHEME: [need]}]
    return document
