"""Errors as HTTP answers them: the one place that gives a kind of error its status and its RFC 9457 body.

An error names what to do in Vietnamese and English and every fault; it must never reveal what happened
inside, nor repeat a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, NotFoundException

from adapters.messages import msg
from core.kit.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidError,
    MalformedError,
    NotFoundError,
    ProviderFailedError,
    TooLargeError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedTypeError,
)
from core.kit.faults import Fault
from core.kit.texts import en_of, vi_of

PROBLEM_JSON = "application/problem+json"


class BadRequestError(MalformedError):
    """A request that the framework cannot read; its faults name the fields."""

    code = "bad_request"
    title = msg("Yêu cầu không hợp lệ.")

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__()
        self.faults = faults


class KeyNeededError(UnauthenticatedError):
    """No API key, or one that is unknown or revoked."""

    code = "unauthenticated"
    title = msg("Cần khóa API hợp lệ.")


class NotAllowedError(ForbiddenError):
    """The framework refuses the caller."""

    code = "forbidden"
    title = msg("Không được phép.")


class NoSuchAddressError(NotFoundError):
    """There is nothing at the address."""

    text = msg("Không có địa chỉ này.")


class MethodNotAllowedError(DomainError):
    """The address takes other methods."""

    code = "method_not_allowed"
    title = msg("Địa chỉ này không nhận phương thức này.")


class BodyTooLargeError(TooLargeError):
    """A body above the limit."""

    code = "body_too_large"
    title = msg("Nội dung gửi lên quá lớn.")


class UnsupportedMediaError(UnsupportedTypeError):
    """A body of another kind than the address takes."""

    code = "unsupported_media_type"
    title = msg("Kiểu nội dung không được hỗ trợ.")


class AskedTooOftenError(TooManyRequestsError):
    """More requests than the address takes in its window."""

    code = "too_many_requests"
    title = msg("Quá nhiều yêu cầu.")


class InternalError(DomainError):
    """Our own failure: nothing of it is shown."""

    code = "internal_error"
    title = msg("Hệ thống gặp sự cố; hãy thử lại.")


class OutOfServiceError(UnavailableError):
    """The service cannot answer for now."""

    code = "unavailable"
    title = msg("Hệ thống tạm ngừng; hãy thử lại.")


STATUS: Final[Mapping[type[DomainError], int]] = {
    MalformedError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    MethodNotAllowedError: 405,
    ConflictError: 409,
    TooLargeError: 413,
    UnsupportedTypeError: 415,
    InvalidError: 422,
    TooManyRequestsError: 429,
    InternalError: 500,
    ProviderFailedError: 502,
    UnavailableError: 503,
}
"""The status of each kind of error; every error is of exactly one kind."""

_OF_STATUS: Final[Mapping[int, type[DomainError]]] = {
    401: KeyNeededError,
    403: NotAllowedError,
    404: NoSuchAddressError,
    405: MethodNotAllowedError,
    413: BodyTooLargeError,
    415: UnsupportedMediaError,
    429: AskedTooOftenError,
    503: OutOfServiceError,
}
_BAD_FIELD: Final = msg("Giá trị không hợp lệ hoặc còn thiếu.")


def status_of(error: DomainError) -> int:
    """The HTTP status of an error's kind."""
    return status_of_type(type(error))


def status_of_type(error: type[DomainError]) -> int:
    """The HTTP status of a type's kind."""
    return next(status for kind, status in STATUS.items() if issubclass(error, kind))


class FaultBody(msgspec.Struct, frozen=True):
    """One thing wrong with an input. `row` counts from 1; 0: the fault is of no row."""

    code: str
    row: int
    column: str
    value: str
    vi: str
    en: str


class ProblemBody(msgspec.Struct, frozen=True):
    """RFC 9457. `title` is the same for every problem of a `code`; `detail` (Vietnamese) and `detail_en`
    are this one's message, `faults` what is wrong with the input."""

    type: str
    title: str
    status: int
    detail: str
    detail_en: str
    code: str
    faults: list[FaultBody]


def fault_bodies(faults: Sequence[Fault]) -> list[FaultBody]:
    """Faults as the API shows them."""
    return [FaultBody(f.code, f.row, f.column, f.value, f.vi, f.en) for f in faults]


def answer_problem(error: Exception) -> Response[ProblemBody]:
    """Any error as application/problem+json. An unexpected one is 500 and nothing more."""
    headers: dict[str, str] = {}
    if isinstance(error, DomainError):
        problem, status = error, status_of(error)
    elif isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        problem, status = of_http(error)
    else:
        problem, status = InternalError(), 500
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="hocphi"'
    body = ProblemBody(
        type=f"urn:hocphi:problem:{problem.code}",
        title=en_of(problem.title),
        status=status,
        detail=problem.vi,
        detail_en=problem.en,
        code=problem.code,
        faults=fault_bodies(problem.faults),
    )
    return Response(body, status_code=status, media_type=PROBLEM_JSON, headers=headers)


def of_http(error: HTTPException) -> tuple[DomainError, int]:
    """Litestar's own refusals and their status; of a validation only the fields and what they should be."""
    # A path parameter of the wrong kind reads as an address that does not exist.
    status = 404 if isinstance(error, NotFoundException) else error.status_code
    if found := _OF_STATUS.get(status):
        return found(), status
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return InternalError(), status
    names_fields = status == HTTPStatus.BAD_REQUEST
    return BadRequestError(_faults(error) if names_fields else ()), status


def _faults(error: HTTPException) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            code="bad_field",
            column=str(entry.get("key", ""))[:60],
            vi=vi_of(_BAD_FIELD),
            en=str(entry.get("message", ""))[:200],  # the framework's own words
        )
        for entry in (error.extra if isinstance(error.extra, list) else [])
        if isinstance(entry, dict)
    )
