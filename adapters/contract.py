"""The contract between the gateway and its providers: what an adapter is given and gives back.

An adapter is a module of pure functions over bytes: verify -> translate -> reply. It holds no state,
opens no connection, reads no clock and imports nothing from the rest of the project but texts. Everything a
provider can report about money becomes one value, a `Notice`; everything we answer is a `Reply` in the
provider's own protocol. Amounts are integers of VND, instants are timezone-aware.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from adapters.messages import Message, msg


class Outcome(StrEnum):
    """What a notice reports of the money. Only `PAID` ever reaches the ledger."""

    PAID = "paid"
    FAILED = "failed"
    PENDING = "pending"
    OUTGOING = "outgoing"  # money left the account (a debit): not a payment to a school
    TEST = "test"  # a provider's own ping: acknowledged, never booked


class VerdictKind(StrEnum):
    """What became of a notice; each adapter answers it by its provider's protocol."""

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
    FOREIGN_NETWORK = "foreign_network"  # not from a network that this account allows
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
class Answer:
    """What a provider answered to a call of ours, whatever its status."""

    status: int
    content_type: str  # in lower case, without parameters
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantAccount:
    """A school's account with a provider, as its adapter sees it.

    `secrets` and `settings` hold the keys that each adapter documents at its top as `SECRETS` and
    `SETTINGS`. `bank_accounts` are the account numbers this merchant account may report on.
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
    is_provisional: the provider does not sign the amount. It counts, but no voucher is made of it
    before a statement or another channel has confirmed it.
    unmapped_status: the provider's code for a state that its protocol does not define; such a
    notice is pending, and a person gets to see the code.
    is_reported: read in a settlement file, which has neither the payer's text nor an account.
    """

    transaction_id: str
    outcome: Outcome
    amount_vnd: int
    paid_at: datetime
    content: str = ""
    merchant_reference: str = ""
    payee_account: str = ""
    bank_transaction_id: str = ""
    is_provisional: bool = False
    unmapped_status: str = ""
    is_reported: bool = False

    def fingerprint(self) -> bytes:
        """SHA-256 over what a replay must repeat: outcome, amount, references, account and text.

        Time and free fields are left out: providers restamp their retries. What was only reported is
        repeated by any notice of the same outcome, amount and reference.
        """
        parts = (
            ("reported", self.outcome, str(self.amount_vnd), self.merchant_reference)
            if self.is_reported
            else (
                self.outcome,
                str(self.amount_vnd),
                self.merchant_reference,
                self.payee_account,
                self.content,
            )
        )
        return hashlib.sha256("\x1f".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one notice. `duplicate`: this exact notice had been recorded before.

    `record_id` is our stable identity of the stored notice: a replay gets the same one.
    """

    kind: VerdictKind
    record_id: str
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Notices:
    """What a genuine message reports. An empty tuple is a ping that reports nothing."""

    items: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question before a payment: what is owed under `code`, a customer's code as the payer typed it.

    It may be an invoice's or a pupil's reference, the school's own code of a pupil, or a file's code.
    """

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One fee of a bill. `code` is the school's code of the fee item; amounts in VND."""

    code: str
    description: str
    amount_vnd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """The administrative procedure that a fee belongs to on the National Public Service Portal.

    code, name: MaTTHC, TenTTHC; service_code, service_name: MaDVC, TenDVC. "" where there is none.
    """

    code: str = ""
    name: str = ""
    service_code: str = ""
    service_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What is owed as one sum: to be paid whole, under `reference`, which the payment repeats.

    description: unaccented ASCII without personal data. file_code: the payer's file (mã hồ sơ), or
    the pupil's code where there is none.
    """

    reference: str
    amount_vnd: int
    description: str
    due_on: date
    file_code: str = ""
    lines: tuple[BillLine, ...] = ()
    procedure: Procedure = Procedure()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """Whose money it is: the school's own account and the school's name."""

    unit_code: str
    unit_name: str
    bank_bin: str
    account_number: str
    account_holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who pays, for a receipt that must name them; masked or "" where nothing more may be shown."""

    name: str = ""
    personal_id: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """The answer to a Lookup: a known customer and what is open; no bills where nothing is owed.

    bills: one per open invoice, the first due first. whole: all of them as one sum, for protocols
    that know only one (the only bill, or under the pupil's standing reference); None without bills.
    """

    payer: Payer
    payee: Payee
    bills: tuple[Bill, ...]
    whole: Bill | None


@dataclass(frozen=True, slots=True)
class Callback:
    """An address of ours that a provider calls, and what comes to it.

    `path` goes below the account's own address: "/ipn/{adapter}/{account_key}", or with `is_portal`
    "/portal/{account_key}".
    """

    what: Message
    path: str = ""
    is_portal: bool = False


NOTICES: Final = msg("Báo giao dịch (IPN)")
DEBTS: Final = msg("Hỏi nợ")


def always(*callbacks: Callback) -> Callable[[Mapping[str, str]], tuple[Callback, ...]]:
    """`IpnAdapter.callbacks` of an adapter that is called at the same addresses whatever its settings are."""
    return lambda settings: callbacks  # noqa: ARG005 - the contract's shape


class IpnAdapter(Protocol):
    """What a module must offer to receive payments. Modules satisfy it by their functions."""

    NAME: str
    SECRETS: Mapping[str, str]  # name -> what it is, in English
    SETTINGS: Mapping[str, str]

    def needed(self, settings: Mapping[str, str]) -> frozenset[str]:
        """The names of the secrets and settings that must be given, beside these settings."""

    def callbacks(self, settings: Mapping[str, str]) -> tuple[Callback, ...]:
        """The addresses that whoever signs up with the provider names to it."""

    def read(self, request: Request, account: MerchantAccount) -> Notices | Lookup | Reply:
        """Verify the raw bytes and translate. A `Reply` answers calls that carry no money (a token).

        Only an adapter registered in LOOKUP returns a `Lookup`. Raises RefusedError; nothing else,
        whatever the bytes.
        """

    def acknowledge(
        self, request: Request, account: MerchantAccount, verdicts: Sequence[Verdict]
    ) -> Reply:
        """The provider's own acknowledgement, after the notices were committed."""

    def refuse(
        self, request: Request, account: MerchantAccount | None, error: RefusedError
    ) -> Reply:
        """The provider's own answer to what is refused. `account` is None where the key was unknown."""


class LookupAdapter(Protocol):
    """A provider that asks what is owed before its customer pays (a bank's counter, the portal)."""

    NAME: str

    def answer_lookup(self, request: Request, account: MerchantAccount, debt: Debt | None) -> Reply:
        """The answer to a Lookup, by the provider's protocol; `debt` is None where nobody has this code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a parent is about to pay through a provider's page. Times are aware; amount in VND.

    merchant_reference: unique for this merchant account: our reference and the attempt ("HP…00"),
    or the same as a number below 2**50 in decimal digits where the adapter stands in NUMBERED.
    """

    merchant_reference: str
    amount_vnd: int
    description: str  # unaccented ASCII letters, digits and spaces; no personal data
    return_url: str
    ipn_url: str
    client_ip: str
    locale: str  # "vi" or "en"
    created_at: datetime
    expires_at: datetime
    bill: Bill
    payer: Payer
    payee: Payee


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Where to send the parent's browser: a GET to `url`, or a form POST of `fields` when there are any.

    provider_reference: the provider's own name for the order, needed to ask about it; "" if none.
    """

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)
    provider_reference: str = ""


class ReturnAdapter(Protocol):
    """A provider that sends the parent's browser back to us."""

    NAME: str

    def read_return(self, query: bytes, account: MerchantAccount) -> Outcome:
        """What the browser came back with. Display only: no money is booked by it.

        PENDING where the provider signs nothing. Raises RefusedError when a signature does not hold.
        """


class RedirectAdapter(ReturnAdapter, Protocol):
    """A provider whose page the parent is redirected to without a server-side call first."""

    def checkout(self, order: Order, account: MerchantAccount) -> Checkout:
        """Build the signed redirect.

        Raises ValueError when the order does not fit the provider's fields, RefusedError(BUSY) when
        the account is incomplete.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """A call for the gateway to make; adapters never do I/O themselves."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class CreateAdapter(ReturnAdapter, Protocol):
    """A provider that takes the order by a call first and answers where to send the parent."""

    def create(self, order: Order, account: MerchantAccount) -> OutgoingRequest:
        """Build the signed call. Raises as RedirectAdapter.checkout does."""

    def read_created(self, order: Order, answer: Answer, account: MerchantAccount) -> Checkout:
        """Verify and translate the answer.

        Raises RefusedError: BUSY when the provider could not this time (its error, HTML, nothing),
        any other reason when it refused the order.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """Ask a provider what became of an order that we sent it."""

    request_id: str  # 32 hex digits, new for each question
    merchant_reference: str
    provider_reference: str  # of the Checkout; "" if the provider gave none
    amount_vnd: int
    ordered_at: datetime
    asked_at: datetime
    client_ip: str


class QueryAdapter(Protocol):
    """A provider that can be asked; the answer goes down the same path as an IPN.

    FIRST_ASK: how long after the order the first question makes sense; later ones at doubling
    intervals, for three days.
    """

    NAME: str
    FIRST_ASK: timedelta

    def ask(self, query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
        """Build the signed question. Raises RefusedError(BUSY) when the account is incomplete."""

    def read_answer(
        self, query: OrderQuery, answer: Answer, account: MerchantAccount
    ) -> tuple[Notice, ...]:
        """Verify and translate the answer; empty when the provider does not know the order.

        Each notice is the very one that the IPN of its transaction would have been. Raises
        RefusedError; BUSY when the provider could not answer this time.
        """


class CancelAdapter(Protocol):
    """A provider whose open order can be withdrawn, so that nobody pays it once it is settled."""

    NAME: str

    def cancel(self, query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
        """Build the call; sending it again changes nothing."""

    def read_cancelled(self, query: OrderQuery, answer: Answer, account: MerchantAccount) -> bool:
        """Whether the order can no longer be paid. Raises RefusedError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """Money to be given back through the provider that took it. Amounts in VND, times aware.

    request_id: ours, 20 letters and digits, stored before the call; a repeated call repeats it.
    merchant_reference, provider_reference, transaction_id: of the payment, as its checkout and its
    notice had them.
    """

    request_id: str
    merchant_reference: str
    provider_reference: str
    transaction_id: str
    paid_vnd: int
    amount_vnd: int
    reason: str  # unaccented ASCII
    requested_by: str  # unaccented ASCII, the user's name of the console
    ordered_at: datetime
    paid_at: datetime
    requested_at: datetime  # stored: the same in every repetition
    asked_at: datetime
    client_ip: str


class RefundState(StrEnum):
    """How a refund stands with its provider."""

    DONE = "done"
    PENDING = "pending"  # accepted or in doubt: it is asked about until it is final
    REFUSED = "refused"  # final: no money moved
    UNSEEN = "unseen"  # asked, it has never seen this demand: it may go out again under its own id


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAnswer:
    """What a provider answered. `code` is the provider's own; `provider_refund_id` "" if none."""

    state: RefundState
    provider_refund_id: str = ""
    code: str = ""


class RefundAdapter(Protocol):
    """A provider that gives money back on demand. In doubt the state is PENDING, never REFUSED."""

    NAME: str

    def refund(self, order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
        """Build the signed demand. Raises ValueError or RefusedError(BUSY) as checkouts do."""

    def read_refund(
        self, order: RefundOrder, answer: Answer, account: MerchantAccount
    ) -> RefundAnswer:
        """Verify and translate the answer to the demand. Raises RefusedError: nothing is known."""

    def ask_refund(self, order: RefundOrder, account: MerchantAccount) -> OutgoingRequest:
        """Build the signed question what became of it."""

    def read_refund_status(
        self, order: RefundOrder, answer: Answer, account: MerchantAccount
    ) -> RefundAnswer:
        """Verify and translate the answer to the question: only here may the state be UNSEEN.

        Raises RefusedError: nothing is known.
        """


class RegisterAdapter(Protocol):
    """A provider that takes our IPN address by a call, tries it at once and keeps it if it answers."""

    NAME: str

    def register_webhook(self, url: str, account: MerchantAccount) -> OutgoingRequest:
        """Build the call; sending it again changes nothing. Raises RefusedError(BUSY): incomplete."""

    def read_registered(self, answer: Answer, account: MerchantAccount) -> None:
        """Return when the address was kept.

        Raises RefusedError: UNAUTHENTICATED for our credentials, BUSY when the provider could not this
        time or does not say why, any other reason when it refused the address.
        """


class ReceiptAdapter(Protocol):
    """A provider that issues a receipt of its own for a payment (the portal's e-receipt)."""

    NAME: str

    def ask_receipt(self, query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
        """Build the signed question for the receipt of a paid order."""

    def read_receipt(
        self, query: OrderQuery, answer: Answer, account: MerchantAccount
    ) -> bytes | OutgoingRequest | None:
        """The PDF, or the call that fetches it at once, or None while there is none.

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
    """A row that looked like a transaction and could not be read: kept and listed, never dropped.

    `problem` says what is wrong in `column`, where `value` stands; `cells`: the row as it stood.
    """

    row: int
    column: str
    problem: Message
    cells: tuple[str, ...]
    value: str = ""


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
    """A file that cannot be read as a whole. `code` is stable, `detail` says why to a person."""

    def __init__(self, code: str, detail: Message) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@contextmanager
def naming_file(name: str) -> Iterator[None]:
    """Put the file's name before the detail of a `FileError` that is raised inside."""
    try:
        yield
    except FileError as error:
        detail = msg("{file}: {detail}", file=name, detail=error.detail)
        raise FileError(error.code, detail) from error
