"""What the sandbox's providers have in common, whichever they play: their books, their messages, their
server. Written beside the adapters and never with them: nothing here or below is shared with the service.

A *notifier* (a module) says how a provider tells a merchant that money moved. A *server* (a class) is the
provider's server: it takes orders, questions and refunds, shows a payer what to pay and keeps books
of its own. Amounts are VND, instants are aware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import httpx

from sandbox.courier import NO_MISHAP, Answer, Mishap, deliver


class MovementState(StrEnum):
    """How a movement stands in its provider's books."""

    PAID = "paid"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money that moved, or was meant to, as the provider's own books have it.

    sequence: unique in a sandbox; every number that the provider prints derives from it.
    merchant_reference: what the merchant called the order; content: the text of a transfer.
    """

    sequence: int
    amount_vnd: int
    at: datetime
    state: MovementState = MovementState.PAID
    merchant_reference: str = ""
    content: str = ""
    account_number: str = ""
    virtual_account: str = ""
    bank_transaction_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A school's account with a provider, as the provider knows it. Keys are the adapter's own names."""

    provider: str
    ipn_url: str
    account_number: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One HTTP request to a merchant; `path` is what the protocol names below the IPN address."""

    method: str = "POST"
    path: str = ""
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Notifier(Protocol):
    """How a provider tells of money. A module satisfies it by its names.

    DELAYS_S: the waits between its tries. SIGNED, UNSIGNED: what stands in front of a value that the
    signature does or does not cover ('"amount":' in a body, "vnp_Amount=" in a query, or
    "header:authorization"); the tests alter what follows.
    """

    NAME: str
    DELAYS_S: tuple[float, ...]
    SIGNED: tuple[str, ...]
    UNSIGNED: tuple[str, ...]

    async def message(
        self,
        client: httpx.AsyncClient,
        movement: Movement,
        merchant: Merchant,
        *,
        leave_out: str = "",
    ) -> Message:
        """The signed message; `leave_out` is a field forgotten before signing."""

    def is_final(self, reply: httpx.Response) -> bool:
        """Whether the provider stops on this reply."""


class OrderRefusedError(Exception):
    """The provider does not take this order; `vi` says why, in the payer's language."""

    def __init__(self, vi: str) -> None:
        super().__init__(vi)
        self.vi = vi


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An HTTP request at the provider's server; `path` is below the provider's own address."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReply:
    """What the server answers."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPage:
    """What a payer is shown: an order and its price."""

    order_id: str
    amount_vnd: int
    info: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What became of an order at the payer's hand; `return_url` is where the browser goes, signed.

    is_told: whether the provider tells the merchant of it at all; some tell of paid orders only.
    """

    movement: Movement
    merchant: Merchant
    return_url: str
    is_notified: bool = True


class ProviderServer(Protocol):
    """A provider's server with books of its own: `movements` holds what payers paid, in order."""

    NAME: str
    merchants: Sequence[Merchant]
    movements: list[Movement]

    def answer(self, call: Call, at: datetime) -> CallReply:
        """A merchant's call: an order, a question, a refund. Faults are answered, never raised."""

    def open_order(self, call: Call, at: datetime) -> PayPage:
        """The payer's browser arrives at GET /pay… Raises OrderRefusedError."""

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """The payer pays or cancels; again is the same. Raises OrderRefusedError for no such order."""


async def send(client: httpx.AsyncClient, merchant: Merchant, message: Message) -> httpx.Response:
    """Bring a message to the merchant once."""
    url = merchant.ipn_url + message.path + (f"?{message.query}" if message.query else "")
    return await client.request(
        message.method, url, headers=list(message.headers), content=message.body
    )


async def notify(
    client: httpx.AsyncClient,
    notifier: Notifier,
    movement: Movement,
    merchant: Merchant,
    mishap: Mishap = NO_MISHAP,
    *,
    compression: float = 1.0,
) -> list[Answer]:
    """Tell a merchant of a movement on the provider's schedule; all answers."""

    async def attempt(is_tampered: bool) -> Answer:
        message = await notifier.message(client, movement, merchant)
        if is_tampered:
            message = altered(message, notifier.SIGNED[0])
        reply = await send(client, merchant, message)
        return Answer(reply.status_code, reply.content, notifier.is_final(reply))

    return await deliver(attempt, notifier.DELAYS_S, mishap, compression)


def span(message: Message, mark: str) -> tuple[str, int, int]:
    """Where the value behind `mark` stands: (part, start, end), the part being body, query or a header.

    Raises ValueError when the message has no such value.
    """
    name = mark.removeprefix("header:")
    if name != mark:
        found = [(key, value) for key, value in message.headers if key.lower() == name]
        if not found:
            raise ValueError(mark)
        return mark, 0, len(found[0][1])
    text = message.body if mark.encode() in message.body else message.query.encode()
    part = "body" if text is message.body else "query"
    start = text.index(mark.encode()) + len(mark.encode())
    while text[start : start + 1] in (b'"', b"\\", b" "):
        start += 1
    end = start
    while end < len(text) and text[end : end + 1] not in (b'"', b",", b"&", b"}", b"]", b"\\"):
        end += 1
    if end == start:
        raise ValueError(mark)
    return part, start, end


def altered(message: Message, mark: str, at: int = 0) -> Message:
    """The message with one character of the value behind `mark` changed: the one `at` from its start."""
    part, start, end = span(message, mark)
    place = start + at % (end - start)
    if part == "body":
        symbol = _other(message.body[place : place + 1])
        return replace(message, body=message.body[:place] + symbol + message.body[place + 1 :])
    if part == "query":
        query = message.query.encode()
        return replace(
            message,
            query=(query[:place] + _other(query[place : place + 1]) + query[place + 1 :]).decode(),
        )
    name = mark.removeprefix("header:")
    headers = tuple(
        (key, value[:place] + _other(value[place].encode()).decode() + value[place + 1 :])
        if key.lower() == name
        else (key, value)
        for key, value in message.headers
    )
    return replace(message, headers=headers)


def _other(symbol: bytes) -> bytes:
    """Another symbol of the same kind, so that the message stays well formed."""
    if symbol.isdigit():
        return b"7" if symbol != b"7" else b"8"
    return b"x" if symbol != b"x" else b"y"
