"""The proof of a day: pure arithmetic that closes a day to the đồng, or names what is left.

A bank account is proved twice at once. By the statement: opening + matched lines + listed exceptions =
closing. By the books: what the ledger holds at the bank + lines not booked - payments the statement
has not shown = the same closing. `difference_vnd` is what neither explains; a day closes at 0 only,
and where no statement states a closing there is no difference either: it must never be 0 by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ItemKind(StrEnum):
    """What a figure of a proof is. + came in, - went out."""

    MATCHED = "matched"  # lines of the day with their payments
    UNPOSTED = "unposted"  # lines of the day that the books do not have: each is an exception
    UNREADABLE = "unreadable"  # rows of the day that could not be read, by the balances around them
    LEDGER_CLOSING = "ledger_closing"  # what the books hold at the end of the day
    CARRIED = "carried"  # lines of earlier days that the books still do not have
    MISSING_IN_STATEMENT = "missing_in_statement"  # booked, not shown by the statement yet
    POSTED_AHEAD = "posted_ahead"  # shown by the statement, dated after the day in the books
    CORRECTED_LATER = "corrected_later"  # in the books of the day, taken back on a later one
    GAP_BEFORE = "gap_before"  # the opening does not continue the last closing
    BROKEN_BALANCE = (
        "broken_balance"  # the day's lines do not follow one another: files are missing
    )
    NO_STATEMENT = "no_statement"
    RECEIVED = "received"  # into a clearing account
    SETTLED = "settled"  # out of a clearing account
    REFUNDED = "refunded"  # given back by the provider out of a clearing account
    PROVIDER_KEPT = "provider_kept"  # the provider's fees and the VAT on them
    UNSETTLED = "unsettled"  # payments that are in no settlement yet
    REPORTED = "reported"  # payments in a settlement that the bank has not shown yet
    RETURNED = "returned"  # refunds that no settlement has taken off yet
    STRAY = "stray"  # settled, but no payment or refund of ours


@dataclass(frozen=True, slots=True)
class Item:
    """One figure of a proof in VND and how many lines or payments it sums."""

    kind: ItemKind
    amount_vnd: int
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The proof of one ledger account on one day, in VND.

    `account`: the bank account's number, or "adapter:number" of a clearing account. Opening, closing
    and difference are None where no statement states them.
    """

    account: str
    ledger_account_id: int
    opening_vnd: int | None
    closing_vnd: int | None
    difference_vnd: int | None
    items: tuple[Item, ...]

    @property
    def is_closed(self) -> bool:
        """Whether the day closes: something was stated, and nothing is left to explain."""
        return self.difference_vnd == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceChain:
    """How the running balances of a day's lines follow one another, whatever files they came in.

    Every line leads from the balance before it to the one after. `starts` are balances that one line
    more leaves than reaches, `ends` the reverse; `circle` holds all of them when none is either.
    """

    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    circle: tuple[int, ...] = ()
    is_tangled: bool = False

    def opening(self, expected_vnd: int | None, stated: Sequence[int] = ()) -> int | None:
        """The balance that the day began with; None when the lines do not follow one another.

        A day that ends where it began can be entered anywhere: at the balance `expected_vnd`, else at
        the least of the openings that its files state.
        """
        if self.circle:
            if expected_vnd in self.circle:
                return expected_vnd
            return min(set(stated) & set(self.circle), default=min(self.circle))
        return self.starts[0] if self._is_whole() else None

    def closing(self, opening_vnd: int | None) -> int | None:
        """The balance that the day ended with."""
        if self.circle:
            return opening_vnd
        return self.ends[0] if self._is_whole() else None

    def _is_whole(self) -> bool:
        return len(self.starts) == len(self.ends) == 1 and not self.is_tangled


@dataclass(frozen=True, slots=True, kw_only=True)
class BankDay:
    """A bank account on a day, as read: VND, sums signed (+ in, - out).

    `expected_opening_vnd`: the first opening ever stated + every line since; None on the first day.
    `stated_closings`: of the files that end on this day. `is_covered`: some statement covers the day. `chain` is
    None when the day has no lines.
    """

    account: str
    ledger_account_id: int
    is_covered: bool
    expected_opening_vnd: int | None
    stated_openings: tuple[int, ...]
    stated_closings: tuple[int, ...]
    chain: BalanceChain | None
    matched: tuple[int, int]
    unposted: tuple[int, int]
    unreadable: tuple[int, int]
    carried: tuple[int, int]
    missing: tuple[int, int]
    ahead: tuple[int, int]
    ledger_closing_vnd: int
    corrected: tuple[int, int] = (0, 0)


