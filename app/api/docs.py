"""The page that shows this API, and tries it out; asks no other server for anything."""

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from app.headers import POLICY, allow_page_scripts

router = APIRouter(include_in_schema=False)
STATIC = "/static-offline-docs"


@router.get("/docs")
async def show_docs(request: Request) -> HTMLResponse:
    """Return the page."""
    page = get_swagger_ui_html(
        openapi_url=request.app.openapi_url,
        title=request.app.title,
        swagger_js_url=f"{STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{STATIC}/favicon.png",
    )
    page.headers[POLICY] = allow_page_scripts(bytes(page.body).decode())
    return page
