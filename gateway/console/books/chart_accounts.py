"""Hệ thống tài khoản: which accounts the vouchers use, and an approver's choice of the school's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from core.accounting.charts import PURPOSES, Override, accounts_on, chart_for
from core.accounting.overrides import chosen_accounts, overrides_of, set_override
from core.identity.service import Role
from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.schools.queries import regime_of
from gateway.console.errors import AccountChoiceError, FirstDayMissingError
from gateway.console.frame.actions import action, in_transaction
from gateway.console.frame.forms import date_or_none, typed
from gateway.console.frame.screen import Page, goto, screen
from gateway.console.frame.session import ConsoleRequest, only

PAGE: Final = "/console/chart-accounts"


@dataclass(frozen=True, slots=True)
class AccountForm:
    """An account for a purpose from a day on; no account: the circular's own again."""

    purpose: str = ""
    account: str = ""
    valid_from: str = ""

    def chosen(self) -> Override:
        """What is chosen. Raises FirstDayMissingError."""
        valid_from = date_or_none(self.valid_from)
        if valid_from is None:
            raise FirstDayMissingError
        account = typed(self.account, 20).strip().upper() or None
        return Override(purpose=self.purpose, valid_from=valid_from, account=account)


@get("/chart-accounts", operation_id="console_chart_accounts")
@in_transaction
async def show_accounts(request: ConsoleRequest, db: Driver) -> Page:
    """The accounts of today and every choice the school ever made."""
    today = business_date(now_utc())
    regime = await regime_of(db, request.school_id)
    own = await overrides_of(db, request.school_id)
    chart = chart_for(regime, today)
    accounts = accounts_on(regime, own, today)
    return screen(
        request,
        "chart_accounts.html",
        active="exports",
        chart=chart,
        purposes=PURPOSES,
        accounts=[
            (purpose, accounts[purpose], chart.name_of(accounts[purpose]), official)
            for purpose, official in chart.accounts.items()
        ],
        chosen=await chosen_accounts(db, request.school_id),
        today=today,
        may_choose=request.is_approver,
    )


@post(
    "/chart-accounts",
    operation_id="console_choose_account",
    status_code=303,
    guards=[only(Role.APPROVER, AccountChoiceError)],
)
@action(refused_on=show_accounts)
async def choose_account(
    request: ConsoleRequest, db: Driver, data: URLEncodedBody[AccountForm]
) -> Redirect:
    """Use an account from a day on."""
    await set_override(db, request.school_id, data.chosen(), actor=request.actor)
    return goto(request, PAGE, done="account_chosen")
