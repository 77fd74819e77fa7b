"""What a business day brings: who pays what, when, how it is mangled and what goes wrong. Pure.

From the open invoices, in their order, and a seed: the same day each time. About 550 payments with
the noise of real ones, and every mishap that a school's money meets sooner or later.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from gateway.kit.clock import VN
from sandbox.courier import NO_MISHAP, Mishap
from sandbox.noise import Payee, delivered_text, with_wrong_symbol

SEED = 20_261_121
BANK_PAYMENTS = 490
VNPAY_PAYMENTS = 60
DUPLICATED_SHARE = 0.22
WRONG_SYMBOLS = 12
CANCELLED_CHECKOUTS = 2
OVERTAKEN_SHARE = 0.08
LOST = 3
TROUBLED_BILLS = 8
FIRST_HOUR, LAST_HOUR = 6, 21
OUT_OF_ORDER = timedelta(minutes=20)
MAINTENANCE_FEE_VND = 11_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """An open invoice as a parent sees it; `account_number` is the payee's."""

    reference: str
    token: str
    total_vnd: int
    account_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTransfer:
    """A movement on a bank account at `at`. `contradiction_vnd`: a later push claims this instead."""

    account_number: str
    amount_vnd: int
    content: str
    at: datetime
    mishap: Mishap = NO_MISHAP
    contradiction_vnd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCheckout:
    """A payer who goes to VNPAY for a bill, and pays or cancels there."""

    bill: Bill
    at: datetime
    is_paid: bool = True
    mishap: Mishap = NO_MISHAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The day, in the order of time."""

    day: date
    transfers: tuple[PlannedTransfer, ...]
    checkouts: tuple[PlannedCheckout, ...]

    @property
    def payments(self) -> int:
        """How many times money moved to the school, whatever was told about it."""
        paid = sum(checkout.is_paid for checkout in self.checkouts)
        return sum(transfer.amount_vnd > 0 for transfer in self.transfers) + paid


def make_plan(bills: Sequence[Bill], payees: Sequence[Payee], day: date, seed: int = SEED) -> Plan:
    """The plan of a day. The first payee's account takes VNPAY's checkouts and the day's mishaps.

    Raises ValueError when there are too few bills for a day.
    """
    rng = random.Random(seed)  # noqa: S311 - a demo's day, not a secret
    payee_of = {payee.number: payee for payee in payees}
    main = payees[0].number
    shuffled = list(bills)
    rng.shuffle(shuffled)
    at_main = [bill for bill in shuffled if bill.account_number == main]
    by_vnpay = at_main[: VNPAY_PAYMENTS + CANCELLED_CHECKOUTS]
    troubled = at_main[len(by_vnpay) :][:TROUBLED_BILLS]
    special = _special(troubled, rng, day)
    others = set(shuffled) - set(by_vnpay) - set(troubled)
    ordinary = [bill for bill in shuffled if bill in others][: BANK_PAYMENTS - len(special)]
    if len(special) + len(ordinary) < BANK_PAYMENTS:
        raise ValueError("too few open invoices for a day")
    transfers = [
        PlannedTransfer(
            account_number=bill.account_number,
            amount_vnd=bill.total_vnd,
            content=with_wrong_symbol(bill.reference, rng)
            if number < WRONG_SYMBOLS
            else delivered_text(bill.reference, payee_of[bill.account_number], rng),
            at=_moment(rng, day),
        )
        for number, bill in enumerate(ordinary)
    ]
    fee = PlannedTransfer(
        account_number=main,
        amount_vnd=-MAINTENANCE_FEE_VND,
        content=f"PHI QUAN LY TAI KHOAN THANG {day:%m/%Y}",
        at=datetime.combine(day, time(23, 30), VN),
    )
    checkouts = [
        PlannedCheckout(
            bill=bill,
            at=_moment(rng, day),
            is_paid=number >= CANCELLED_CHECKOUTS,
            mishap=Mishap(copies=int(rng.random() < DUPLICATED_SHARE)),
        )
        for number, bill in enumerate(by_vnpay)
    ]
    planned = [*_with_mishaps(transfers, main, rng), *special, fee]
    return Plan(
        day=day,
        transfers=tuple(sorted(planned, key=lambda one: one.at)),
        checkouts=tuple(sorted(checkouts, key=lambda one: one.at)),
    )


def _special(bills: Sequence[Bill], rng: random.Random, day: date) -> list[PlannedTransfer]:
    """Two over, two under, one twice, one for another pupil, one without a reference."""
    over, far_over, under, far_under, twice, confused, other, nameless = bills
    said = [
        (over, 50_000, over.reference, _moment(rng, day)),
        (far_over, 100_000, far_over.reference, _moment(rng, day)),
        (under, -50_000, under.reference, _moment(rng, day)),
        (far_under, -100_000, far_under.reference, _moment(rng, day)),
        (twice, 0, twice.reference, _at(day, 8)),
        (twice, 0, twice.reference, _at(day, 19)),
        (other, 0, other.reference, _at(day, 9)),
        (confused, 0, f"NOP TIEN THANG {day.month} {other.reference}", _at(day, 17)),
        (nameless, 0, f"ME CHAU MINH ANH NOP TIEN AN THANG {day.month}", _moment(rng, day)),
    ]
    return [
        PlannedTransfer(
            account_number=bill.account_number,
            amount_vnd=bill.total_vnd + more_vnd,
            content=content,
            at=at,
        )
        for bill, more_vnd, content, at in said
    ]


def _with_mishaps(
    transfers: Sequence[PlannedTransfer], main: str, rng: random.Random
) -> list[PlannedTransfer]:
    """A fifth is pushed twice, some are overtaken; three are lost, one altered, one contradicted."""
    made = [
        replace(
            one,
            mishap=Mishap(
                copies=int(rng.random() < DUPLICATED_SHARE),
                delay_s=rng.uniform(0.2, 1.5) if rng.random() < OVERTAKEN_SHARE else 0.0,
            ),
        )
        for one in transfers
    ]
    # those with a wrong symbol keep to themselves: a mishap more would hide what is shown
    healthy = range(WRONG_SYMBOLS, len(made))
    chosen = [index for index in healthy if made[index].account_number == main][: LOST + 2]
    *lost, altered, contradicted = chosen
    for index in lost:
        made[index] = replace(made[index], mishap=Mishap(is_lost=True))
    made[altered] = replace(made[altered], mishap=Mishap(is_tampered=True))
    claimed_vnd = made[contradicted].amount_vnd + 90_000
    made[contradicted] = replace(made[contradicted], contradiction_vnd=claimed_vnd)
    return made


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour, 15), VN)


def _moment(rng: random.Random, day: date) -> datetime:
    second = rng.randrange(FIRST_HOUR * 3600, LAST_HOUR * 3600)
    return datetime.combine(day, time(), VN) + timedelta(seconds=second)


def out_of_order(transfers: Iterable[PlannedTransfer], rng: random.Random) -> list[PlannedTransfer]:
    """The order in which news of the transfers sets out: each up to `OUT_OF_ORDER` late."""
    late = OUT_OF_ORDER.total_seconds()
    return sorted(transfers, key=lambda one: one.at.timestamp() + rng.uniform(0, late))
