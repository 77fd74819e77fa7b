"""A school's day at the bank, for `reconcile`: open invoices, payments with their notices, files as banks write them.

The memos are noisy as real ones are: banks' envelopes, codes in lower case, broken by a space or dashes, with
a letter wrong, or without a code; some invoices are paid twice, and some notices never came.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from itertools import islice
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.contract import Notice, Outcome
from core.kit.clock import VN
from core.kit.database import Command, Driver, Query, transaction
from core.kit.reference import ALPHABET, make_references
from core.ledger.service import open_books
from core.merchants.directory import Merchant, statement_merchants
from core.payments.ingest.inbound import InboundNotice
from core.payments.ingest.ingest import ingest_notices

INVOICES = 1_000_000
ACCOUNT = "0011000001"
OPENING_VND = 5_000_000
FEES_VND = (250_000, 450_000, 820_000, 1_150_000, 1_480_000)
LINES_PER_FILE = 50_000  # a file may carry 10 MB
ISSUED_TOGETHER = 50_000
NOTIFIED_TOGETHER = 5_000
PAID_AT = clock(9)
KEY = b"r" * 32

WORLD = """
INSERT INTO school (code, name, accounting_regime) VALUES ('BENCH', 'Trường đo', 'TT24/2024');
INSERT INTO bank_account (school_id, bin, number, holder, is_default) VALUES (1, '970422', '0011000001', 'TRUONG', true);
INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement, sealed_secrets)
  VALUES (1, 'statement', 'benchkey', 1, 'direct', ''), (1, 'sepay', 'pushkey', 1, 'direct', '');
INSERT INTO school_class (school_id, school_year, name, grade) VALUES (1, '2026-2027', '3A', 3);
INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)
  VALUES (1, 'AN', 'Tiền ăn', 'service', 'tháng', 1, false);
INSERT INTO fee_schedule (school_id, name, school_year, month, due_on, status, content_hash, drafted_by)
  VALUES (1, 'Tháng 9', '2026-2027', '2026-09-01', '2026-09-30', 'issued', 'h', 'an');
"""


@dataclass(frozen=True, slots=True)
class KeyScript:
    """A key or an index: the statements that drop it and make it again."""

    drop: str
    make: str


# The school as it is at first is given, not measured: its foreign keys are not looked up one by one, and what
# else finds its rows is built once they are there.
GIVEN = "SET LOCAL session_replication_role = replica; SET LOCAL synchronous_commit = off"
FILLED = ("student", "invoice", "notice", "payment", "transfer")
KEYS = Query(
    KeyScript,
    """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS make
  FROM pg_constraint WHERE contype = 'u' AND conrelid = ANY($1::text[]::regclass[])
UNION ALL
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
  FROM pg_index i WHERE indrelid = ANY($1::text[]::regclass[])
                    AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
""",
)

# An invoice of each pupil; and where a transfer paid exactly that one and was notified, what `ingest_notices`
# writes then.
ISSUE = Command("""
WITH asked AS (
  SELECT *, nextval('journal_number_seq') AS journal_id, nextval(pg_get_serial_sequence('notice', 'id')) AS notice_id
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[])
         AS u(reference, vnd, transaction_id, content, bank_transaction_id, fingerprint)
), ledger AS (
  SELECT min(id) FILTER (WHERE kind = 'receivable') AS receivable_id, min(id) FILTER (WHERE kind = 'income') AS income_id,
         min(id) FILTER (WHERE kind = 'bank') AS bank_id
    FROM ledger_account WHERE school_id = 1
), pupil AS (
  INSERT INTO student (school_id, code, full_name, search_name, reference)
  SELECT 1, reference, 'Nguyễn An', 'nguyen an', 'S' || reference FROM asked
  RETURNING id, code
), due AS (
  INSERT INTO invoice (school_id, fee_schedule_id, student_id, class_id, bank_account_id, reference, token,
                       total_vnd, paid_vnd, issued_on, due_on)
  SELECT 1, 1, p.id, 1, 1, a.reference, replace(gen_random_uuid()::text, '-', ''), a.vnd,
         CASE WHEN a.transaction_id IS NULL THEN 0 ELSE a.vnd END, $7, $7
    FROM asked a JOIN pupil p ON p.code = a.reference
  RETURNING id, student_id, reference
), notified AS (
  INSERT INTO notice (school_id, id, merchant_account_id, transaction_id, outcome, amount_vnd, paid_at, business_date,
                      content, merchant_reference, payee_account, bank_transaction_id, fingerprint, raw, verdict)
  SELECT 1, notice_id, $9, transaction_id, 'paid', vnd, $8, $7, content, '', $10, bank_transaction_id, fingerprint,
         '{}', 'recorded'
    FROM asked WHERE transaction_id IS NOT NULL
), booked AS (
  INSERT INTO payment (school_id, id, merchant_account_id, bank_account_id, student_id, channel, amount_vnd, paid_at,
                       business_date, content, bank_transaction_id, reference)
  SELECT 1, a.notice_id, $9, 1, d.student_id, 'sepay', a.vnd, $8, $7, a.content, a.bank_transaction_id, a.reference
    FROM asked a JOIN due d USING (reference) WHERE a.transaction_id IS NOT NULL
)
INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd, business_date,
                      student_id, invoice_id, payment_id)
