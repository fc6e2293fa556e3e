"""`/docs`: Swagger UI over the OpenAPI document, with every file of it from this service.

Swagger UI's scripts come with the package `fastapi_swagger`, of which nothing else is used.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from service.api.page import FOLDER, HEADERS, PageFiles

FILES = frozenset({"docs.js", "icon.svg", "swagger-ui-bundle.js", "swagger-ui.css"})
# As the page's, but for two things that Swagger UI needs: icons in its style sheet, and HTML that
# it makes of descriptions and cleans itself.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

router = APIRouter(include_in_schema=False)
_files = PageFiles(directory=FOLDER, packages=[("fastapi_swagger", "resources")])


@router.api_route("/docs", methods=["GET", "HEAD"])
async def docs(request: Request) -> Response:
    """The document, to read and to try out."""
    return await _file("docs.html", request)


@router.api_route("/docs/{name}", methods=["GET", "HEAD"])
async def docs_file(name: str, request: Request) -> Response:
    """One of its files."""
    if name not in FILES:
        raise HTTPException(404)
    return await _file(name, request)


async def _file(name: str, request: Request) -> Response:
    response = await _files.get_response(name, request.scope)
    response.headers.update({**HEADERS, "Content-Security-Policy": POLICY})
    return response
