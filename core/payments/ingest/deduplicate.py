"""The same money told twice by different channels: what came first made the payment, the rest confirms it.

A bank push that comes after the night had healed its loss, or two providers that watch one bank
account, must not count twice. Two tellings are one when the bank's own transaction number, the
account and the amount agree; or when one of them is a statement line that nothing else explains and
the reference, account, amount and day agree. It must never join two notices of one merchant account:
there the provider's own identity decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.kit.database import Driver

STRIPES = 256
"""Locks per bank account: few enough for any batch, enough that strangers seldom meet."""


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
        """What another telling of the same money may share with this one."""
        return (
            *((f"id {self.bank_transaction_id}",) if self.bank_transaction_id else ()),
            *((f"reference {self.reference}",) if self.reference else ()),
        )


@dataclass(frozen=True, slots=True)
class PriorPayment:
    """The payment that was booked before, and the verdict that its own notice got."""

    payment_id: int
    verdict: str


# A bank may post up to five days late over holidays. A line is posted on the day the money was
# sent or on the next one, never before.
FIND_PRIOR = """
WITH telling AS (
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[],
                       $7::date[], $8::text[], $9::text[])
    AS t(notice_id, school_id, bank_account_id, merchant_account_id, is_statement, amount_vnd, day,
         bank_transaction_id, reference)
), candidate AS (
  SELECT t.notice_id, t.merchant_account_id, p.school_id, p.id AS payment_id, 1 AS rank
    FROM telling t
    JOIN payment p ON p.school_id = t.school_id AND p.bank_account_id = t.bank_account_id
                  AND p.bank_transaction_id = t.bank_transaction_id AND p.bank_transaction_id <> ''
   WHERE p.amount_vnd = t.amount_vnd AND p.merchant_account_id <> t.merchant_account_id
     AND p.business_date BETWEEN t.day - 5 AND t.day + 5
  UNION ALL
  SELECT t.notice_id, t.merchant_account_id, p.school_id, p.id, 2
    FROM telling t
    JOIN payment p ON p.school_id = t.school_id AND p.channel = 'statement' AND p.reference = t.reference
   WHERE NOT t.is_statement AND p.bank_account_id = t.bank_account_id AND p.amount_vnd = t.amount_vnd
     AND p.business_date BETWEEN t.day AND t.day + 1
  UNION ALL
  SELECT t.notice_id, t.merchant_account_id, p.school_id, p.id, 2
    FROM telling t
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
"""


async def find_prior(db: Driver, reports: Sequence[ChannelReport]) -> dict[int, PriorPayment]:
    """Which of these notices tell of money that another channel had booked; notice id -> the payment.

    Takes locks first, so that two channels telling of one transfer at the same moment wait for each
    other. Marks the notices found as confirmations.
    """
    if not reports:
        return {}
    locks = sorted({lock for report in reports for lock in _locks(report)})
    await db.raw.execute(
        "SELECT pg_advisory_xact_lock(account, stripe) FROM unnest($1::int[], $2::int[]) AS l(account, stripe)",
        [account for account, _ in locks],
        [stripe for _, stripe in locks],
    )
    rows = await db.raw.fetch(
        FIND_PRIOR,
        *(
            [getattr(report, column) for report in reports]
            for column in (
                "notice_id", "school_id", "bank_account_id", "merchant_account_id", "is_statement",
                "amount_vnd", "day", "bank_transaction_id", "reference",
            )
        ),
    )  # fmt: skip
    by_id = {report.notice_id: report for report in reports}
    taken: set[tuple[int, int]] = set()
    prior: dict[int, PriorPayment] = {}
    for row in rows:
        claim = (by_id[row["notice_id"]].merchant_account_id, row["payment_id"])
        if row["notice_id"] not in prior and claim not in taken:
            taken.add(claim)
            prior[row["notice_id"]] = PriorPayment(row["payment_id"], row["verdict"])
    if prior:
        await db.raw.execute(
            "UPDATE notice SET confirms_payment_id = c.payment_id, verdict = c.verdict"
            "  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])"
            "       AS c(school_id, id, payment_id, verdict)"
            " WHERE notice.school_id = c.school_id AND notice.id = c.id",
            [by_id[notice_id].school_id for notice_id in prior],
            list(prior),
            [one.payment_id for one in prior.values()],
            [one.verdict for one in prior.values()],
        )
    return prior


def _locks(report: ChannelReport) -> list[tuple[int, int]]:
    """(bank account, stripe) of everything that could show this money to be known."""
    account = report.bank_account_id % 2**31
    return [
        (account, int.from_bytes(hashlib.blake2b(mark.encode(), digest_size=4).digest()) % STRIPES)
        for mark in report.marks
    ]
