import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.access.rules import UNLISTED, Need, find_rule
from app.main import create_app
from app.settings import Settings

NEEDS: dict[tuple[str, str], Need] = {
    ("POST", "/v1/predictions"): "predict",
    ("POST", "/v1/predictions/frames"): "predict",
    ("POST", "/v1/comparisons"): "predict",
    ("POST", "/v1/feedback"): "predict",
    ("GET", "/v1/models"): "predict",
    ("GET", "/v1/models/tiny@1"): "predict",
    ("POST", "/v1/models/tiny@1"): "admin",
    ("DELETE", "/v1/models/tiny@1"): "admin",
    ("GET", "/v1/aliases"): "admin",
    ("PUT", "/v1/aliases/default"): "admin",
    ("GET", "/v1/experiments"): "admin",
    ("POST", "/v1/experiments"): "admin",
    ("GET", "/v1/experiments/trial/report"): "admin",
    ("GET", "/metrics"): "metrics",
    ("GET", "/health/live"): "open",
    ("GET", "/health/ready"): "open",
    ("GET", "/docs"): "open",
    ("GET", "/openapi.json"): "open",
    ("GET", "/static-offline-docs/swagger-ui.css"): "open",
}


def list_routes(app: FastAPI) -> list[tuple[str, str]]:
    return [
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or {"GET"}  # a folder of files has none
    ]


@pytest.mark.parametrize("request_line", NEEDS, ids=" ".join)
def test_route_needs_its_scope(request_line: tuple[str, str]) -> None:
    assert find_rule(*request_line).need == NEEDS[request_line]


def test_every_route_of_the_application_has_a_rule() -> None:
    routes = list_routes(create_app(Settings()))

    assert ("POST", "/v1/predictions") in routes
    assert len(routes) > 15
    assert [route for route in routes if find_rule(*route) is UNLISTED] == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/v2",
        "/v1/predictionsX",
        "//health/live",
        "/docs2",
        "/V1/models",
    ],
)
def test_what_is_not_listed_is_not_open(path: str) -> None:
    rule = find_rule("GET", path)

    assert rule.need != "open"
