"""What happens on a business day: who pays what, by which channel, when, and what goes wrong. Pure.

From the open invoices, in their order, and a seed: the same day each time. Some 570 payments through
every channel with the noise of real ones, and every mishap that a school's money meets sooner or later.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice

from core.kit.clock import VN
from sandbox.courier import NO_MISHAP, Mishap
from sandbox.noise import Payee, delivered_text, with_wrong_symbol

SEED = 20_261_121
BANK_PAYMENTS = 420
CHECKOUTS = {"vnpay": 60} | dict.fromkeys(
    ("momo", "zalopay", "onepay", "viettelmoney", "shopeepay", "payos", "sepaypg", "dvcqg"), 6
)
"""Payers who go to each provider's page; the message of one of each is lost."""
AT_A_COUNTER = dict.fromkeys(("bidv", "agribank", "vietcombank"), 6)
COLLECTED_BY_BVBANK = 6
FILES_BY_PORTAL = 8
FILES_BY_TRANSFER = 14
EVERY_OTHER_NOTIFIER = 6  # one transfer in so many is notified by the account's second channel
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
class DemoBill:
    """An open invoice as a parent sees it; `account_number` is the payee's.

    code: the pupil's or the file's own code.
    """

    code: str
    reference: str
    token: str
    total_vnd: int
    account_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTransfer:
    """A movement on a bank account at `at`, notified by the adapter `notifier` ("": by nobody).

    reference: what its text names, "" if nothing. contradiction_vnd: a later push claims this instead.
    virtual_account: where the payer sent it to, "" for the account itself.
    """

    account_number: str
    amount_vnd: int
    content: str
    reference: str
    at: datetime
    notifier: str = ""
    virtual_account: str = ""
    mishap: Mishap = NO_MISHAP
    contradiction_vnd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCheckout:
    """A payer who goes to a provider's page for a bill, and pays or cancels there."""

    adapter: str
    bill: DemoBill
    at: datetime
    is_paid: bool = True
    mishap: Mishap = NO_MISHAP


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedVisit:
    """A payer who names a code at a bank's counter, or at the portal, and pays what is shown there."""

    adapter: str
    code: str
    bill: DemoBill
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The day, in the order of time."""

    day: date
    transfers: tuple[PlannedTransfer, ...]
    checkouts: tuple[PlannedCheckout, ...]
    visits: tuple[PlannedVisit, ...]

    @property
    def payments(self) -> int:
        """How many times money reached the school, whatever was notified."""
        paid = sum(checkout.is_paid for checkout in self.checkouts)
        received = sum(transfer.amount_vnd > 0 for transfer in self.transfers)
        return received + paid + len(self.visits)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoChannels:
    """Who notifies transfers to which account: account number -> its channels, the usual one first."""

    notifiers: Mapping[str, tuple[str, ...]]
    va_prefixes: Mapping[str, str]


def make_plan(
    bills: Sequence[DemoBill],
    files: Sequence[DemoBill],
    payees: Sequence[Payee],
    channels: DemoChannels,
    day: date,
    seed: int = SEED,
) -> Plan:
    """The plan of a day. The first payee's account takes the checkouts and the day's mishaps.

    `files`: the invoices of applications, payable to an account with virtual ones. Raises ValueError
    when there are too few of either for a day.
    """
    rng = random.Random(seed)  # noqa: S311 - a demo's day, not a secret
    main = payees[0].number
    shuffled = list(bills)
    rng.shuffle(shuffled)
    at_main = [bill for bill in shuffled if bill.account_number == main]
    waiting = iter(at_main)
    checkouts = _checkouts(waiting, rng, day)
    visits = [
        PlannedVisit(adapter=adapter, code=bill.reference, bill=bill, at=_moment(rng, day))
        for adapter, count in AT_A_COUNTER.items()
        for bill in islice(waiting, count)
    ]
    by_bvbank = list(islice(waiting, COLLECTED_BY_BVBANK))
    troubled = list(islice(waiting, TROUBLED_BILLS))
    if len(troubled) < TROUBLED_BILLS or len(files) < FILES_BY_PORTAL + FILES_BY_TRANSFER:
        raise ValueError("too few open invoices for a day")
    special = _special(troubled, rng, day)
    left = set(waiting) | {bill for bill in shuffled if bill.account_number != main}
    ordinary = [bill for bill in shuffled if bill in left][: BANK_PAYMENTS - len(special)]
    if len(special) + len(ordinary) < BANK_PAYMENTS:
        raise ValueError("too few open invoices for a day")
    transfers = _ordinary(ordinary, payees, rng, day)
    visits += [
        PlannedVisit(adapter="dvcqg", code=file.code, bill=file, at=_moment(rng, day))
        for file in files[:FILES_BY_PORTAL]
    ]
    to_virtual = _to_virtual_accounts(
        files[FILES_BY_PORTAL:][:FILES_BY_TRANSFER], channels, rng, day
    )
    collected = _collected(by_bvbank, rng, day)
    fee = PlannedTransfer(
        account_number=main,
        amount_vnd=-MAINTENANCE_FEE_VND,
        content=f"PHI QUAN LY TAI KHOAN THANG {day:%m/%Y}",
        reference="",
        at=datetime.combine(day, time(23, 30), VN),
    )
    notified = _with_notifiers(
        [*_with_mishaps(transfers, main, rng), *special, *to_virtual], channels
    )
    planned = [*notified, *collected, fee]
    return Plan(
        day=day,
        transfers=tuple(sorted(planned, key=lambda one: one.at)),
        checkouts=tuple(sorted(checkouts, key=lambda one: one.at)),
        visits=tuple(sorted(visits, key=lambda one: one.at)),
    )


def _checkouts(waiting: Iterator[DemoBill], rng: random.Random, day: date) -> list[PlannedCheckout]:
    """Who goes to which provider's page; the first of VNPAY's cancel there."""
    return [
        PlannedCheckout(
            adapter=adapter,
            bill=bill,
            at=_moment(rng, day),
            is_paid=number >= CANCELLED_CHECKOUTS or adapter != "vnpay",
            mishap=_mishap_of_checkout(rng, is_last=number == wanted - 1),
        )
        for adapter, count in CHECKOUTS.items()
        for wanted in [count + (CANCELLED_CHECKOUTS if adapter == "vnpay" else 0)]
        for number, bill in enumerate(islice(waiting, wanted))
    ]


def _ordinary(
    bills: Sequence[DemoBill], payees: Sequence[Payee], rng: random.Random, day: date
) -> list[PlannedTransfer]:
    """A transfer for each, with the texts of real ones; the first have one symbol wrong."""
    payee_of = {payee.number: payee for payee in payees}
    return [
        PlannedTransfer(
            account_number=bill.account_number,
            amount_vnd=bill.total_vnd,
            content=with_wrong_symbol(bill.reference, rng)
            if number < WRONG_SYMBOLS
            else delivered_text(bill.reference, payee_of[bill.account_number], rng),
            reference=bill.reference,
            at=_moment(rng, day),
        )
        for number, bill in enumerate(bills)
    ]


def _to_virtual_accounts(
    files: Sequence[DemoBill], channels: DemoChannels, rng: random.Random, day: date
) -> list[PlannedTransfer]:
    """Applicants who send their fee to the virtual account of their file."""
    return [
        PlannedTransfer(
            account_number=file.account_number,
            amount_vnd=file.total_vnd,
            content="NOP PHI HO SO",
            reference=file.reference,
            at=_moment(rng, day),
            virtual_account=channels.va_prefixes[file.account_number] + file.reference,
        )
        for file in files
    ]


def _collected(bills: Sequence[DemoBill], rng: random.Random, day: date) -> list[PlannedTransfer]:
    """What BVBank collects and notifies."""
    return [
        PlannedTransfer(
            account_number=bill.account_number,
            amount_vnd=bill.total_vnd,
            content=f"NOP HOC PHI {bill.reference}",
            reference=bill.reference,
            at=_moment(rng, day),
            notifier="bvbank",
        )
        for bill in bills
    ]


def _mishap_of_checkout(rng: random.Random, *, is_last: bool) -> Mishap:
    return Mishap(is_lost=True) if is_last else Mishap(copies=int(rng.random() < DUPLICATED_SHARE))


def _with_notifiers(
    transfers: Sequence[PlannedTransfer], channels: DemoChannels
) -> list[PlannedTransfer]:
    """Each account's channels alternate; a contradiction needs the usual one, which keeps amounts."""
    made = []
    for number, one in enumerate(transfers):
        found = channels.notifiers[one.account_number]
        is_plain = one.mishap == NO_MISHAP and one.contradiction_vnd is None
        second = 1 if is_plain and number % EVERY_OTHER_NOTIFIER == 0 else 0
        made.append(replace(one, notifier=found[min(second, len(found) - 1)]))
    return made


