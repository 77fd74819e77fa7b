"""The morning after: a refund at a wallet, settlement files, payouts at the bank, one that is late.

VNPAY and MoMo pay out what they took yesterday, less fees, and MoMo takes more than its contract says;
ZaloPay sends its file, but no money. Somebody sends money without a word. Everything goes the way that an
accountant would take it: files, the night, the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from adapters.messages import msg
from core.kit.clock import now_utc
from core.kit.database import Driver, Query, transaction
from core.refunds.sending import poll_refunds
from core.refunds.service import RefundRequest, approve_refund, request_refund
from core.refunds.states import Method
from demo.day import Credit, Traffic, write_statements
from demo.errors import DemoFailedError
from demo.world import ACCOUNTANT, APPROVER, BANK_ACCOUNTS, World
from gateway.context import AppContext
from reconciliation.jobs.reconcile_day import reconcile
from reconciliation.proof.day import DayResult
from reconciliation.settlements.files import import_settlement
from reconciliation.settlements.terms import (
    LateSettlement,
    SettlementTerms,
    late_settlements,
    set_terms,
)
from reconciliation.statements.imports import import_statement
from sandbox import settlements
from sandbox.momo import Momo, trans_id
from sandbox.pages import Sandbox
from sandbox.provider import Movement, MovementState
from sandbox.settlements import Payout, Returned, momo_xlsx, neutral_csv, vnpay_xlsx

# hundredths of a percent that each takes, and that its contract allows
TAKEN: Final = {"vnpay": 110, "momo": 165, "zalopay": 150}
AGREED: Final = {"vnpay": 110, "momo": 150, "zalopay": 150}
VAT_PERCENT: Final = 10
LATE: Final = "zalopay"
PAYOUT_TEXTS: Final = {
    "vnpay": "CTCP GIAI PHAP THANH TOAN VIET NAM VNPAY TT DVCNTT LO {batch}",
    "momo": "MOMO QUYET TOAN DOI TAC {batch}",
}
UNKNOWN_VND: Final = 500_000
BANK_FEE_VND: Final = 22_000
SOON: Final = timedelta(minutes=10)
"""Between two rounds of asking; short, so that the refund is booked today in an evening's demo too."""
ASKED_TIMES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """What the day after came to. `left`: VND that left a provider: paid out with its fees, or refunded."""

    day: date
    result: DayResult
    refunds: int
    batches_booked: int
    fees_vnd: int
    late: tuple[LateSettlement, ...]
    left: Mapping[str, int]
    received: tuple[Credit, ...]
    files: tuple[Path, ...]


async def live_the_morning(
    context: AppContext, world: World, sandbox: Sandbox, traffic: Traffic, day: date
) -> Morning:
    """Settle what was paid before `day`, in its statements and settlement files, and prove the day.

    Raises DemoFailedError where a step does not do what it should.
    """
    home = context.settings.home
    async with transaction(context.engine) as db:
        merchant_ids = await _agree(db, world, day - timedelta(days=1))
    refunds = await _give_one_back(context, world)
    payouts = _payouts(sandbox, traffic, day)
    received = _at_the_bank(sandbox, payouts)
    files = _write_settlements(world, payouts, home / "settlements")
    statements = write_statements(sandbox, day, home / "statements")
    async with transaction(context.engine) as db:
        for adapter, path in files.items():
            await import_settlement(
                db,
                world.school_id,
                merchant_ids[adapter],
                path.read_bytes(),
                path.name,
                actor=ACCOUNTANT,
            )
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
    async with transaction(context.engine) as db:
        booked = await db.fetch_only(BOOKED, world.school_id)
        late = await late_settlements(db, world.school_id, day)
    return Morning(
        day=day,
        result=result,
        refunds=refunds,
        batches_booked=booked.batches,
        fees_vnd=booked.fees_vnd,
        late=late,
        left=_left(payouts),
        received=received,
        files=(*files.values(), *statements.values()),
    )


@dataclass(frozen=True, slots=True)
class BookedBatches:
    """Batches whose payout is booked, and what their providers kept, VND."""

    batches: int
    fees_vnd: int


BOOKED = Query(
    BookedBatches,
    """
    SELECT count(DISTINCT b.id) AS batches, coalesce(sum(l.fee_vnd + l.vat_vnd), 0)::bigint AS fees_vnd
      FROM settlement_batch b
      JOIN settlement_line l ON l.school_id = b.school_id AND l.settlement_batch_id = b.id
     WHERE b.school_id = $1 AND b.journal_id IS NOT NULL
    """,
)


@dataclass(frozen=True, slots=True)
class DemoChannel:
    """A merchant account by its adapter."""

    adapter: str
    id: int


CHANNELS = Query(
    DemoChannel,
    "SELECT adapter, id FROM merchant_account WHERE school_id = $1 AND adapter = ANY($2::text[])",
)


@dataclass(frozen=True, slots=True)
class MomoPayment:
    """A payment that MoMo reported; VND."""

    id: int
    amount_vnd: int


OLDEST_MOMO = Query(
    MomoPayment,
    "SELECT id, amount_vnd FROM payment WHERE school_id = $1 AND channel = 'momo' ORDER BY id LIMIT 1",
)
REFUNDED = Query(int, "SELECT count(*) FROM refund WHERE school_id = $1 AND status = 'done'")


