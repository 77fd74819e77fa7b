"""Refunds asked for and decided: a reason, a second person above the school's limit, never more than is there.

A refund holds back its amount from the moment it is asked for until it is rejected, cancelled or
refused, so that two of them can never give back more than was received. Nothing is sent or booked
here (`sending`, `payouts`, `settling`). Refused are payments whose money is not certain: an amount that
nobody signed and no statement or other channel has confirmed, money claimed for an account that is
not the school's, money that the bank's statement of its day does not show, and amounts that are
contradicted; whoever approves is refused likewise, for it may have come to light since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapters import REFUND
from core.exceptions.notes import write_notes
from core.exceptions.service import reopen
from core.exceptions.sql import resolving
from core.identity.audit import Detail, audit
from core.kit.database import Command, Driver, Query
from core.kit.errors import DomainError, Problem, not_found
from core.kit.money import MAX_VND, format_vnd
from core.kit.seal import Keys
from core.ledger.positions import NOTHING, PaymentPosition, payment_positions
from core.refunds.codes import code_of
from core.refunds.payee import Payee, seal_payee, unseal_payee

MAX_REASON = 200
MAX_KEY = 200
WORKER = "worker"
"""Who acts in the audit chain when nobody does."""


PAID_BACK = "paid_back"
NOT_PAID_BACK = "not_paid_back"
"""How an exception ends that waited for a refund."""


class Method(StrEnum):
    """How the money goes back."""

    PROVIDER = "provider"  # the provider that took it gives it back on demand
    PAYOUT = "payout"  # the school's bank transfers it, by a list


class Status(StrEnum):
    """How far a refund has come."""

    REQUESTED = "requested"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    APPROVED = "approved"
    SENT = "sent"  # demanded of the provider: accepted or in doubt, and asked about
    LISTED = "listed"  # in a payout list
    DONE = "done"
    REFUSED = "refused"  # the provider or the bank would not: no money moved


UNDER_WAY = (Status.REQUESTED, Status.APPROVED, Status.SENT, Status.LISTED)
"""Those that hold their amount back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A refund that is asked for. Amount in VND.

    from_invoice_id: the invoice whose settled part goes back; None: credit first, then suspense, then
    what settled last. bank_account_id: the school's account that pays a payout; None: the one that the
    payment was for. key: names this request; a second one with it means the same refund.
    """

    amount_vnd: int
    reason: str
    method: Method
    payee: Payee | None = None
    from_invoice_id: int | None = None
    bank_account_id: int | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refundable:
    """A payment and what may still be given back of it, VND. `methods`: the surest first."""

    payment_id: int
    amount_vnd: int
    channel: str
    merchant_bank_account_id: int
    bank_account_id: int | None
    standing: PaymentPosition
    remaining_vnd: int
    methods: tuple[Method, ...]


@dataclass(frozen=True, slots=True)
class Requested:
    """A refund as it was written. `is_new` is False where its key had asked for it before."""

    id: int
    code: str
    status: Status
    is_new: bool


# `p` is a payment. The bank's line or the provider itself tells of another amount, and nobody has judged it.
IS_CONTRADICTED = """
EXISTS (SELECT FROM exception e WHERE e.school_id = p.school_id AND e.resolved_at IS NULL
           AND ((e.reason = 'amount_mismatch' AND e.payment_id = p.id AND e.statement_line_id IS NOT NULL)
                OR (e.reason = 'conflicting_duplicate' AND e.notice_id = p.id)))
"""
IS_DISPUTED = f"""
({IS_CONTRADICTED}
 OR EXISTS (SELECT FROM exception e WHERE e.school_id = p.school_id AND e.payment_id = p.id
               AND e.reason = 'missing_in_statement' AND e.resolved_at IS NULL))
