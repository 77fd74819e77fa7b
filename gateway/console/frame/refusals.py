"""What is refused or fails outside a screen of its own, as pages: an unknown address, a foreign form, a failure."""

from __future__ import annotations

import traceback
from typing import Any, Final

import structlog
from litestar import Request
from litestar.exceptions import HTTPException

from core.kit.errors import DomainError
from gateway.console.errors import (
    FailedError,
    FormExpiredError,
    PageNotFoundError,
    UnreadableRequestError,
    UploadTooLargeError,
)
from gateway.console.frame.screen import HOME, Page, goto, screen
from gateway.console.frame.session import ConsoleRequest, LoginNeededError

log = structlog.get_logger(__name__)

LOGIN: Final = f"{HOME}/login"
_HTTP_ERRORS: Final[dict[int, type[DomainError]]] = {
    403: FormExpiredError,
    404: PageNotFoundError,
    413: UploadTooLargeError,
}


def to_login(request: Request[Any, Any, Any], _: LoginNeededError) -> Page:
    """Send whoever is not signed in to the login; a GET comes back to where it wanted to go."""
    if request.method != "GET" or request.url.path == HOME:
        return goto(request, LOGIN)
    return goto(request, LOGIN, next=request.url.path)


def show_problem(
    request: Request[Any, Any, Any], problem: DomainError, status_code: int | None = None
) -> Page:
    """A refusal as a page of its own."""
    refused = ConsoleRequest(request.scope)
    refused.problem = problem
    return screen(refused, "problem.html", status_code=status_code)


def show_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Page:
    """What the framework refuses (an unknown page, a foreign form, a body too large), as a page."""
    problem = _HTTP_ERRORS.get(error.status_code, UnreadableRequestError)()
    return show_problem(request, problem, error.status_code)


def show_failure(request: Request[Any, Any, Any], error: Exception) -> Page:
    """Our own failure: nothing was half-done, the transaction was rolled back."""
    # values may stand in the error's text: only its kind and its place are logged
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    log.error("console.failed", error=type(error).__name__, at=place)
    return show_problem(request, FailedError(), 500)
