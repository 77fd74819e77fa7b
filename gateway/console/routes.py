"""The routes of the console in one place: everything but the login stands behind the guard."""

from __future__ import annotations

from typing import Final

from litestar import Router
from litestar.config.csrf import CSRFConfig
from litestar.exceptions import HTTPException

from core.kit.errors import DomainError
from core.kit.seal import Keys, keyed_hash
from gateway.console.books import chart_accounts, closing, exports, proof, reports, today
from gateway.console.frame import sign_in
from gateway.console.frame.refusals import (
    show_failure,
    show_http_error,
    show_problem,
    to_login,
)
from gateway.console.frame.screen import HOME
from gateway.console.frame.session import ConsoleRequest, LoginNeededError, require_login
from gateway.console.invoicing import applications, columns, imports, invoices, schedules
from gateway.console.money import (
    debits,
    exception_bulk,
    exception_money,
    exceptions,
    refunds,
    settlements,
)
from gateway.console.setup import channels

_SCREENS: Final = (
    today.show_today,
    invoices.show_invoices,
    invoices.search_invoices,
    invoices.show_invoice,
    invoices.cancel,
    imports.show_imports,
    imports.upload,
    imports.show_preview,
    imports.accept,
    imports.drop,
    columns.show_columns,
    columns.choose_columns,
    schedules.show_schedule,
    schedules.approve,
    schedules.issue_invoices,
    applications.show_applications,
    exceptions.show_exceptions,
    exceptions.show_exception,
    exceptions.find_for,
    exceptions.confirm_place,
    exceptions.place,
    exceptions.suspend,
    exceptions.resolve,
    exceptions.undo,
    exceptions.note,
    exceptions.ask,
    exception_money.show_split,
    exception_money.find_to_split,
    exception_money.split,
    exception_money.show_return,
    exception_money.return_money,
    exception_bulk.preview,
    exception_bulk.confirm,
    debits.show_debits,
    debits.preview_fees,
    debits.book_fees,
    debits.show_debit,
    debits.book_debit,
    debits.undo,
    debits.show_own_money,
    debits.book_own,
    debits.undo_own,
    refunds.show_refunds,
    refunds.show_request,
    refunds.request_one,
    refunds.show_refund,
    refunds.approve,
    refunds.reject,
    refunds.cancel,
    refunds.confirm,
    refunds.fail,
    refunds.make_list,
    refunds.download_list,
    channels.show_channels,
    channels.show_channel,
    channels.switch,
    proof.show_day,
    proof.run_day,
    closing.close,
    closing.ask,
    closing.reopen,
    closing.download_proof,
    settlements.show_settlements,
    settlements.upload_settlement,
    settlements.show_settlement_file,
    settlements.accept_settlement,
    settlements.drop_settlement,
    settlements.save_terms,
    settlements.show_settlement,
    settlements.settle,
    settlements.undo,
    settlements.take_back,
    settlements.not_a_settlement,
    reports.show_reports,
    reports.show_report,
    reports.download_report,
    exports.show_exports,
    exports.make_export,
    exports.download,
    exports.make_book,
    chart_accounts.show_accounts,
    chart_accounts.choose_account,
    sign_in.sign_out,
)


def console_router() -> Router:
    """`/console/…` for one application."""
    inside = Router(
        path="/",
        guards=[require_login],
        route_handlers=_SCREENS,
    )
    return Router(
        path=HOME,
        request_class=ConsoleRequest,
        include_in_schema=False,
        route_handlers=[sign_in.show_login, sign_in.sign_in, inside],
        exception_handlers={
            LoginNeededError: to_login,
            DomainError: show_problem,
            HTTPException: show_http_error,
            Exception: show_failure,
        },
    )


def form_protection(keys: Keys, *, is_https: bool) -> CSRFConfig:
    """CSRF for the console's forms and nothing else: other addresses know callers by their own means."""
    return CSRFConfig(
        secret=keyed_hash(keys, "form-protection", "console").hex(),
        cookie_name="hocphi_form",
        cookie_path=HOME,
        cookie_secure=is_https,
        cookie_httponly=True,
        cookie_samesite="lax",
        exclude=rf"^/(?!{HOME.strip('/')}(?:/|$)).",
    )
