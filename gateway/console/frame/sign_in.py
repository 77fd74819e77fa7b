"""Signing in and out. The refusal never tells which part was wrong; tries are bounded by identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from core.identity.service import log_in, log_out
from core.kit.database import transaction
from core.kit.errors import DomainError
from gateway.console.frame.screen import COOKIE, HOME, LOGIN, HttpRequest, goto, screen
from gateway.context import AppContext
from gateway.network import client_ip


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What the login form sends."""

    username: str = ""
    password: str = ""
    next: str = ""


@get("/login", operation_id="console_login")
async def show_login(request: HttpRequest) -> Response[Any]:
    """The login form."""
    return screen(request, "login.html", wanted=_ours(request.query_params.get("next", "")))


@post("/login", operation_id="console_log_in", status_code=303)
async def sign_in(
    request: HttpRequest, context: NamedDependency[AppContext], data: URLEncodedBody[LoginForm]
) -> Response[Any]:
    """Check the password; a session cookie for the console, HttpOnly, and on to the page wanted."""
    wanted = _ours(data.next)
    try:
        signed_in = await log_in(  # in transactions of its own: a failure must stay counted
            context.engine,
            data.username.strip(),
            data.password,
            client_ip(request, context.settings.trusted_proxies),
        )
    except DomainError as problem:
        return screen(
            request, "login.html", problem=problem, wanted=wanted, username=data.username[:100]
        )
    answer = goto(request, wanted or HOME)
    answer.set_cookie(_cookie(context, signed_in.token))
    return answer


@post("/logout", operation_id="console_log_out", status_code=303)
async def sign_out(request: HttpRequest, context: NamedDependency[AppContext]) -> Response[Any]:
    """End the session on both sides."""
    async with transaction(context.engine) as db:
        await log_out(db, request.cookies.get(COOKIE, ""))
    answer = goto(request, LOGIN)
    answer.delete_cookie(COOKIE, path=HOME)
    return answer


def _cookie(context: AppContext, token: str) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=token,
        path=HOME,
        httponly=True,
        samesite="lax",
        secure=context.settings.base_url.startswith("https://"),
    )


def _ours(path: str) -> str:
    """`path` where it is a page of the console, else "": a login never leads to another site."""
    return path if path.startswith(f"{HOME}/") and "//" not in path and "\\" not in path else ""