SELECT 1, nextval('journal_number_seq'), 'invoice_issued', receivable_id, income_id, a.vnd, $7, d.student_id, d.id, NULL
  FROM asked a JOIN due d USING (reference), ledger
UNION ALL
SELECT 1, a.journal_id, 'payment_received', bank_id, receivable_id, a.vnd, $7, d.student_id, d.id, a.notice_id
  FROM asked a JOIN due d USING (reference), ledger WHERE a.transaction_id IS NOT NULL
""")

PUSH_ACCOUNT = Query(
    int, "SELECT id FROM merchant_account WHERE school_id = 1 AND adapter = 'sepay'"
)


@dataclass(frozen=True, slots=True)
class Paid:
    """A transfer of the day: what the payer wrote, what the bank wrote, and whether a notice of it came.

    `is_plain`: it names the invoice of its number, and without a fault.
    """

    number: int
    amount_vnd: int
    memo: str
    written: str
    names_bank_id: bool
    is_notified: bool
    is_plain: bool


def transfers(count: int) -> Iterator[Paid]:
    """The transfers of the day, always the same. Of a hundred: 1.5 without a code, 0.5 with a wrong letter,
    0.3 paid a second time, 1 whose notice was lost; half of the notices carry the bank's number."""
    dice = random.Random(7)
    references = make_references(range(1, count + 1), KEY)
    for n in range(count):
        kind = dice.random()
        at = dice.randrange(n) if n and kind < 0.003 else n
        code = references[at]
        if 0.003 <= kind < 0.008:
            place = dice.randrange(2, 12)
            wrong = ALPHABET[(ALPHABET.index(code[place]) + 1 + dice.randrange(31)) % 32]
            code = code[:place] + wrong + code[place + 1 :]
        is_known = not 0.008 <= kind < 0.023
        memo = f"{code} tien an thang 9" if is_known else f"nop tien cho chau lop 3A so {n:07}"
        style = dice.random()
        written = memo
        if is_known and style < 0.15:
            written = memo.replace(code, f"{code[:6]} {code[6:]}")
        elif is_known and style < 0.25:
            written = memo.replace(code, code.lower())
        elif is_known and style < 0.3:
            written = memo.replace(code, f"{code[:2]}-{code[2:7]}-{code[7:]}")
        envelope = dice.random()
        if envelope < 0.5:
            written = f"MBVCB.{4_000_000 + n}.{written}.CT tu 0451000{n % 1000:03} NGUYEN VAN A toi {ACCOUNT}"
        elif envelope < 0.8:
            written = f"CUSTOMER {written} - Ma GD ACSP/ {n % 1_000_000:06}"
        yield Paid(
            number=n,
            amount_vnd=FEES_VND[at % len(FEES_VND)],
            memo=memo,
            written=written,
            names_bank_id=dice.random() < 0.5,
            is_notified=dice.random() >= 0.01,
            is_plain=kind >= 0.023,
        )