"""
"""Nothing leaves for a bank or a provider while this holds."""

FACTS = f"""
SELECT p.id, p.amount_vnd, p.bank_account_id, m.adapter,
       p.suspense_reason IS NOT NULL
         AND EXISTS (SELECT FROM notice n WHERE n.school_id = p.school_id AND n.id = p.id
                                            AND n.verdict = 'wrong_account') AS is_not_ours,
       m.bank_account_id AS merchant_bank_account_id,
       p.is_provisional
         AND NOT EXISTS (SELECT FROM match x WHERE x.school_id = p.school_id AND x.payment_id = p.id)
         AND NOT EXISTS (SELECT FROM notice n WHERE n.school_id = p.school_id
                                                AND n.confirms_payment_id = p.id AND NOT n.is_provisional) AS is_unconfirmed,
       EXISTS (SELECT FROM exception e WHERE e.school_id = p.school_id AND e.payment_id = p.id
                  AND e.reason = 'missing_in_statement' AND e.resolved_at IS NULL) AS is_missing,
       {IS_CONTRADICTED} AS is_contradicted,
       (SELECT coalesce(sum(r.amount_vnd), 0)::bigint FROM refund r
         WHERE r.school_id = p.school_id AND r.payment_id = p.id AND r.status = ANY($3::text[])) AS held_vnd
  FROM payment p
  JOIN merchant_account m ON m.school_id = p.school_id AND m.id = p.merchant_account_id
 WHERE p.school_id = $1 AND p.id = $2
"""


# what goes or went back of a payment by one person's word
ALONE = """
SELECT coalesce(sum(amount_vnd), 0)::bigint FROM refund
 WHERE school_id = $1 AND payment_id = $2 AND approved_at IS NOT NULL AND approved_by IS NULL
   AND status = ANY($3::text[])
"""


async def refundable(db: Driver, school_id: int, payment_id: int) -> Refundable:
    """What may be given back of a payment. Raises Problem: 404, or 409 for money that is not certain."""
    row = await _certain(db, school_id, payment_id)
    standing = (await payment_positions(db, school_id, [payment_id])).get(payment_id, NOTHING)
    return Refundable(
        payment_id=payment_id,
        amount_vnd=row["amount_vnd"],
        channel=row["adapter"],
        merchant_bank_account_id=row["merchant_bank_account_id"],
        bank_account_id=row["bank_account_id"],
        standing=standing,
        remaining_vnd=max(0, standing.total_vnd - row["held_vnd"]),
        methods=(Method.PROVIDER, Method.PAYOUT) if row["adapter"] in REFUND else (Method.PAYOUT,),
    )


async def _certain(db: Driver, school_id: int, payment_id: int) -> Any:
    """The payment's row. Raises Problem: 404, or 409 for money that is not certain."""
    row = await db.raw.fetchrow(FACTS, school_id, payment_id, list(UNDER_WAY))
    if row is None:
        raise not_found("khoản thu này", "payment")
    if row["is_unconfirmed"]:
        raise Problem(
            "payment_not_confirmed",
            vi="Số tiền này chưa được sao kê hay kênh khác xác nhận nên chưa hoàn được.",
            en="No statement or other channel has confirmed this amount yet: it cannot be refunded.",
            status=409,
        )
    if row["is_not_ours"]:
        raise Problem(
            "payment_not_ours",
            vi="Khoản tiền báo vào tài khoản không phải của trường nên không hoàn được.",
            en="The money was told for an account that is not the school's: it cannot be refunded.",
            status=409,
        )
    if row["is_missing"]:
        raise Problem(
            "payment_not_on_statement",
            vi="Sao kê không có khoản thu này. Hãy làm rõ ngoại lệ trước khi hoàn tiền.",
            en="The statement does not show this payment. Clear up the exception before a refund.",
            status=409,
        )
    if row["is_contradicted"]:
        raise Problem(
            "payment_contradicted",
            vi="Số tiền của khoản thu này còn mâu thuẫn. Hãy làm rõ ngoại lệ trước khi hoàn tiền.",
            en="The amount of this payment is contradicted. Clear up the exception before a refund.",
            status=409,
        )
    return row


