"""A night of 100,000 statement lines: import, extract, match, heal, persist and prove.

A school with 100,000 open invoices, 99,000 of them paid by IPNs that arrived and 1,000 whose IPN was
lost. Half of the notices carry the bank's transaction id, the others match by the reference in a
mangled text. The baseline is COPY of the same lines, as they end up, into a table with the same keys:
what the database alone needs to hold them, with nothing read, matched or proved.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from adapters.contract import Notice, Outcome
from gateway import embedded
from gateway.kit.clock import VN, business_date, now_utc
from gateway.kit.database import Driver, create_engine, transaction
from gateway.kit.reference import make_references
from gateway.ledger.service import open_books
from gateway.payments.arriving import Incoming
from gateway.payments.merchants import Merchant, statement_merchants
from gateway.payments.record import record_notices
from reconciliation.run import DayResult, reconcile
from reconciliation.statements import import_statement

LINES = 100_000
LOST = 1_000
FILES = 2  # a file may carry 10 MB
TOGETHER = 5_000
AMOUNT_VND = 450_000
OPENING_VND = 5_000_000
ACCOUNT = "0011000001"
KEY = b"r" * 32

WORLD = """
INSERT INTO school (code, name, accounting_regime) VALUES ('BENCH', 'Trường đo', 'TT24/2024');
INSERT INTO bank_account (school_id, bin, number, holder, is_default) VALUES (1, '970422', '0011000001', 'TRUONG', true);
INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement, sealed_secrets)
  VALUES (1, 'statement', 'benchkey', 1, 'direct', '');
INSERT INTO school_class (school_id, school_year, name, grade) VALUES (1, '2026-2027', '3A', 3);
INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)
  VALUES (1, 'AN', 'Tiền ăn', 'service', 'tháng', 1, false);
INSERT INTO fee_schedule (school_id, name, school_year, month, due_on, status, content_hash, drafted_by)
  VALUES (1, 'Tháng 9', '2026-2027', '2026-09-01', '2026-09-30', 'issued', 'h', 'an');
"""

INVOICES = """
WITH pupil AS (
  INSERT INTO student (school_id, code, full_name, search_name, reference)
  SELECT 1, 'S' || n, 'Nguyễn An', 'nguyen an', r FROM unnest($1::text[]) WITH ORDINALITY AS u(r, n)
  RETURNING id, code
), due AS (
  INSERT INTO invoice (school_id, fee_schedule_id, student_id, class_id, bank_account_id, reference, token,
                       total_vnd, issued_on, due_on)
  SELECT 1, 1, p.id, 1, 1, u.r, replace(gen_random_uuid()::text, '-', ''), $3, $4, $4
    FROM unnest($2::text[]) WITH ORDINALITY AS u(r, n) JOIN pupil p ON p.code = 'S' || u.n
  RETURNING id, student_id
)
INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd,
                      business_date, student_id, invoice_id)
SELECT 1, nextval('journal_number_seq'), 'invoice_issued',
       (SELECT id FROM ledger_account WHERE school_id = 1 AND kind = 'receivable'),
       (SELECT id FROM ledger_account WHERE school_id = 1 AND kind = 'income'),
       $3, $4, due.student_id, due.id
  FROM due