def write_files(folder: Path, count: int, day: date) -> list[Path]:
    """The bank's exports of the day, MB's and VCB's layout in turn, and what is due as a CSV; the exports."""
    on = day.strftime("%d/%m/%Y")
    balance_vnd = OPENING_VND
    paths: list[Path] = []
    rows: list[str] = []
    for paid in transfers(count):
        balance_vnd += paid.amount_vnd
        bank_id = f"FT26{paid.number:08}"
        if len(paths) % 2:
            rows.append(
                f'"{on}","{bank_id}","","{paid.amount_vnd:,}","{balance_vnd:,}","{paid.written}"\n'
            )
        else:
            rows.append(f"{on},{on},{bank_id},,{paid.amount_vnd},{balance_vnd},{paid.written}\n")
        if len(rows) == LINES_PER_FILE or paid.number == count - 1:
            paths.append(_write(folder / f"{len(paths):03}.csv", rows, is_vcb=len(paths) % 2 == 1))
            rows = []
    return paths


def _write(path: Path, rows: Sequence[str], *, is_vcb: bool) -> Path:
    number = f"Số tài khoản: {ACCOUNT}"
    mb = "Ngày hạch toán,Ngày giao dịch,Số bút toán,Phát sinh nợ,Phát sinh có,Số dư,Nội dung\n"
    vcb = "Tnx Date,Doc No,Số tiền ghi nợ,Số tiền ghi có,Số dư,Nội dung chi tiết\n"
    path.write_text(f"{number}{',' * (5 if is_vcb else 6)}\n{vcb if is_vcb else mb}{''.join(rows)}")
    return path


async def make_world(engine: AsyncEngine, count: int, day: date) -> None:
    """The school, its open invoices, and `count` transfers with their notices, less the lost ones."""
    async with transaction(engine) as db:
        await db.raw.execute(WORLD)
        await open_books(db, 1)
        push = await _pushed(db)
        keys = await db.fetch(KEYS, FILLED)
        for key in keys:
            await db.raw.execute(key.drop)
    paid = transfers(count)
    odd: list[Paid] = []
    for start in range(0, INVOICES, ISSUED_TOGETHER):
        numbers = range(start, min(start + ISSUED_TOGETHER, INVOICES))
        part = list(islice(paid, len(numbers)))
        odd += (one for one in part if one.is_notified and not one.is_plain)
        async with transaction(engine) as db:
            await db.raw.execute(
                f"{GIVEN}; SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'"
            )
            await _issue(db, numbers, part, push, day)
    async with transaction(engine) as db:
        await db.raw.execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL maintenance_work_mem = '256MB'"
        )
        for key in keys:
            await db.raw.execute(key.make)
        await db.raw.execute("ANALYZE")
    while odd:
        async with transaction(engine) as db:
            await db.raw.execute(GIVEN)
            await ingest_notices(db, [_notice(push, one, day) for one in odd[:NOTIFIED_TOGETHER]])
        del odd[:NOTIFIED_TOGETHER]
    async with transaction(engine) as db:
        await db.raw.execute("ANALYZE")


async def _issue(
    db: Driver, numbers: range, paid: Sequence[Paid], push: Merchant, day: date
) -> None:
    """The invoices of these numbers; `paid`: the transfers of the same numbers, as far as there are any."""
    notices = [
        _notice(push, one, day).notice if one.is_notified and one.is_plain else None for one in paid
    ]
    notices += [None] * (len(numbers) - len(notices))
    notified = [
        (one.transaction_id, one.content, one.bank_transaction_id, one.fingerprint())
        if one
        else (None, None, None, None)
        for one in notices
    ]
    await db.execute(
        ISSUE,
        make_references(range(numbers.start + 1, numbers.stop + 1), KEY),
        [FEES_VND[n % len(FEES_VND)] for n in numbers],
        *map(list, zip(*notified, strict=True)),
        day,
        datetime.combine(day, PAID_AT, VN),
        push.merchant_account_id,
        ACCOUNT,
    )


async def _pushed(db: Driver) -> Merchant:
    """The merchant account of the bank's pushes: the statement's, under another adapter's name."""
    (statement,) = (await statement_merchants(db, 1)).values()
    number = await db.fetch_only(PUSH_ACCOUNT)
    return dataclasses.replace(statement, adapter="sepay", merchant_account_id=number)


def _notice(merchant: Merchant, paid: Paid, day: date) -> InboundNotice:
    notice = Notice(
        transaction_id=f"IPN{paid.number}",
        outcome=Outcome.PAID,
        amount_vnd=paid.amount_vnd,
        paid_at=datetime.combine(day, PAID_AT, VN),
        content=paid.memo,
        payee_account=ACCOUNT,
        bank_transaction_id=f"FT26{paid.number:08}" if paid.names_bank_id else "",
    )
    return InboundNotice(merchant, notice, b"{}")
