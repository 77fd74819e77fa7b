"""What all screens of the console share: who is signed in, the frame around a page, refusals.

The guard stands on the router, so a screen cannot be added without it. Cookies carry a random token
only; what it means is looked up on every request.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlencode

import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect
from litestar.template.base import csrf_token

from core.identity.service import User, user_of
from core.kit.database import transaction
from core.kit.errors import DomainError, Problem
from core.kit.texts import translate
from gateway.console.frame.labels import DONE, label
from gateway.context import AppContext
from gateway.pages.rendering import in_lang, lang_of, page
from gateway.problems import status_of

log = structlog.get_logger(__name__)

HttpRequest = Request[Any, Any, Any]
RowId: TypeAlias = Annotated[int, PathParameter(gt=0, le=2**63 - 1)]
"""A row's number in an address."""

COOKIE: Final = "hocphi_session"
HOME: Final = "/console"
LOGIN: Final = "/console/login"
MEDIA_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
}


@dataclass(frozen=True, slots=True)
class NoteForm:
    """Why something is done."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Staff:
    """Who is signed in, at which school, and how much waits for a person there."""

    user: User
    school_name: str
    open_exception_count: int

    @property
    def school_id(self) -> int:
        """The one school that this request may see."""
        return self.user.school_id

    @property
    def actor(self) -> str:
        """The name under which what is done here is recorded."""
        return self.user.username


class LoginNeededError(Exception):
    """Nobody is signed in."""


async def require_login(
    connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
) -> None:
    """Guard: look up the session's user, or raise LoginNeededError."""
    token = connection.cookies.get(COOKIE, "")
    if not token:
        raise LoginNeededError
    context: AppContext = connection.app.state.context
    async with transaction(context.engine) as db:
        user = await user_of(db, token)
        if user is None:
            raise LoginNeededError
        row = await db.raw.fetchrow(
            "SELECT name, (SELECT count(*) FROM exception e WHERE e.school_id = school.id"
            " AND e.resolved_at IS NULL) AS open_exception_count FROM school WHERE id = $1",
            user.school_id,
        )
    connection.scope["user"] = Staff(user, row["name"], row["open_exception_count"])


def staff_of(request: HttpRequest) -> Staff:
    """Whoever the guard let in."""
    found: Staff = request.scope["user"]
    return found


def screen(
    request: HttpRequest,
    template: str,
    *,
    active: str = "",
    status_code: int = 200,
    problem: DomainError | None = None,
    **context: object,
) -> Response[str]:
    """A page of the console. `active`: the entry of the navigation; `problem`: why an action was refused."""
    staff = request.scope.get("user")
    lang = lang_of(request)
    frame: dict[str, Any] = {
        "staff": staff if isinstance(staff, Staff) else None,
        "active": active,
        "csrf": csrf_token({"request": request}),
        "label": lambda subject, code: translate(label(subject, code), lang),
        "problem": problem,
        "done": DONE.get(request.query_params.get("done", "")),
    }
    status = status_of(problem) if problem else status_code
    return page(request, f"console/{template}", status_code=status, **{**frame, **context})


def goto(request: HttpRequest, path: str, **query: str | int) -> Redirect:
    """See-other after an action, so that a reload does not repeat it. The language is kept."""
    address = f"{path}?{urlencode(query)}" if query else path
    return Redirect(in_lang(address, lang_of(request)), status_code=303)


def number_or_none(text: str) -> int | None:
    """A field of a form as a row's number; None for anything that cannot be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def typed(text: str, limit: int) -> str:
    """What a person typed, at most `limit` characters, without what cannot be seen or stored."""
    return "".join(c for c in text if c.isprintable() or c == "\n")[:limit]


def to_login(request: HttpRequest, _: LoginNeededError) -> Response[Any]:
    """Send whoever is not signed in to the login; a GET comes back to where it wanted to go."""
    if request.method != "GET" or request.url.path == HOME:
        return goto(request, LOGIN)
    return goto(request, LOGIN, next=request.url.path)


def show_problem(request: HttpRequest, problem: DomainError) -> Response[Any]:
    """A refusal as a page of its own."""
    return screen(request, "problem.html", problem=problem)


def show_http_error(request: HttpRequest, error: HTTPException) -> Response[Any]:
    """What the framework refuses (an unknown page, a foreign form, a body too large), as a page."""
    return show_problem(request, _HTTP_PROBLEMS.get(error.status_code, _unreadable)(error))


def show_failure(request: HttpRequest, error: Exception) -> Response[Any]:
    """Our own failure: nothing was half-done, the transaction was rolled back."""
    # values may stand in the error's text: only its kind and its place are logged
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    log.error("console.failed", error=type(error).__name__, at=place)
    return show_problem(
        request,
        Problem(
            "failed",
            vi="Hệ thống gặp lỗi, chưa có gì được ghi. Hãy thử lại.",
            en="Something failed on our side; nothing was written. Please try again.",
            status=500,
        ),
    )


def _missing(_: HTTPException) -> DomainError:
    return Problem("not_found", vi="Không có trang này.", en="There is no such page.", status=404)


def _foreign_form(_: HTTPException) -> DomainError:
    return Problem(
        "form_expired",
        vi="Biểu mẫu đã hết hạn hoặc không gửi từ trang này. Hãy quay lại, tải lại trang rồi thử lại.",
        en="The form expired or was not sent from this site. Go back, reload the page and try again.",
        status=403,
    )


def _too_large(_: HTTPException) -> DomainError:
    return Problem(
        "file_too_large",
        vi="Tệp quá lớn. Hãy chia nhỏ tệp rồi tải lên lại.",
        en="The file is too large. Split it and upload the parts.",
        status=413,
    )


def _unreadable(error: HTTPException) -> DomainError:
    return Problem(
        "bad_request",
        vi="Yêu cầu không hợp lệ.",
        en="The request could not be read.",
        status=error.status_code,
    )


_HTTP_PROBLEMS: Final = {403: _foreign_form, 404: _missing, 413: _too_large}


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