async def request_refund(
    db: Driver, keys: Keys, school_id: int, payment_id: int, wish: RefundRequest, *, actor: str
) -> Requested:
    """Ask for a refund; up to the school's limit it is approved with that.

    The limit is for all refunds of a payment that no second person approved, so that none is cut into
    pieces below it. Raises Problem: 404 unknown payment, 409 money that is not certain or a key that
    asked for something else, 422 an amount outside 1..what remains, no reason, a method that the
    provider does not have, or a payout without a payee.
    """
    # one request of a school at a time: it counts its refunds
    limit_vnd = await db.raw.fetchval(
        "SELECT refund_approval_above_vnd FROM school WHERE id = $1 FOR NO KEY UPDATE", school_id
    )
    if wish.key and (known := await _of_key(db, keys, school_id, payment_id, wish)):
        return known
    await db.raw.execute(
        "SELECT id FROM payment WHERE school_id = $1 AND id = $2 FOR UPDATE", school_id, payment_id
    )
    found = await refundable(db, school_id, payment_id)
    _check(wish, found)
    alone_vnd = await db.raw.fetchval(ALONE, school_id, payment_id, [*UNDER_WAY, Status.DONE])
    is_approved = alone_vnd + wish.amount_vnd <= limit_vnd
    row = await db.raw.fetchrow(
        """
        INSERT INTO refund (school_id, number, payment_id, method, amount_vnd, reason, from_invoice_id,
                            form_key, status, requested_by, limit_vnd, approved_at, next_ask_at,
                            sealed_payee, bank_account_id)
        VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM refund WHERE school_id = $1), $2, $3, $4, $5,
                $6, nullif($7, ''), $8, $9, $10, CASE WHEN $8 = 'approved' THEN now() END,
                CASE WHEN $8 = 'approved' AND $3 = 'provider' THEN now() END, $11, $12)
        RETURNING id, number
        """,
        school_id,
        payment_id,
        wish.method,
        wish.amount_vnd,
        tidy(wish.reason),
        wish.from_invoice_id,
        wish.key,
        Status.APPROVED if is_approved else Status.REQUESTED,
        actor,
        limit_vnd,
        seal_payee(keys, wish.payee) if wish.payee else None,
        await _paying_account(db, school_id, wish, found),
    )
    code = code_of(row["number"])
    detail: Detail = {
        "payment_id": payment_id,
        "amount_vnd": wish.amount_vnd,
        "method": wish.method,
        "code": code,
        "reason": tidy(wish.reason),
    }
    await _audit(db, school_id, row["id"], actor, "requested", detail)
    if is_approved:
        await _audit(db, school_id, row["id"], actor, "approved", {"within_limit_vnd": limit_vnd})
    status = Status.APPROVED if is_approved else Status.REQUESTED
    return Requested(row["id"], code, status, is_new=True)


