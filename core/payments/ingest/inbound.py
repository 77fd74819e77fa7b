"""A notice on its way in: all that its own content and its merchant account decide, worked out once.

Values only: what a notice says is read here, in one place, and whoever records it takes it from here.
Nothing here asks the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, final

from adapters.contract import Notice, Outcome, VerdictKind
from core.kit.clock import business_date
from core.kit.reference import find_references
from core.merchants.directory import Merchant

Identity: TypeAlias = tuple[int, int, str]
"""What makes a transaction the same one: school, merchant account, the provider's transaction."""


@final
class InboundNotice:
    """A notice on its way in, with the bytes it was read from. Nothing changes it once it is made.

    is_paid: whether money arrived; only then it reaches the ledger. likely_verdict: what nearly every such
    notice comes to; the few others are updated once the rules have decided. business_date: the day in
    Vietnam on which it arrived. fingerprint: what a repetition repeats. exact, corrected: the references that it names,
    in their order; a corrected one had a wrong symbol. bank_account_id: whom the money is for, None where
    the account named is not the school's; held_on_id: the ledger account that holds it. Raises ValueError
    for an instant without a zone.
    """

    __slots__ = (
        "bank_account_id", "business_date", "corrected", "exact", "fingerprint", "held_on_id",
        "identity", "is_paid", "likely_verdict", "merchant", "notice", "raw",
    )  # fmt: skip

    def __init__(self, merchant: Merchant, notice: Notice, raw: bytes) -> None:
        bank_account_id, held_on_id = receiving_accounts(merchant, notice.payee_account)
        exact, corrected = _references(notice)
        self.merchant: Final = merchant
        self.notice: Final = notice
        self.raw: Final = raw
        self.identity: Final[Identity] = (
            merchant.school_id,
            merchant.merchant_account_id,
            notice.transaction_id,
        )
        self.is_paid: Final = notice.outcome is Outcome.PAID
        self.likely_verdict: Final = VerdictKind.RECORDED if self.is_paid else VerdictKind.NOTED
        self.business_date: Final = business_date(notice.paid_at)
        self.fingerprint: Final = notice.fingerprint()
        self.exact: Final = exact
        self.corrected: Final = corrected
        self.bank_account_id: Final = bank_account_id
        self.held_on_id: Final = held_on_id


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice that was first of its transaction, with the numbers the database gave it."""

    inbound: InboundNotice
    notice_id: int
    journal_id: int


def receiving_accounts(merchant: Merchant, payee_account: str) -> tuple[int | None, int]:
    """(bank account the money is for, ledger account that holds it); None: not the school's.

    Money that a provider claims for a foreign account is held in the provider's clearing account until a
    person has looked; so is, until it is paid out, what a provider settles in batches.
    """
    if payee_account and payee_account not in merchant.banks:
        return None, merchant.clearing_account_id
    if payee_account:
        bank_account_id, ledger_account_id = merchant.banks[payee_account]
    else:
        bank_account_id = merchant.bank_account_id
        ledger_account_id = next(
            ledger_id
            for bank_id, ledger_id in merchant.banks.values()
            if bank_id == bank_account_id
        )
    if merchant.settlement == "batch":
        return bank_account_id, merchant.clearing_account_id
    return bank_account_id, ledger_account_id


def _references(notice: Notice) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What we gave the provider names the invoice; the transfer text counts only where that is silent."""
    for text in (notice.merchant_reference, notice.content):
        if text and (found := find_references(text)):
            exact = tuple(dict.fromkeys(one.reference for one in found if not one.corrected))
            corrected = tuple(dict.fromkeys(one.reference for one in found if one.corrected))
            return exact, corrected
    return (), ()
