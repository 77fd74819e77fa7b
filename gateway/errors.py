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

from core.kit.errors import DomainError
from gateway.pages.rendering import page
from gateway.problems import answer_problem, status_of

log = structlog.get_logger(__name__)

MACHINES: Final = ("/api/", "/ipn/", "/portal/", "/health/", "/metrics", "/schema")


@dataclass(frozen=True, slots=True)
class Words:
    """A title and one sentence of advice, in both languages."""

    title_vi: str
    title_en: str
    advice_vi: str
    advice_en: str


_WORDS: Final = {
    404: Words(
        "Không tìm thấy trang này",
        "Page not found",
        "Liên kết có thể bị thiếu ký tự hoặc không còn dùng được. Hãy mở lại đúng liên kết nhà trường đã gửi.",
        "The link may be incomplete or no longer in use. Please open the link your school sent once more.",
    ),
    413: Words(
        "Tệp quá lớn",
        "The file is too large",
        "Hãy chọn một tệp nhỏ hơn rồi thử lại.",
        "Please choose a smaller file and try again.",
    ),
    429: Words(
        "Quá nhiều yêu cầu",
        "Too many requests",
        "Hãy đợi một phút rồi thử lại. Khoản đã chuyển không bị ảnh hưởng.",
        "Please wait a minute and try again. Money already sent is not affected.",
    ),
    500: Words(
        "Hệ thống đang gặp sự cố",
        "Something went wrong on our side",
        "Hãy thử lại sau ít phút. Khoản đã chuyển vẫn được ghi nhận, không cần chuyển lại.",
        "Please try again in a few minutes. Money already sent is still recorded; do not send it again.",
    ),
}
_OTHER: Final = Words(
    "Yêu cầu không hợp lệ",
    "The request is not valid",
    "Hãy quay lại trang trước và thử lại.",
    "Please go back and try again.",
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
    words = _WORDS.get(status, _WORDS[500] if status >= 500 else _OTHER)
    advice = (words.advice_vi, words.advice_en)
    if isinstance(error, DomainError) and status != 404:
        advice = (error.vi, error.en)
    return page(
        request,
        "error.html",
        status_code=status,
        headers=headers,
        status=status,
        title=(words.title_vi, words.title_en),
        advice=advice,
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
