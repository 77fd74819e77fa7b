"""The contract between the house and the world outside: what an adapter is given and gives back.

An adapter is a module of pure functions over bytes: verify -> translate -> reply. It holds no state,
opens no connection, reads no clock and imports nothing from the rest of the project. Everything a
provider can say about money becomes one value, a `Notice`; everything we answer is a `Reply` in the
provider's own words. Amounts are integers of VND, instants are timezone-aware.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What a notice says about the money. Only `PAID` ever reaches the ledger."""

    PAID = "paid"
    FAILED = "failed"
    PENDING = "pending"
    OUTGOING = "outgoing"  # money left the account (a debit): not a payment to a school
    TEST = "test"  # a provider's own ping: acknowledged, never booked


class VerdictKind(StrEnum):
    """What the recorder did with a notice; each adapter says it in its provider's words."""

    RECORDED = "recorded"
    AMOUNT_DIFFERS = "amount_differs"  # recorded as it is, but not the amount that was asked for
    ALREADY_PAID = "already_paid"  # recorded; nothing was open, so it is the student's credit
    UNKNOWN_REFERENCE = "unknown_reference"  # recorded in suspense (a failed one: only noted)
    WRONG_ACCOUNT = "wrong_account"  # recorded in suspense
    CONFLICT = "conflict"  # same transaction, other content: refused, stored, alarmed
    NOTED = "noted"  # no money in it (failed, pending, outgoing, test)


class Refused(StrEnum):
    """Why a message was turned away before it became a notice."""

    BAD_SIGNATURE = "bad_signature"
    UNAUTHENTICATED = "unauthenticated"  # no or wrong credentials where nothing is signed
    STALE = "stale"  # signed, but outside the allowed time window
    WRONG_CONTENT_TYPE = "wrong_content_type"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    MISSING_FIELD = "missing_field"
    BAD_FIELD = "bad_field"
    WRONG_MERCHANT = "wrong_merchant"
    NOT_FOUND = "not_found"  # a path or method the protocol does not have
    BUSY = "busy"  # our own transient failure: the provider is asked to try again


