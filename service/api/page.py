"""The playground page at `/`, and its files.

The page is HTML, CSS and JavaScript as they lie in `service/static`: no build step, nothing
from another host, and headers under which the browser would refuse both.
"""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent.parent / "static"

HEADERS = {
    "Cache-Control": "no-cache",  # kept, and asked about by its ETag each time
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageFiles(StaticFiles):
    """The page's files, with its headers; only what lies in the folder is served."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or 304 where the browser has it already."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


router = APIRouter()
files = PageFiles(directory=FOLDER)


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def page(request: Request) -> Response:
    """The playground."""
    return await files.get_response("index.html", request.scope)
