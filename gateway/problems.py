"""Errors as HTTP says them: the one place that gives a kind of error its status and its RFC 9457 body.

An error names what to do in Vietnamese and English and every fault; it must never tell what happened
inside, nor repeat a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, NotFoundException

from core.kit.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidError,
    MalformedError,
    NotFoundError,
    Problem,
    ProviderFailedError,
    TooLargeError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedTypeError,
)
from core.kit.faults import Fault

PROBLEM_JSON = "application/problem+json"
STATUS: Final[Mapping[type[DomainError], int]] = {
    MalformedError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    UnsupportedTypeError: 415,
    InvalidError: 422,
    TooManyRequestsError: 429,
    ProviderFailedError: 502,
    UnavailableError: 503,
}


def status_of(error: DomainError) -> int:
    """The HTTP status of an error's kind."""
    if isinstance(error, Problem):
        return error.status
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


class FaultBody(msgspec.Struct, frozen=True):
    """One thing wrong with an input. `row` counts from 1; 0: the fault is of no row."""

    code: str
    row: int
    column: str
    value: str
    vi: str
    en: str


class ProblemBody(msgspec.Struct, frozen=True):
    """RFC 9457, with a stable `code`, the same sentence in both languages and the faults."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    faults: list[FaultBody]


def fault_bodies(faults: Sequence[Fault]) -> list[FaultBody]:
    """Faults as the API shows them."""
    return [FaultBody(f.code, f.row, f.column, f.value, f.vi, f.en) for f in faults]


_STATUS_WORDS = {
    400: ("bad_request", "Yêu cầu không hợp lệ.", "The request is not valid."),
    401: ("unauthenticated", "Cần khóa API hợp lệ.", "A valid API key is needed."),
    403: ("forbidden", "Không được phép.", "Not allowed."),
    404: ("not_found", "Không có địa chỉ này.", "There is nothing at this address."),
    405: (
        "method_not_allowed",
        "Địa chỉ này không nhận phương thức này.",
        "The address does not take this method.",
    ),
    413: ("body_too_large", "Nội dung gửi lên quá lớn.", "The body is too large."),
    415: ("unsupported_media_type", "Kiểu nội dung không được hỗ trợ.", "Unsupported media type."),
    429: ("too_many_requests", "Quá nhiều yêu cầu.", "Too many requests."),
    500: (
        "internal_error",
        "Hệ thống gặp sự cố; hãy thử lại.",
        "Something went wrong on our side; try again.",
    ),
    503: ("unavailable", "Hệ thống tạm ngừng; hãy thử lại.", "Unavailable for now; try again."),
}


def answer_problem(error: Exception) -> Response[ProblemBody]:
    """Any error as application/problem+json. An unexpected one is 500 and nothing more."""
    headers: dict[str, str] = {}
    if isinstance(error, DomainError):
        problem = error
    elif isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        problem = of_http(error)
    else:
        problem = of_status(500)
    status = status_of(problem)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="hocphi"'
    body = ProblemBody(
        type=f"urn:hocphi:problem:{problem.code}",
        title=problem.en,
        status=status,
        detail=problem.vi,
        code=problem.code,
        faults=fault_bodies(problem.faults),
    )
    return Response(body, status_code=status, media_type=PROBLEM_JSON, headers=headers)


def of_status(status: int, faults: tuple[Fault, ...] = ()) -> DomainError:
    code, vi, en = _STATUS_WORDS.get(status, _STATUS_WORDS[500 if status >= 500 else 400])
    return Problem(code, vi=vi, en=en, status=status, faults=faults)


def of_http(error: HTTPException) -> DomainError:
    """Litestar's own refusals; of a validation only the fields and what they should be are said."""
    faults = [
        Fault(
            code="bad_field",
            column=str(entry.get("key", ""))[:60],
            vi="Giá trị không hợp lệ hoặc còn thiếu.",
            en=str(entry.get("message", ""))[:200],
        )
        for entry in (error.extra if isinstance(error.extra, list) else [])
        if isinstance(entry, dict)
    ]
    # A path parameter of the wrong kind reads as an address that does not exist.
    status = 404 if isinstance(error, NotFoundException) else error.status_code
    return of_status(status, tuple(faults) if status == HTTPStatus.BAD_REQUEST else ())