class RefusedError(Exception):
    """A message that must not become a notice. `field` names the offending field, never its value."""

    def __init__(self, reason: Refused, field: str = "") -> None:
        super().__init__(f"{reason}: {field}" if field else str(reason))
        self.reason = reason
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request as it arrived, untouched: verification works on these raw bytes."""

    method: str
    path: str  # what follows /ipn/{adapter}/{account_key}: "" or "/bank/api/transaction-sync"
    query: bytes  # the raw query string, without "?"
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    received_at: datetime  # UTC
    remote_ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back, byte for byte."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantAccount:
    """A school's account with a provider, as its adapter sees it.

    `secrets` and `settings` hold the keys that each adapter documents at its top as `SECRETS` and
    `SETTINGS`. `bank_accounts` are the account numbers this merchant account may speak about.
    """

    account_key: str
    secrets: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    bank_accounts: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A fact about money: "account A received V dong, provider transaction T, at time t, text s".

    transaction_id: the provider's own identity of the transaction; recorded once per merchant account.
    merchant_reference: what we gave the provider at checkout (carries our reference); "" if none.
    content: the transfer text as delivered; our reference is searched in it.
    payee_account: the account number that received the money; "" where the protocol names none.
    bank_transaction_id: the bank's own number, which the statement will show; "" if unknown.
    """

    transaction_id: str
    outcome: Outcome
    amount_vnd: int
    paid_at: datetime
    content: str = ""
    merchant_reference: str = ""
    payee_account: str = ""
    bank_transaction_id: str = ""

    def fingerprint(self) -> bytes:
        """SHA-256 over what a replay must repeat: outcome, amount, references, account and text.

        Time and free fields are left out: providers restamp their retries.
        """
        parts = (
            self.outcome,
            str(self.amount_vnd),
            self.merchant_reference,
            self.payee_account,
            self.content,
        )
        return hashlib.sha256("\x1f".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The recorder's answer for one notice. `duplicate`: this exact notice had been recorded before.

    `record_id` is our stable identity of the stored notice: a replay gets the same one.
    """

    kind: VerdictKind
    record_id: str
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Notices:
    """The message was genuine and says this. An empty tuple is a ping that says nothing."""

    items: tuple[Notice, ...]


class IpnAdapter(Protocol):
    """What a module must offer to receive payments. Modules satisfy it by their functions."""

    NAME: str
    SECRETS: Mapping[str, str]  # name -> what it is, in English
    SETTINGS: Mapping[str, str]

    def read(self, request: Request, account: MerchantAccount) -> Notices | Reply:
        """Verify the raw bytes and translate. A `Reply` answers calls that carry no money (a token).

        Raises RefusedError; nothing else, whatever the bytes.
        """

    def acknowledge(
        self, request: Request, account: MerchantAccount, verdicts: Sequence[Verdict]
    ) -> Reply:
        """The provider's own acknowledgement, after the notices were committed."""

    def refuse(
        self, request: Request, account: MerchantAccount | None, error: RefusedError
    ) -> Reply:
        """The provider's own words for a refusal. `account` is None where the key was unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a parent is about to pay through a provider's page. Times are aware; amount in VND."""

    merchant_reference: str  # unique for this merchant account: reference + attempt
    amount_vnd: int
    description: str  # unaccented ASCII letters, digits and spaces; no personal data
    return_url: str
    client_ip: str
    locale: str  # "vi" or "en"
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Where to send the parent's browser: a GET to `url`, or a form POST of `fields` when there are any."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


class CheckoutAdapter(Protocol):
    """A provider whose page the parent is redirected to without a server-side call first."""

    NAME: str

    def checkout(self, order: Order, account: MerchantAccount) -> Checkout:
        """Build the signed redirect."""

    def read_return(self, query: bytes, account: MerchantAccount) -> Outcome:
        """What the browser came back with. Display only: it never moves money.

        Raises RefusedError when the signature does not hold.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """A call for the gateway to make; adapters never do I/O themselves."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Ask a provider what became of an order that we sent it."""

    request_id: str
    merchant_reference: str
    ordered_at: datetime
    asked_at: datetime
    client_ip: str


class QueryAdapter(Protocol):
    """A provider that can be asked; the answer goes down the same path as an IPN."""

    NAME: str

    def ask(self, query: Query, account: MerchantAccount) -> OutgoingRequest:
        """Build the signed question."""

    def read_answer(self, query: Query, body: bytes, account: MerchantAccount) -> Notice | None:
        """Verify and translate the answer; None when the provider does not know the order.

        Raises RefusedError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One line of a bank statement. Exactly one of `credit_vnd`, `debit_vnd` is above zero.

    `row` is the row in the file (1 = first), `cells` the row as it stood, for the auditor.
    `bank_transaction_id` is "" where the bank prints none.
    """

    row: int
    posted_on: date
    credit_vnd: int
    debit_vnd: int
    balance_vnd: int | None
    content: str
    bank_transaction_id: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableLine:
    """A row that looked like a transaction and could not be read: kept and listed, never dropped."""

    row: int
    column: str
    problem: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceGap:
    """The running balance does not add up at `row`: a line is missing, doubled or altered there."""

    row: int
    expected_vnd: int
    found_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A bank statement as read. `account_number` is "" where the file does not say."""

    layout: str
    account_number: str
    opening_vnd: int | None
    closing_vnd: int | None
    lines: tuple[StatementLine, ...]
    unreadable: tuple[UnreadableLine, ...] = ()
    gaps: tuple[BalanceGap, ...] = ()


class FileError(Exception):
    """A file that cannot be read as a whole. `code` is stable, `detail` is for the reader."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
