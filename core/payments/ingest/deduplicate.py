"""Who was first: of one transaction, and of the same money reported by different channels.

The database decides which notice of a transaction is the first. Of several channels that report one
transfer, what came first made the payment and the rest confirms it: a bank push that comes after the
night had healed its loss, or two providers that watch one bank account, must not count twice. Two
reports are of one transfer when the bank's own transaction number, the account and the amount agree; or
when one of them is a statement line that nothing else explains and the reference, account, amount and
day agree. It must never join two notices of one merchant account: there the provider's own identity
decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from adapters.contract import VerdictKind
from core.kit.columns import Columns
from core.kit.database import Command, Driver, Query
from core.payments.ingest.inbound import InboundNotice, NewNotice

STRIPES: Final = 256
"""Locks per bank account: few enough for any batch, enough that strangers seldom meet."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A new notice of money that another channel had booked before, and the verdict given to that one."""

    new: NewNotice
    payment_id: int
    verdict: VerdictKind


async def deduplicate(
    db: Driver, notices: Sequence[InboundNotice], journals: Sequence[int]
) -> AsyncIterator[tuple[list[NewNotice], list[Confirmation]]]:
    """Insert what is not there yet, and give it back in rounds: what is to be decided, and what confirms.

    `notices`: one of each transaction, sorted by identity, so that two batches with the same ones wait for
    each other, never both; `journals`: as many new numbers, or more. The caller writes the payments of a round before it asks for the next: the
    second channel of one transfer waits for the first. Nearly always there is one round.
    """
    waiting = await _insert(db, notices, journals)
    reports = {one.notice_id: report for one in waiting if (report := _report(one))}
    while waiting:
        now, waiting = _apart(waiting, reports)
        assert now, "the first that waits waits for nobody"
        prior = await find_prior(
            db, [reports[one.notice_id] for one in now if one.notice_id in reports]
        )
        yield (
            [one for one in now if one.notice_id not in prior],
            [
                Confirmation(one, payment.payment_id, payment.verdict)
                for one in now
                if (payment := prior.get(one.notice_id))
            ],
        )


# -- of one transaction ----------------------------------------------------------------------------

NOTICE: Final = Columns[InboundNotice](
    ("school_id", "bigint", lambda one: one.merchant.school_id),
    ("merchant_account_id", "bigint", lambda one: one.merchant.merchant_account_id),
    ("transaction_id", "text", lambda one: one.notice.transaction_id),
    ("outcome", "text", lambda one: one.notice.outcome),
    ("amount_vnd", "bigint", lambda one: one.notice.amount_vnd),
    ("paid_at", "timestamptz", lambda one: one.notice.paid_at),
    ("business_date", "date", lambda one: one.business_date),
    ("content", "text", lambda one: one.notice.content),
    ("merchant_reference", "text", lambda one: one.notice.merchant_reference),
    ("payee_account", "text", lambda one: one.notice.payee_account),
    ("bank_transaction_id", "text", lambda one: one.notice.bank_transaction_id),
    ("fingerprint", "bytea", lambda one: one.fingerprint),
    ("raw", "bytea", lambda one: one.raw),
    ("verdict", "text", lambda one: one.likely_verdict),
    ("unmapped_status", "text", lambda one: one.notice.unmapped_status),
    ("is_provisional", "boolean", lambda one: one.notice.is_provisional),
)


@dataclass(frozen=True, slots=True)
class InsertedNotice:
    """A notice that was not there before."""

    school_id: int
    merchant_account_id: int
    transaction_id: str
    id: int


INSERT_NOTICES = Query(
    InsertedNotice,
    f"""
INSERT INTO notice ({NOTICE.names}) SELECT * FROM {NOTICE.unnest()}
ON CONFLICT (school_id, merchant_account_id, transaction_id) DO NOTHING
RETURNING school_id, merchant_account_id, transaction_id, id
""",  # noqa: S608 - composed of constants of the tree
)


