"""When something goes wrong: a friendly page for people, RFC 9457 JSON for machines.

A page says what to do next, in the page's language, and nothing of what happened inside. The log gets
the kind of error and where it was raised, never its text: that may hold a name or a token.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from adapters.messages import Message, msg
from core.kit.errors import DomainError
from gateway.pages.rendering import page
from gateway.problems import answer_problem, status_of

log = structlog.get_logger(__name__)

MACHINES: Final = ("/api/", "/ipn/", "/portal/", "/health/", "/metrics", "/schema")


@dataclass(frozen=True, slots=True)
class Page:
    """A title and one sentence of advice."""

    title: Message
    advice: Message


_PAGES: Final = {
    404: Page(
        msg("Không tìm thấy trang này"),
        msg(
            "Liên kết có thể bị thiếu ký tự hoặc không còn dùng được. Hãy mở lại đúng liên kết nhà trường đã gửi."
        ),
    ),
    413: Page(
        msg("Tệp quá lớn"),
        msg("Hãy chọn một tệp nhỏ hơn rồi thử lại."),
    ),
    429: Page(
        msg("Quá nhiều yêu cầu"),
        msg("Hãy đợi một phút rồi thử lại. Khoản đã chuyển không bị ảnh hưởng."),
    ),
    500: Page(
        msg("Hệ thống đang gặp sự cố"),
        msg("Hãy thử lại sau ít phút. Khoản đã chuyển vẫn được ghi nhận, không cần chuyển lại."),
    ),
}
_OTHER: Final = Page(
    msg("Yêu cầu không hợp lệ"),
    msg("Hãy quay lại trang trước và thử lại."),
)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The answer to anything raised: a page, or problem+json below the addresses of machines."""
    status = _status_of(error)
    if status >= 500:
        log.error(
            "request.failed",
            route=request.scope.get("path_template", ""),
            error=type(error).__name__,
            at=_origin(error),
        )
    if request.url.path.startswith(MACHINES):
        return answer_problem(error)
    headers = dict(getattr(error, "headers", None) or {})
    found = _PAGES.get(status, _PAGES[500] if status >= 500 else _OTHER)
    by_itself = isinstance(error, DomainError) and status != 404
    return page(
        request,
        "error.html",
        status_code=status,
        headers=headers,
        status=status,
        title=found.title,
        advice=error if by_itself else found.advice,
    )


def _status_of(error: Exception) -> int:
    if isinstance(error, DomainError):
        return status_of(error)
    if isinstance(error, asyncpg.DataError):  # text that no database holds, such as a NUL
        return 422
    return error.status_code if isinstance(error, HTTPException) else 500


def _origin(error: Exception) -> str:
    """Where it was raised: file and line."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