async def _agree(db: Driver, world: World, since: date) -> dict[str, int]:
    """Put the contracts down; adapter -> merchant account."""
    channels = await db.fetch(CHANNELS, world.school_id, list(AGREED))
    merchant_ids = {one.adapter: one.id for one in channels}
    for adapter, basis_points in AGREED.items():
        terms = SettlementTerms(
            valid_from=since,
            fee_basis_points=basis_points,
            fixed_vnd=0,
            vat_percent=VAT_PERCENT,
            settled_within_days=0 if adapter == LATE else 1,
            tolerance_vnd=0,
        )
        await set_terms(db, world.school_id, merchant_ids[adapter], terms, actor=ACCOUNTANT)
    return merchant_ids


async def _give_one_back(context: AppContext, world: World) -> int:
    """The oldest MoMo payment goes back by MoMo: asked for by one person, approved by another."""
    async with transaction(context.engine) as db:
        payment = await db.fetch_one(OLDEST_MOMO, world.school_id)
        if payment is None:
            raise DemoFailedError(msg("không có khoản thu nào qua MoMo"))
        wanted = RefundRequest(
            amount_vnd=payment.amount_vnd,
            reason="Học sinh chuyển trường",
            method=Method.PROVIDER,
        )
        asked = await request_refund(
            db, context.keys, world.school_id, payment.id, wanted, actor=ACCOUNTANT
        )
        await approve_refund(db, world.school_id, asked.id, actor=APPROVER)
    for round_no in range(ASKED_TIMES):  # demanded, then asked about
        at = now_utc() + round_no * SOON
        await poll_refunds(context.engine, context.keys, context.http, at=at)
    async with transaction(context.engine) as db:
        done = await db.fetch_only(REFUNDED, world.school_id)
    if not done:
        raise DemoFailedError(msg("MoMo chưa hoàn tiền"))
    return done


def _payouts(sandbox: Sandbox, traffic: Traffic, day: date) -> dict[str, Payout]:
    """What each provider settles on `day`: all that it took, less what it gave back."""
    momo = sandbox.servers.servers["momo"]
    assert isinstance(momo, Momo)
    by_number = {trans_id(movement): movement for movement in traffic.held["momo"]}
    returned = [
        Returned(
            movement=by_number[refund.asked["transId"]],
            number=str(refund.trans_id),
            amount_vnd=refund.amount_vnd,
            at=refund.at,
        )
        for refund in momo.refunds.values()
        if refund.is_done
    ]
    return {
        adapter: Payout(
            batch_id=f"{adapter[:3].upper()}{day:%Y%m%d}",
            settled_on=day,
            paid=_paid(traffic.held[adapter]),
            returned=returned if adapter == "momo" else (),
        )
        for adapter in TAKEN
    }


def _paid(movements: Sequence[Movement]) -> list[Movement]:
    found = [movement for movement in movements if movement.state is MovementState.PAID]
    return sorted(found, key=lambda movement: (movement.at, movement.sequence))


def _at_the_bank(sandbox: Sandbox, payouts: Mapping[str, Payout]) -> tuple[Credit, ...]:
    """Payouts, money without a text, a fee; returns what payers sent."""
    main, other, third = (account.number for account in BANK_ACCOUNTS)
    now = now_utc()
    for adapter, text in PAYOUT_TEXTS.items():
        payout = payouts[adapter]
        amount_vnd = settlements.payout_vnd(payout, _terms(adapter))
        sandbox.bank.book(main, amount_vnd, text.format(batch=payout.batch_id), now)
    sandbox.bank.book(other, UNKNOWN_VND, "NGUYEN VAN BINH chuyen tien", now)
    sandbox.bank.book(third, -BANK_FEE_VND, "PHI QUAN LY TAI KHOAN", now)
    return (Credit(other, "", UNKNOWN_VND),)


def _write_settlements(
    world: World, payouts: Mapping[str, Payout], folder: Path
) -> dict[str, Path]:
    """The providers' files; adapter -> file."""
    folder.mkdir(parents=True, exist_ok=True)
    main = BANK_ACCOUNTS[0].number
    written: dict[str, Path] = {}
    for adapter, (write, extension) in _WRITERS.items():
        payout = payouts[adapter]
        merchant = world.merchant(adapter, main).at_provider()
        written[adapter] = folder / f"{adapter}-{payout.batch_id}.{extension}"
        written[adapter].write_bytes(write([payout], _terms(adapter), merchant))
    return written


_WRITERS: Final = {
    "vnpay": (vnpay_xlsx, "xlsx"),
    "momo": (momo_xlsx, "xlsx"),
    "zalopay": (neutral_csv, "csv"),
}


def _terms(adapter: str) -> settlements.Terms:
    return settlements.Terms(fee_basis_points=TAKEN[adapter], vat_percent=VAT_PERCENT)


def _left(payouts: Mapping[str, Payout]) -> dict[str, int]:
    """What no provider holds any more: a refund left it when it was made, the rest with its payout."""
    left: Counter[str] = Counter()
    for adapter, payout in payouts.items():
        back_vnd = sum(one.amount_vnd for one in payout.returned)
        left[adapter] += back_vnd
        if adapter != LATE:
            left[adapter] += sum(one.amount_vnd for one in payout.paid) - back_vnd
    return dict(left)
