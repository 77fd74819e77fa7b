"""The end of a refund by a person's word: what the bank did with a payout, or the provider with a demand in doubt.

A provider's refund is decided by the provider's own answers; only when it has been in doubt for three
days may a person who has asked say how it ended.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from core.kit.clock import business_date, now_utc
from core.kit.database import Driver
from core.kit.errors import Problem
from core.refunds.booking import Settled, book_refunds
from core.refunds.service import Status, close, doubt_identity, locked, tidy

MAX_BANK_ID = 64


async def confirm_refund(
    db: Driver,
    school_id: int,
    refund_id: int,
    *,
    on: date,
    bank_transaction_id: str = "",
    actor: str,
) -> frozenset[tuple[int, int]]:
    """Book a listed payout, or a demand in doubt, as paid on `on`; the invoices that are open again.

    Raises Problem: 404, 409 when it is not for a person to say (yet) or has ended, 422 for a day before
    it was asked for or still to come.
    """
    row = await _by_word(db, school_id, refund_id)
    first, last = business_date(row["created_at"]), business_date(now_utc())
    if not first <= on <= last:
        raise Problem(
            "bad_day",
            vi=f"Ngày chi từ {first:%d/%m/%Y} đến {last:%d/%m/%Y}.",
            en=f"The day is {first.isoformat()} to {last.isoformat()}.",
            status=422,
        )
    said = Settled(
        refund_id=refund_id,
        on=on,
        actor=actor,
        bank_transaction_id=tidy(bank_transaction_id)[:MAX_BANK_ID],
    )
    return await book_refunds(db, school_id, [said])


async def fail_refund(db: Driver, school_id: int, refund_id: int, *, actor: str, note: str) -> None:
    """The bank or the provider did not pay: nothing is booked, the amount is free for another refund.

    Raises Problem: as `confirm_refund`, 422 without a reason.
    """
    await _by_word(db, school_id, refund_id)
    await close(db, school_id, refund_id, Status.REFUSED, actor=actor, note=note)


async def _by_word(db: Driver, school_id: int, refund_id: int) -> Any:
    row = await locked(db, school_id, refund_id, Status.LISTED, Status.SENT)
    if row["status"] == Status.SENT and not await db.raw.fetchval(
        "SELECT true FROM exception WHERE school_id = $1 AND reason = 'refund_unmatched' AND identity = $2",
        school_id,
        doubt_identity(row["number"]),
    ):
        raise Problem(
            "refund_under_way",
            vi="Đơn vị thanh toán còn đang được hỏi; chỉ kết luận bằng tay sau ba ngày chưa rõ.",
            en="The provider is still being asked: a person decides only after three days of doubt.",
            status=409,
        )
    return row
