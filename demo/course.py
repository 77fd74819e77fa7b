"""From the first payment to the last voucher: the day, its statements, the night, the morning after."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from core.accounting.export import VoucherFile, export_vouchers
from core.kit.clock import now_utc
from core.kit.database import Driver, Query, transaction
from core.payments.polling import ask_about_checkouts
from core.portal.receipts import fetch_receipts
from demo.books import ASKED_AHEAD, compare_books, invoices_off
from demo.day import Traffic, live_through, write_statements
from demo.morning import live_the_morning
from demo.plan import Plan, make_plan
from demo.report import Counts, DemoReport
from demo.world import ACCOUNTANT, BANK_ACCOUNTS, World, open_bills
from gateway.context import AppContext
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.statements.imports import import_statement
from sandbox.bank import BANK_NAMES, BankAccount
from sandbox.noise import Payee
from sandbox.pages import Sandbox

FORMATS = ("misa-receipts", "misa-general", "journal-csv")


async def take_course(
    context: AppContext,
    world: World,
    sandbox: Sandbox,
    day: date,
    *,
    started_s: float,
    notify: Callable[[str], None],
) -> DemoReport:
    """Live through `day`. `started_s`: when the set-up began, on the monotonic clock."""
    home, base_url = context.settings.home, context.settings.base_url
    async with transaction(context.engine) as db:
        bills, files = await open_bills(db, world.school_id)
    payees = [_payee(account) for account in BANK_ACCOUNTS]
    plan = make_plan(bills, files, payees, world.channels(), day)
    day_began_s = time.monotonic()

    notify(f"Ngày {day:%d/%m/%Y}: {plan.payments} lượt nộp qua HTTP… / payments over HTTP…")
    traffic = await live_through(plan, world, sandbox, base_url)
    notify("Hỏi lại nhà cung cấp, biên lai… / asking providers, e-receipts…")
    receipts = await _ask_providers(context)
    notify("Sao kê, đối soát, chứng từ… / statements, the night, vouchers…")
    statements = write_statements(sandbox, day, home / "statements")
    async with transaction(context.engine) as db:
        for number, path in statements.items():
            await import_statement(
                db,
                world.school_id,
                world.bank_account_ids[number],
                path.read_bytes(),
                path.name,
                actor=ACCOUNTANT,
            )
    result = await reconcile(context.engine, world.school_id, day)
    notify("Sáng hôm sau: hoàn tiền, quyết toán… / the morning after: a refund, settlements…")
    morning = await live_the_morning(context, world, sandbox, traffic, day + timedelta(days=1))
    async with transaction(context.engine) as db:
        exported = [
            file
            for format_ in FORMATS
            if (file := await export_vouchers(db, world.school_id, format_, actor=ACCOUNTANT))
        ]
        received = [*traffic.received, *morning.received]
        books = await compare_books(db, sandbox, world, received, morning.left)
        off = await invoices_off(db, world.school_id)
        counts = await _count(db, world, plan, traffic, receipts)
    exports = _write_exports(exported, home / "exports")
    return DemoReport(
        day=day,
        base_url=base_url,
        counts=counts,
        result=result,
        morning=morning,
        books=tuple(books),
        invoices_off=off,
        export_files=tuple(str(path) for path in exports),
        statement_files=tuple(str(path) for path in (*statements.values(), *morning.files)),
        setup_s=day_began_s - started_s,
        day_s=time.monotonic() - day_began_s,
    )


async def _ask_providers(context: AppContext) -> int:
    """The e-receipts fetched. What the worker does within the hour: ask about open orders, fetch the portal's e-receipts."""
    later = now_utc() + ASKED_AHEAD
    fetched = 0
    while await ask_about_checkouts(context.engine, context.keys, context.http, at=later):
        continue
    while count := await fetch_receipts(
        context.engine, context.keys, context.http, at=later, is_sandbox=True
    ):
        fetched += count
    return fetched


def _payee(account: BankAccount) -> Payee:
    return Payee(number=account.number, holder=account.holder, bank=BANK_NAMES[account.bin])


def _write_exports(files: Sequence[VoucherFile], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for file in files:
        written.append(folder / file.file_name)
        written[-1].write_bytes(file.content)
    return written


@dataclass(frozen=True, slots=True)
class GatewayFigures:
    """What the gateway's own tables say of the day; amounts in VND."""

    collected_vnd: int
    healed: int
    healed_by_asking: int
    corrected: int
    invoices_paid: int
    invoices_partly_paid: int
    invoices_open: int


FIGURES = Query(
    GatewayFigures,
    """
    SELECT (SELECT coalesce(sum(amount_vnd), 0)::bigint FROM payment WHERE school_id = $1) AS collected_vnd,
           (SELECT count(*) FROM payment WHERE school_id = $1 AND channel = 'statement'
              AND business_date = $2) AS healed,
           (SELECT count(*) FROM payment p JOIN checkout c
                ON c.school_id = p.school_id AND c.merchant_account_id = p.merchant_account_id
               AND c.ask_count > 0 AND p.reference = (SELECT i.reference FROM invoice i
                    WHERE i.school_id = c.school_id AND i.id = c.invoice_id)
             WHERE p.school_id = $1) AS healed_by_asking,
           (SELECT count(*) FROM payment WHERE school_id = $1 AND is_corrected) AS corrected,
           count(*) FILTER (WHERE paid_vnd = total_vnd) AS invoices_paid,
           count(*) FILTER (WHERE paid_vnd > 0 AND paid_vnd < total_vnd) AS invoices_partly_paid,
           count(*) FILTER (WHERE paid_vnd = 0) AS invoices_open
      FROM invoice WHERE school_id = $1 AND cancelled_at IS NULL
    """,
)


async def _count(db: Driver, world: World, plan: Plan, traffic: Traffic, receipts: int) -> Counts:
    """The gateway's own figures beside what went over the wire."""
    row = await db.fetch_only(FIGURES, world.school_id, plan.day)
    return Counts(
        pupils=world.pupils,
        invoices=world.invoices,
        invoiced_vnd=world.invoiced_vnd,
        payments=plan.payments,
        applications=world.applications,
        by_adapter=dict(sorted(traffic.by_provider.items())),
        portal_outward=sum(one.adapter == "dvcqg" for one in plan.checkouts),
        portal_inward=sum(one.adapter == "dvcqg" for one in plan.visits),
        receipts=receipts,
        messages=traffic.messages,
        duplicates=traffic.duplicates,
        refused=traffic.refused,
        lost=traffic.lost,
        conflicting=traffic.conflicting,
        cancelled=traffic.cancelled,
        collected_vnd=row.collected_vnd,
        healed=row.healed,
        healed_by_asking=row.healed_by_asking,
        corrected=row.corrected,
        invoices_paid=row.invoices_paid,
        invoices_partly_paid=row.invoices_partly_paid,
        invoices_open=row.invoices_open,
    )