"""


async def _make_world(engine: AsyncEngine, day: date) -> list[str]:
    """The school, its open invoices and the payments that IPNs told of; returns the references."""
    references = make_references(range(1, 2 * LINES + 1), KEY)
    async with transaction(engine) as db:
        await db.execute(WORLD)
        await open_books(db, 1)
        await db.execute(INVOICES, references[LINES:], references[:LINES], AMOUNT_VND, day)
    async with transaction(engine) as db:
        await db.execute("ANALYZE")
        (merchant,) = (await statement_merchants(db, 1)).values()
    for start in range(0, LINES - LOST, TOGETHER):
        part = range(start, min(start + TOGETHER, LINES - LOST))
        async with transaction(engine) as db:
            await record_notices(db, [_notice(merchant, n, references[n], day) for n in part])
    async with transaction(engine) as db:
        await db.execute("ANALYZE")
    return references[:LINES]


def _notice(merchant: Merchant, number: int, reference: str, day: date) -> Incoming:
    notice = Notice(
        transaction_id=f"IPN{number}",
        outcome=Outcome.PAID,
        amount_vnd=AMOUNT_VND,
        paid_at=datetime.combine(day, clock(9), VN),
        content=f"{reference} tien an",
        payee_account=ACCOUNT,
        bank_transaction_id=f"FT{number}" if number % 2 else "",
    )
    return Incoming(merchant, notice, b"{}")


def _files(references: list[str], day: date) -> list[bytes]:
    """What the bank exports: MB's layout, the code in lower case and broken by a space."""
    head = (
        f"Số tài khoản: {ACCOUNT},,,,,,\nNgày hạch toán,Ngày giao dịch,Số bút toán,Phát sinh nợ,"
        "Phát sinh có,Số dư,Nội dung\n"
    )
    on = day.strftime("%d/%m/%Y")
    rows = [
        f"{on},{on},FT{n},,{AMOUNT_VND},{OPENING_VND + AMOUNT_VND * (n + 1)},"
        f"MBVCB.{n}.{reference[:6].lower()} {reference[6:]} tien an.CT tu 011\n"
        for n, reference in enumerate(references)
    ]
    size = LINES // FILES
    return [
        (head + "".join(rows[start : start + size])).encode() for start in range(0, LINES, size)
    ]


async def _night(url: str) -> dict[str, float]:
    engine = create_engine(url)
    day = business_date(now_utc()) - timedelta(1)
    files = _files(await _make_world(engine, day), day)
    began = time.perf_counter()
    for number, data in enumerate(files):
        async with transaction(engine) as db:
            await import_statement(db, 1, 1, data, f"{number}.csv", actor="bench")
    imported = time.perf_counter()
    result = await reconcile(engine, 1, day)
    proved = time.perf_counter()
    again = await reconcile(engine, 1, day)
    repeated = time.perf_counter()
    _check(result, again)
    async with transaction(engine) as db:
        copy_s = await _copy(db)
    await engine.dispose()
    total_s = proved - began
    return {
        "lines": LINES,
        "import_s": round(imported - began, 2),
        "reconcile_s": round(proved - imported, 2),
        "total_s": round(total_s, 2),
        "repeat_s": round(repeated - proved, 2),
        "lines_per_s": round(LINES / total_s),
        "copy_s": round(copy_s, 2),
        "ratio": round(copy_s / total_s, 3),
    }


def _check(result: DayResult, again: DayResult) -> None:
    """Every line found its payment, the lost ones were healed, the day closes, again is the same."""
    (bank,) = [proof for proof in result.proofs if proof.account == ACCOUNT]
    sound = (
        bank.is_closed
        and bank.closing_vnd == OPENING_VND + LINES * AMOUNT_VND
        and sum(result.matches.values()) == LINES
        and result.created == LOST
        and again.result_hash == result.result_hash
    )
    if not sound:
        raise RuntimeError(f"the night went wrong: {result.matches} {result.exceptions} {bank}")


async def _copy(db: Driver) -> float:
    """Seconds of COPY of the same lines into a table with the same keys."""
    await db.execute("CREATE TABLE copied (LIKE statement_line INCLUDING ALL)")
    rows = await db.fetch("SELECT * FROM statement_line ORDER BY id")
    records = [tuple(row) for row in rows]
    columns = list(rows[0].keys())
    began = time.perf_counter()
    await db.copy_records_to_table("copied", records=records, columns=columns)
    return time.perf_counter() - began


def run() -> dict[str, float]:
    """Measure and return figures; `ratio` is COPY's time over ours (1 = as fast as COPY)."""
    with tempfile.TemporaryDirectory(prefix="hocphi-bench-") as folder:
        home = Path(folder) / "pg"
        try:
            with embedded.running(home) as server:
                migrations.upgrade(server.url)
                return asyncio.run(_night(server.url))
        finally:
            embedded.discard(home)


if __name__ == "__main__":
    figures = run()
    print(
        f"reconcile: {figures['lines']:,} lines in {figures['total_s']} s (import {figures['import_s']},"
        f" night {figures['reconcile_s']}, again {figures['repeat_s']}; {figures['lines_per_s']:,}/s);"
        f" COPY of the same lines {figures['copy_s']} s; ratio {figures['ratio']}"
    )