def tidy(text: str) -> str:
    """What a person typed, on one line, without what cannot be seen or stored."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


async def _of_key(
    db: Driver, keys: Keys, school_id: int, payment_id: int, wish: RefundRequest
) -> Requested | None:
    """What this key asked for before. Raises Problem (409) where that was something else."""
    if len(wish.key) > MAX_KEY or not wish.key.isprintable():
        raise Problem(
            "bad_key",
            vi=f"Mã yêu cầu có tối đa {MAX_KEY} ký tự in được.",
            en=f"The key has at most {MAX_KEY} printable characters.",
            status=422,
        )
    row = await db.raw.fetchrow(
        "SELECT id, number, status, payment_id, amount_vnd, method, from_invoice_id, sealed_payee"
        "  FROM refund WHERE school_id = $1 AND form_key = $2",
        school_id,
        wish.key,
    )
    if row is None:
        return None
    payee = unseal_payee(keys, row["sealed_payee"]) if row["sealed_payee"] else None
    asked = (row["payment_id"], row["amount_vnd"], row["method"], row["from_invoice_id"], payee)
    if asked != (payment_id, wish.amount_vnd, wish.method, wish.from_invoice_id, wish.payee):
        raise Problem(
            "key_used",
            vi="Mã yêu cầu này đã dùng cho một đề nghị hoàn tiền khác.",
            en="The key was used for another refund.",
            status=409,
        )
    return Requested(row["id"], code_of(row["number"]), Status(row["status"]), is_new=False)


def _check(wish: RefundRequest, found: Refundable) -> None:
    if not tidy(wish.reason) or len(wish.reason) > MAX_REASON:
        raise Problem(
            "reason_missing",
            vi=f"Hãy ghi lý do hoàn tiền (tối đa {MAX_REASON} ký tự).",
            en=f"Say why the money is refunded (at most {MAX_REASON} characters).",
            status=422,
        )
    if wish.method not in found.methods:
        raise Problem(
            "no_refund_call",
            vi="Đơn vị thanh toán này không nhận lệnh hoàn tiền; hãy dùng danh sách chi hoàn.",
            en="This provider takes no refunds: use a payout list.",
            status=422,
        )
    if (wish.method is Method.PAYOUT) != (wish.payee is not None):
        raise Problem(
            "payee_needed",
            vi="Cần tài khoản nhận tiền hoàn khi chi qua ngân hàng, và chỉ khi đó.",
            en="A payout needs the account that receives it; a provider's refund takes none.",
            status=422,
        )
    if not 1 <= wish.amount_vnd <= min(found.remaining_vnd, MAX_VND):
        raise Problem(
            "refund_exceeds",
            vi=f"Số tiền hoàn từ 1 đến {format_vnd(found.remaining_vnd, 'vi')}: phần còn hoàn được.",
            en=f"The amount is 1 to {format_vnd(found.remaining_vnd, 'en')}: what can still be refunded.",
            status=422,
        )
    if wish.from_invoice_id is not None:
        part_vnd = found.standing.of_invoice(wish.from_invoice_id)
        if wish.amount_vnd > part_vnd:
            raise Problem(
                "refund_exceeds_part",
                vi=f"Khoản thu này chỉ ghi {format_vnd(part_vnd, 'vi')} cho phiếu báo thu đã chọn.",
                en=f"Only {format_vnd(part_vnd, 'en')} of this payment settles the chosen invoice.",
                status=422,
            )


async def _paying_account(
    db: Driver, school_id: int, wish: RefundRequest, found: Refundable
) -> int | None:
    """The school's bank account that a payout leaves; None for a provider's refund."""
    if wish.method is Method.PROVIDER:
        return None
    chosen = wish.bank_account_id or found.bank_account_id or found.merchant_bank_account_id
    known: int | None = await db.raw.fetchval(
        "SELECT id FROM bank_account WHERE school_id = $1 AND id = $2", school_id, chosen
    )
    if known is None:
        raise not_found("tài khoản ngân hàng này của trường", "bank account of the school")
    return known


async def approve_refund(db: Driver, school_id: int, refund_id: int, *, actor: str) -> None:
    """Approve what another person asked for.

    Raises Problem: 404, 403 by the same person, 409 decided, or money that is not certain any more.
    """
    row = await locked(db, school_id, refund_id, Status.REQUESTED)
    if row["requested_by"] == actor:
        raise Problem(
            "two_persons_needed",
            vi="Người đề nghị hoàn tiền không tự duyệt được; cần người thứ hai.",
            en="Whoever asked for a refund cannot approve it: a second person is needed.",
            status=403,
        )
    await _certain(db, school_id, row["payment_id"])
    await db.raw.execute(
        """
        UPDATE refund SET status = 'approved', approved_by = $3, approved_at = now(),
                          next_ask_at = CASE WHEN method = 'provider' THEN now() END
         WHERE school_id = $1 AND id = $2
        """,
        school_id,
        refund_id,
        actor,
    )
    await _audit(db, school_id, refund_id, actor, "approved", {"amount_vnd": row["amount_vnd"]})


async def reject_refund(
    db: Driver, school_id: int, refund_id: int, *, actor: str, note: str
) -> None:
    """Say no to a request, with a reason. Raises Problem: 404, 409 decided before, 422 no reason."""
    await locked(db, school_id, refund_id, Status.REQUESTED)
    await close(db, school_id, refund_id, Status.REJECTED, actor=actor, note=note)


async def cancel_refund(
    db: Driver, school_id: int, refund_id: int, *, actor: str, note: str
) -> None:
    """Take a refund back before anything left for the provider or the bank.

    Raises Problem: 404, 409 once it was demanded or listed, 422 no reason.
    """
    row = await locked(db, school_id, refund_id, Status.REQUESTED, Status.APPROVED)
    if row["request_id"] is not None:
        raise _moved_on()
    await close(db, school_id, refund_id, Status.CANCELLED, actor=actor, note=note)


async def set_refund_limit(db: Driver, school_id: int, limit_vnd: int, *, actor: str) -> None:
    """Refunds up to `limit_vnd` VND need no second person; 0: every one does. Raises Problem (422)."""
    if not 0 <= limit_vnd <= MAX_VND:
        raise Problem(
            "bad_limit",
            vi=f"Hạn mức từ 0 đến {format_vnd(MAX_VND, 'vi')}.",
            en=f"The limit is 0 to {format_vnd(MAX_VND, 'en')}.",
            status=422,
        )
    await db.raw.execute(
        "UPDATE school SET refund_approval_above_vnd = $2 WHERE id = $1", school_id, limit_vnd
    )
    await audit(
        db,
        school_id,
        actor=actor,
        action="refund_limit.set",
        subject=f"school:{school_id}",
        detail={"limit_vnd": limit_vnd},
    )


async def locked(db: Driver, school_id: int, refund_id: int, *wanted: Status) -> Any:
    """The refund's row, locked, in one of these states. Raises Problem: 404, 409."""
    row = await db.raw.fetchrow(
        "SELECT * FROM refund WHERE school_id = $1 AND id = $2 FOR UPDATE", school_id, refund_id
    )
    if row is None:
        raise not_found("khoản hoàn tiền này", "refund")
    if row["status"] not in wanted:
        raise _moved_on()
    return row