async def _insert(
    db: Driver, notices: Sequence[InboundNotice], journals: Sequence[int]
) -> list[NewNotice]:
    """Those that were first of their transactions, each with the number of its journal."""
    assert len(journals) >= len(notices), "each notice has a journal of its own"
    inserted = {
        (one.school_id, one.merchant_account_id, one.transaction_id): one.id
        for one in await db.fetch(INSERT_NOTICES, *NOTICE.arrays(notices))
    }
    return [
        NewNotice(inbound, inserted[inbound.identity], journal_id)
        for inbound, journal_id in zip(notices, journals, strict=False)
        if inbound.identity in inserted
    ]


# -- of the same money -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelReport:
    """A new notice of money on a bank account. `day`: its business date; amount in VND."""

    notice_id: int
    school_id: int
    bank_account_id: int
    merchant_account_id: int
    is_statement: bool
    amount_vnd: int
    day: date
    bank_transaction_id: str
    reference: str

    @property
    def marks(self) -> tuple[str, ...]:
        """What another report of the same money may share with this one."""
        return (
            *((f"id {self.bank_transaction_id}",) if self.bank_transaction_id else ()),
            *((f"reference {self.reference}",) if self.reference else ()),
        )


def _report(one: NewNotice) -> ChannelReport | None:
    """What another channel may have reported before: money on a bank account of the school, nothing else."""
    inbound, merchant = one.inbound, one.inbound.merchant
    if not inbound.is_paid or merchant.settlement != "direct" or inbound.bank_account_id is None:
        return None
    return ChannelReport(
        notice_id=one.notice_id,
        school_id=merchant.school_id,
        bank_account_id=inbound.bank_account_id,
        merchant_account_id=merchant.merchant_account_id,
        is_statement=merchant.adapter == "statement",
        amount_vnd=inbound.notice.amount_vnd,
        day=inbound.business_date,
        bank_transaction_id=inbound.notice.bank_transaction_id,
        reference=inbound.exact[0] if inbound.exact else "",
    )


def _apart(
    new: Sequence[NewNotice], reports: Mapping[int, ChannelReport]
) -> tuple[list[NewNotice], list[NewNotice]]:
    """Those that may be recorded together, and those whose money another channel reports among them."""
    reported_by: dict[tuple[int, str], int] = {}
    now: list[NewNotice] = []
    later: list[NewNotice] = []
    for one in new:
        report = reports.get(one.notice_id)
        marks = [(report.bank_account_id, mark) for mark in report.marks] if report else []
        merchant_account_id = one.inbound.merchant.merchant_account_id
        is_first = all(
            reported_by.setdefault(mark, merchant_account_id) == merchant_account_id
            for mark in marks
        )
        (now if is_first else later).append(one)
    return now, later


@dataclass(frozen=True, slots=True)
class PriorPayment:
    """The payment that was booked before, and the verdict that its own notice got."""

    notice_id: int
    payment_id: int
    verdict: VerdictKind


REPORT: Final = Columns[ChannelReport](
    ("notice_id", "bigint", lambda report: report.notice_id),
    ("school_id", "bigint", lambda report: report.school_id),
    ("bank_account_id", "bigint", lambda report: report.bank_account_id),
    ("merchant_account_id", "bigint", lambda report: report.merchant_account_id),
    ("is_statement", "boolean", lambda report: report.is_statement),
    ("amount_vnd", "bigint", lambda report: report.amount_vnd),
    ("day", "date", lambda report: report.day),
    ("bank_transaction_id", "text", lambda report: report.bank_transaction_id),
    ("reference", "text", lambda report: report.reference),
)

