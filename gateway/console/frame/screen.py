"""What all screens of the console share: the frame around a page, redirects after an action, files to keep."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.params import PathParameter
from litestar.response import Redirect
from litestar.template.base import csrf_token

from core.kit.texts import translate
from gateway.console.frame.labels import DONE, label
from gateway.console.frame.session import ConsoleRequest
from gateway.pages.rendering import in_lang, lang_of, page
from gateway.problems import status_of

Page: TypeAlias = Response[Any]
"""What a screen answers with: a page, a redirect or a file."""
RowId: TypeAlias = Annotated[int, PathParameter(gt=0, le=2**63 - 1)]
"""A row's number in an address."""

HOME: Final = "/console"
MEDIA_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
}


def screen(
    request: ConsoleRequest,
    template: str,
    *,
    active: str = "",
    status_code: int | None = None,
    **context: object,
) -> Response[str]:
    """A page of the console with `request.problem`, whose status it has unless `status_code` is given.

    `active`: the entry of the navigation.
    """
    lang = lang_of(request)
    problem = request.problem
    frame: dict[str, Any] = {
        "staff": request.scope.get("user"),
        "active": active,
        "csrf": csrf_token({"request": request}),
        "label": lambda subject, code: translate(label(subject, code), lang),
        "problem": problem,
        "done": DONE.get(request.query_params.get("done", "")),
    }
    if status_code is None:
        status_code = status_of(problem) if problem else 200
    return page(request, f"console/{template}", status_code=status_code, **{**frame, **context})


def goto(request: Request[Any, Any, Any], path: str, **query: str | int) -> Redirect:
    """See-other after an action, so that a reload does not repeat it. The language is kept."""
    address = f"{path}?{urlencode(query)}" if query else path
    return Redirect(in_lang(address, lang_of(request)), status_code=303)


def file_to_keep(file_name: str, content: bytes) -> Response[bytes]:
    """A file for the browser to save, and nobody else to keep. Strange characters leave its name."""
    name = "".join(c for c in file_name if c.isascii() and (c.isalnum() or c in "._-"))
    return Response(
        content,
        media_type=MEDIA_TYPES.get(name.rsplit(".", 1)[-1], "application/octet-stream"),
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "private, no-store",
            "x-content-type-options": "nosniff",
        },
    )