def _special(bills: Sequence[DemoBill], rng: random.Random, day: date) -> list[PlannedTransfer]:
    """Two over, two under, one twice, one for another pupil, one without a reference."""
    over, far_over, under, far_under, twice, confused, other, nameless = bills
    planned = [
        (over, 50_000, "", over.reference, _moment(rng, day)),
        (far_over, 100_000, "", far_over.reference, _moment(rng, day)),
        (under, -50_000, "", under.reference, _moment(rng, day)),
        (far_under, -100_000, "", far_under.reference, _moment(rng, day)),
        (twice, 0, "", twice.reference, _at(day, 8)),
        (twice, 0, "", twice.reference, _at(day, 19)),
        (other, 0, "", other.reference, _at(day, 9)),
        (confused, 0, f"NOP TIEN THANG {day.month} ", other.reference, _at(day, 17)),
        (nameless, 0, f"ME CHAU MINH ANH NOP TIEN AN THANG {day.month}", "", _moment(rng, day)),
    ]
    return [
        PlannedTransfer(
            account_number=bill.account_number,
            amount_vnd=bill.total_vnd + more_vnd,
            content=words + reference,
            reference=reference,
            at=at,
        )
        for bill, more_vnd, words, reference, at in planned
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
    """The order in which notifications of the transfers are sent: each up to `OUT_OF_ORDER` late."""
    late = OUT_OF_ORDER.total_seconds()
    return sorted(transfers, key=lambda one: one.at.timestamp() + rng.uniform(0, late))