# A bank may post up to five days late over holidays. A line is posted on the day the money was
# sent or on the next one, never before.
FIND_PRIOR = Query(
    PriorPayment,
    f"""
WITH report AS (
  SELECT * FROM {REPORT.rows("t")}
), candidate AS (
  SELECT t.notice_id, t.merchant_account_id, p.school_id, p.id AS payment_id, 1 AS rank
    FROM report t
    JOIN payment p ON p.school_id = t.school_id AND p.bank_account_id = t.bank_account_id
                  AND p.bank_transaction_id = t.bank_transaction_id AND p.bank_transaction_id <> ''
   WHERE p.amount_vnd = t.amount_vnd AND p.merchant_account_id <> t.merchant_account_id
     AND p.business_date BETWEEN t.day - 5 AND t.day + 5
  UNION ALL
  SELECT t.notice_id, t.merchant_account_id, p.school_id, p.id, 2
    FROM report t
    JOIN payment p ON p.school_id = t.school_id AND p.channel = 'statement' AND p.reference = t.reference
   WHERE NOT t.is_statement AND p.bank_account_id = t.bank_account_id AND p.amount_vnd = t.amount_vnd
     AND p.business_date BETWEEN t.day AND t.day + 1
  UNION ALL
  SELECT t.notice_id, t.merchant_account_id, p.school_id, p.id, 2
    FROM report t
    JOIN payment p ON p.school_id = t.school_id AND p.channel <> 'statement' AND p.reference = t.reference
   WHERE t.is_statement AND p.bank_account_id = t.bank_account_id AND p.amount_vnd = t.amount_vnd
     AND p.business_date BETWEEN t.day - 1 AND t.day
     AND NOT EXISTS (SELECT FROM match m WHERE m.school_id = p.school_id AND m.payment_id = p.id)
)
SELECT c.notice_id, c.payment_id, n.verdict
  FROM candidate c JOIN notice n ON n.school_id = c.school_id AND n.id = c.payment_id
 WHERE NOT EXISTS (SELECT FROM notice o
                    WHERE o.school_id = c.school_id AND o.confirms_payment_id = c.payment_id
                      AND o.merchant_account_id = c.merchant_account_id)
 ORDER BY c.notice_id, c.rank, c.payment_id
""",  # noqa: S608 - composed of constants of the tree
)

STRIPE: Final = Columns[tuple[int, int]](
    ("account", "int", lambda lock: lock[0]),
    ("stripe", "int", lambda lock: lock[1]),
)
LOCK_STRIPES = Command(f"SELECT pg_advisory_xact_lock(account, stripe) FROM {STRIPE.rows('l')}")  # noqa: S608 - composed of constants of the tree

CONFIRMATION: Final = Columns[tuple[int, PriorPayment]](
    ("school_id", "bigint", lambda found: found[0]),
    ("id", "bigint", lambda found: found[1].notice_id),
    ("payment_id", "bigint", lambda found: found[1].payment_id),
    ("verdict", "text", lambda found: found[1].verdict),
)
CONFIRM = Command(
    f"""
UPDATE notice SET confirms_payment_id = c.payment_id, verdict = c.verdict
  FROM {CONFIRMATION.rows("c")}
 WHERE notice.school_id = c.school_id AND notice.id = c.id
"""  # noqa: S608 - composed of constants of the tree
)


async def find_prior(db: Driver, reports: Sequence[ChannelReport]) -> dict[int, PriorPayment]:
    """Which of these notices report money that another channel had booked; notice id -> the payment.

    Takes locks first, so that two channels reporting one transfer at the same moment wait for each
    other. Marks the notices found as confirmations.
    """
    if not reports:
        return {}
    await db.execute(
        LOCK_STRIPES,
        *STRIPE.arrays(sorted({lock for report in reports for lock in _locks(report)})),
    )
    by_id = {report.notice_id: report for report in reports}
    taken: set[tuple[int, int]] = set()
    prior: dict[int, PriorPayment] = {}
    for found in await db.fetch(FIND_PRIOR, *REPORT.arrays(reports)):
        claim = (by_id[found.notice_id].merchant_account_id, found.payment_id)
        if found.notice_id not in prior and claim not in taken:
            taken.add(claim)
            prior[found.notice_id] = found
    if prior:
        confirmations = [(by_id[one.notice_id].school_id, one) for one in prior.values()]
        await db.execute(CONFIRM, *CONFIRMATION.arrays(confirmations))
    return prior


def _locks(report: ChannelReport) -> list[tuple[int, int]]:
    """(bank account, stripe) of everything that could show this money to be known."""
    account = report.bank_account_id % 2**31
    return [
        (account, int.from_bytes(hashlib.blake2b(mark.encode(), digest_size=4).digest()) % STRIPES)
        for mark in report.marks
    ]
