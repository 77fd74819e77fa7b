"""What all of `/api/v1` shares: who is calling, uploads, cursor pages, and errors as RFC 9457 problems.

A call carries `Authorization: Bearer <API key>`; the key's school is the only one it can see. An
error names what to do in Vietnamese and English and every fault; it must never reveal what happened
inside, nor repeat a secret. Codes and names of pupils travel in bodies, never in addresses.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, Router
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.types import ControllerRouterHandler

from adapters.messages import msg
from core.identity.service import ApiCaller, caller_of_key
from core.kit.database import transaction
from core.kit.errors import InvalidError
from gateway.context import AppContext
from gateway.problems import KeyNeededError, UnsupportedMediaError

PREFIX = "/api/v1"
MAX_PAGE = 200
SHEET_TYPES = (
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-excel",
    "application/octet-stream",
    "text/csv",
    "text/tab-separated-values",
)

HttpRequest = Request[Any, Any, Any]


class NoFileError(InvalidError):
    """An upload holds one file."""

    code = "no_file"
    title = msg("Hãy gửi đúng một tệp Excel hoặc CSV.")


class BadCursorError(InvalidError):
    """A cursor that no page gave."""

    code = "bad_cursor"
    title = msg("Dấu trang (cursor) không hợp lệ; hãy lấy lại từ trang trước.")


@dataclass(eq=False)
class BadPageSizeError(InvalidError):
    """A page of none or of too many rows."""

    code = "bad_limit"
    title = msg("Hạn mức không hợp lệ.")
    text = msg("limit từ 1 đến {max_size}.")
    max_size: int


async def api_caller(request: HttpRequest, context: NamedDependency[AppContext]) -> ApiCaller:
    """Whoever holds the bearer key. Raises KeyNeededError."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        async with transaction(context.engine) as db:
            caller = await caller_of_key(db, key.strip())
        if caller is not None:
            return caller
    raise KeyNeededError


def api_router(handlers: Sequence[ControllerRouterHandler]) -> Router:
    """The handlers of all nouns under `/api/v1`; each may ask for `caller: NamedDependency[ApiCaller]`."""
    return Router(
        path=PREFIX,
        route_handlers=handlers,
        dependencies={"caller": Provide(api_caller)},
        security=[{"bearer": []}],
    )


@dataclass(frozen=True, slots=True)
class ApiUpload:
    """A file that was sent; `name` is for messages only."""

    data: bytes
    name: str


@dataclass
class UploadOperation(Operation):
    """OpenAPI's description of an upload: a form's `file`, or the file itself as the body."""

    def __post_init__(self) -> None:
        """Describe the body; Litestar sees none, because it is read from the request itself."""
        file = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
        form = Schema(type=OpenAPIType.OBJECT, properties={"file": file}, required=["file"])
        content = {kind: OpenAPIMediaType(schema=file) for kind in SHEET_TYPES}
        content["multipart/form-data"] = OpenAPIMediaType(schema=form)
        self.request_body = RequestBody(content=content, required=True)


async def read_upload(request: HttpRequest) -> ApiUpload:
    """The one file of a request: a multipart field, or the whole body.

    Raises UnsupportedMediaError for another content type, NoFileError for none or more than one.
    """
    kind = request.content_type[0]
    if kind in SHEET_TYPES:
        found = [ApiUpload(await request.body(), "tệp")]
    elif kind == "multipart/form-data":
        form = await request.form()
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        found = [ApiUpload(await file.read(), _tidy(file.filename)) for file in files[:2]]
    else:
        raise UnsupportedMediaError
    if len(found) != 1 or not found[0].data:
        raise NoFileError
    return found[0]


def _tidy(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[:100] or "tệp"


def cursor_of(last_id: int) -> str:
    """The mark after which the next page begins: opaque, and not a secret."""
    return base64.urlsafe_b64encode(f"1:{last_id}".encode()).decode().rstrip("=")


def id_of_cursor(cursor: str | None) -> int:
    """The id after which a page begins; 0 for the first page. Raises BadCursorError."""
    if cursor is None:
        return 0
    try:
        version, _, last = (
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            .decode("ascii")
            .partition(":")
        )
        if version == "1" and last.isascii() and last.isdigit() and len(last) <= 18:
            return int(last)
    except (ValueError, binascii.Error):
        pass
    raise BadCursorError


def page_size(limit: int) -> int:
    """A page's size. Raises BadPageSizeError outside 1..MAX_PAGE."""
    if 1 <= limit <= MAX_PAGE:
        return limit
    raise BadPageSizeError(max_size=MAX_PAGE)