async def close(
    db: Driver,
    school_id: int,
    refund_id: int,
    status: Status,
    *,
    actor: str,
    note: str,
    provider_code: str = "",
) -> None:
    """End a refund, locked by the caller, without money having moved; its amount is free again.

    Raises Problem (422) without a reason.
    """
    why = tidy(note)[:MAX_REASON]
    if not why:
        raise Problem("note_required", vi="Hãy ghi lý do.", en="Say why in the note.", status=422)
    await db.raw.execute(
        """
        UPDATE refund SET status = $3, note = $4, closed_by = $5, closed_at = now(), next_ask_at = NULL,
                          provider_code = CASE WHEN $6 = '' THEN provider_code ELSE $6 END
         WHERE school_id = $1 AND id = $2
        """,
        school_id,
        refund_id,
        status,
        why,
        actor,
        provider_code,
    )
    number = await db.raw.fetchval(
        "SELECT number FROM refund WHERE school_id = $1 AND id = $2", school_id, refund_id
    )
    await answer_doubts(db, school_id, [number], NOT_PAID_BACK, actor)
    await _reopen_return(db, school_id, refund_id, actor, f"{code_of(number)}: {why}")
    await _audit(db, school_id, refund_id, actor, status, {"note": why})


CLOSED_FOR = Query(
    int,
    """
SELECT e.id FROM refund r
  JOIN exception e ON e.school_id = r.school_id AND e.payment_id = r.payment_id
 WHERE r.school_id = $1 AND r.id = $2 AND e.resolution = 'refunded'
   AND (e.detail->>'refund_id')::bigint = r.id FOR UPDATE OF e
""",
)


async def _reopen_return(db: Driver, school_id: int, refund_id: int, actor: str, note: str) -> None:
    """Open the exception again that was closed because its money was to go back: it has not gone."""
    closed = await db.fetch(CLOSED_FOR, school_id, refund_id)
    await reopen(db, school_id, closed, note=note, dropping=["refund_id"])
    await write_notes(db, school_id, closed, author=actor, text=note)


def doubt_identity(number: int) -> str:
    """The identity of the exception that the school's refund `number` is in doubt for too long."""
    return f"refund:{number}:in_doubt"


ANSWER_DOUBTS = Command(
    resolving(
        "e.school_id = $1 AND e.reason = 'refund_unmatched' AND e.identity = ANY($2::text[])",
        resolution="$3",
        actor="$4",
    )
)


async def answer_doubts(
    db: Driver, school_id: int, numbers: Sequence[int], resolution: str, actor: str
) -> None:
    """Close what asked a person to look because these refunds were in doubt."""
    identities = [doubt_identity(number) for number in numbers]
    await db.execute(ANSWER_DOUBTS, school_id, identities, resolution, actor)


def _moved_on() -> DomainError:
    return Problem(
        "refund_moved_on",
        vi="Khoản hoàn tiền đã chuyển sang bước khác; hãy tải lại trang.",
        en="The refund has moved on to another step; reload the page.",
        status=409,
    )


async def _audit(
    db: Driver, school_id: int, refund_id: int, actor: str, step: str, detail: Detail
) -> None:
    await audit(
        db,
        school_id,
        actor=actor,
        action=f"refund.{step}",
        subject=f"refund:{refund_id}",
        detail=detail,
    )