def prove_bank(day: BankDay) -> Proof:
    """The proof of a bank account."""
    opening_vnd, closing_vnd = _stated(day)
    items = [
        Item(ItemKind.MATCHED, *day.matched),
        Item(ItemKind.UNPOSTED, *day.unposted),
        Item(ItemKind.UNREADABLE, *day.unreadable),
        Item(ItemKind.LEDGER_CLOSING, day.ledger_closing_vnd),
        Item(ItemKind.CARRIED, *day.carried),
        Item(ItemKind.MISSING_IN_STATEMENT, -day.missing[0], day.missing[1]),
        Item(ItemKind.POSTED_AHEAD, *day.ahead),
        Item(ItemKind.CORRECTED_LATER, -day.corrected[0], day.corrected[1]),
    ]
    difference_vnd = None
    if closing_vnd is not None:
        difference_vnd = closing_vnd - (
            day.ledger_closing_vnd
            + day.unposted[0]
            + day.unreadable[0]
            + day.carried[0]
            - day.missing[0]
            + day.ahead[0]
            - day.corrected[0]
        )
    elif not day.is_covered:
        items.append(Item(ItemKind.NO_STATEMENT, 0))
    else:
        items.append(Item(ItemKind.BROKEN_BALANCE, 0, 1))
    if opening_vnd is not None and day.expected_opening_vnd not in {None, opening_vnd}:
        items.append(Item(ItemKind.GAP_BEFORE, opening_vnd - (day.expected_opening_vnd or 0), 1))
    return Proof(
        account=day.account,
        ledger_account_id=day.ledger_account_id,
        opening_vnd=opening_vnd,
        closing_vnd=closing_vnd,
        difference_vnd=difference_vnd,
        items=tuple(
            item
            for item in items
            if item.amount_vnd or item.count or item.kind is ItemKind.NO_STATEMENT
        ),
    )


def _stated(day: BankDay) -> tuple[int | None, int | None]:
    if not day.is_covered:
        return day.expected_opening_vnd, None
    if day.chain is None:  # a quiet day inside a longer statement
        return day.expected_opening_vnd, day.expected_opening_vnd
    opening_vnd = day.chain.opening(day.expected_opening_vnd, day.stated_openings)
    closing_vnd = day.chain.closing(opening_vnd)
    if day.stated_closings and closing_vnd not in day.stated_closings:
        return opening_vnd, None  # the lines lead elsewhere than any file states: some are missing
    return opening_vnd, closing_vnd


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingDay:
    """Money that a provider holds for the school on a day: what moved, and what the balance is made of.

    VND and counts. `kept_vnd`: its fees and the VAT on them. `returned` is below zero: refunds that no
    settlement has taken off yet. `stray`: lines of booked batches that no payment or refund of ours
    explains, + where the provider took money back.
    """

    account: str
    ledger_account_id: int
    opening_vnd: int
    received_vnd: int
    settled_vnd: int
    unsettled: tuple[int, int]
    kept_vnd: int = 0
    refunded_vnd: int = 0
    reported: tuple[int, int] = (0, 0)
    returned: tuple[int, int] = (0, 0)
    stray: tuple[int, int] = (0, 0)
    corrected: tuple[int, int] = (0, 0)


def prove_clearing(day: ClearingDay) -> Proof:
    """Opening + received - settled - kept - refunded = closing, and that is exactly what is itemised."""
    closing_vnd = (
        day.opening_vnd + day.received_vnd - day.settled_vnd - day.kept_vnd - day.refunded_vnd
    )
    made_of = (
        Item(ItemKind.REPORTED, *day.reported),
        Item(ItemKind.RETURNED, *day.returned),
        Item(ItemKind.STRAY, *day.stray),
        Item(ItemKind.CORRECTED_LATER, *day.corrected),
    )
    moved = (
        Item(ItemKind.PROVIDER_KEPT, -day.kept_vnd),
        Item(ItemKind.REFUNDED, -day.refunded_vnd),
    )
    itemised_vnd = day.unsettled[0] + sum(item.amount_vnd for item in made_of)
    return Proof(
        account=day.account,
        ledger_account_id=day.ledger_account_id,
        opening_vnd=day.opening_vnd,
        closing_vnd=closing_vnd,
        difference_vnd=closing_vnd - itemised_vnd,
        items=(
            Item(ItemKind.RECEIVED, day.received_vnd),
            Item(ItemKind.SETTLED, -day.settled_vnd),
            *(item for item in moved if item.amount_vnd),
            Item(ItemKind.UNSETTLED, *day.unsettled),
            *(item for item in made_of if item.amount_vnd or item.count),
        ),
    )
