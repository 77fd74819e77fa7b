"""Hệ thống tài khoản: which accounts the vouchers use, and an approver's choice of the school's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from core.accounting.charts import PURPOSES, Override, accounts_on, chart_for
from core.accounting.overrides import set_override
from core.kit.clock import business_date, now_utc
from core.kit.database import transaction
from core.kit.errors import DomainError, Problem
from gateway.console.frame.screen import HttpRequest, Staff, goto, screen, typed
from gateway.context import AppContext

APPROVER: Final = "approver"
PAGE: Final = "/console/chart-accounts"


@dataclass(frozen=True, slots=True)
class AccountForm:
    """An account for a purpose from a day on; no account: the circular's own again."""

    purpose: str = ""
    account: str = ""
    valid_from: str = ""


@get("/chart-accounts", operation_id="console_chart_accounts")
async def show_accounts(
    request: HttpRequest, context: NamedDependency[AppContext], staff: NamedDependency[Staff]
) -> Response[Any]:
    """The accounts of today and every choice the school ever made."""
    return await _accounts_screen(request, context, staff)


@post("/chart-accounts", operation_id="console_choose_account", status_code=303)
async def choose_account(
    request: HttpRequest,
    context: NamedDependency[AppContext],
    staff: NamedDependency[Staff],
    data: URLEncodedBody[AccountForm],
) -> Response[Any]:
    """Use an account from a day on: an approver only."""
    if staff.user.role != APPROVER:
        refusal = Problem(
            "not_an_approver",
            vi="Chỉ người có vai trò duyệt mới đổi được tài khoản.",
            en="Only an approver can change an account.",
            status=403,
        )
        return await _accounts_screen(request, context, staff, refusal)
    try:
        chosen = Override(
            purpose=data.purpose,
            valid_from=_day(data.valid_from),
            account=typed(data.account, 20).strip().upper() or None,
        )
        async with transaction(context.engine) as db:
            await set_override(db, staff.school_id, chosen, actor=staff.actor)
    except DomainError as problem:
        return await _accounts_screen(request, context, staff, problem)
    return goto(request, PAGE, done="account_chosen")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Problem(
            "bad_day",
            vi="Hãy chọn ngày bắt đầu dùng tài khoản.",
            en="Choose the day from which the account is used.",
        ) from error


async def _accounts_screen(
    request: HttpRequest, context: AppContext, staff: Staff, problem: DomainError | None = None
) -> Response[Any]:
    today = business_date(now_utc())
    async with transaction(context.engine) as db:
        regime = await db.raw.fetchval(
            "SELECT accounting_regime FROM school WHERE id = $1", staff.school_id
        )
        rows = await db.raw.fetch(
            "SELECT purpose, valid_from, account, set_by, created_at FROM account_override"
            " WHERE school_id = $1 ORDER BY valid_from DESC, purpose",
            staff.school_id,
        )
    own = [
        Override(purpose=row["purpose"], valid_from=row["valid_from"], account=row["account"])
        for row in rows
    ]
    chart = chart_for(regime, today)
    accounts = accounts_on(regime, own, today)
    return screen(
        request,
        "chart_accounts.html",
        active="exports",
        problem=problem,
        chart=chart,
        purposes=PURPOSES,
        accounts=[
            (purpose, accounts[purpose], chart.name_of(accounts[purpose]), official)
            for purpose, official in chart.accounts.items()
        ],
        chosen=rows,
        today=today,
        may_choose=staff.user.role == APPROVER,
    )
