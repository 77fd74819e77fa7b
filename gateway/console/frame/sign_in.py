"""Signing in and out. The refusal never reveals which part was wrong; tries are bounded by identity."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from core.identity.service import log_in, log_out
from core.kit.database import Driver
from gateway.console.frame.actions import in_transaction, refusals_shown_on
from gateway.console.frame.refusals import LOGIN
from gateway.console.frame.screen import HOME, Page, goto, screen
from gateway.console.frame.session import COOKIE, ConsoleRequest
from gateway.network import client_ip


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What the login form sends."""

    username: str = ""
    password: str = ""
    next: str = ""


@get("/login", operation_id="console_login")
async def show_login(request: ConsoleRequest) -> Page:
    """The login form."""
    return screen(request, "login.html", wanted=_ours(request.query_params.get("next", "")))


async def _show_login_again(request: ConsoleRequest, data: LoginForm) -> Page:
    return screen(request, "login.html", wanted=_ours(data.next), username=data.username[:100])


@post("/login", operation_id="console_log_in", status_code=303)
@refusals_shown_on(_show_login_again)
async def sign_in(request: ConsoleRequest, data: URLEncodedBody[LoginForm]) -> Page:
    """Check the password; a session cookie for the console, HttpOnly, and on to the page wanted."""
    context = request.context
    signed_in = await log_in(  # in transactions of its own: a failure must stay counted
        context.engine,
        data.username.strip(),
        data.password,
        client_ip(request, context.settings.trusted_proxies),
    )
    answer = goto(request, _ours(data.next) or HOME)
    answer.set_cookie(_cookie(signed_in.token, context.settings.base_url))
    return answer


@post("/logout", operation_id="console_log_out", status_code=303)
@in_transaction
async def sign_out(request: ConsoleRequest, db: Driver) -> Redirect:
    """End the session on both sides."""
    await log_out(db, request.cookies.get(COOKIE, ""))
    answer = goto(request, LOGIN)
    answer.delete_cookie(COOKIE, path=HOME)
    return answer


def _cookie(token: str, base_url: str) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=token,
        path=HOME,
        httponly=True,
        samesite="lax",
        secure=base_url.startswith("https://"),
    )


def _ours(path: str) -> str:
    """`path` where it is a page of the console, else "": a login never leads to another site."""
    return path if path.startswith(f"{HOME}/") and "//" not in path and "\\" not in path else ""
