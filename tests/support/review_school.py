"""Both ends of a provider's wire in one process: an adapter's calls at a sandbox server, a notifier's words read."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import strategies as st
from support.factories import SECRETS, SETTINGS

from adapters.contract import (
    Answer,
    Bill,
    Checkout,
    MerchantAccount,
    Notice,
    Notices,
    Order,
    OrderQuery,
    OutgoingRequest,
    Payee,
    Payer,
    RefundOrder,
    RefusedError,
    Request,
)
from sandbox.provider import (
    Call,
    Decided,
    Merchant,
    Message,
    Movement,
    MovementState,
    Notifier,
    ProviderServer,
    altered,
    span,
)

_NOBODY = httpx.AsyncClient()  # never sends: these notifiers ask nothing first
NOW = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)
ORDER = Order(
    merchant_reference="HP7K2M9QX4TB00",
    amount_vnd=1_250_000,
    description="Hoc phi HP7K2M9QX4TB",
    return_url="https://fees.example.vn/pay/t/return/x",
    ipn_url="https://fees.example.vn/ipn/x/k1",
    client_ip="203.0.113.7",
    locale="vi",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
    bill=Bill(
        reference="HP7K2M9QX4TB",
        amount_vnd=1_250_000,
        description="Hoc phi",
        due_on=date(2026, 9, 30),
    ),
    payer=Payer(),
    payee=Payee(
        unit_code="TH01",
        unit_name="TH 01",
        bank_bin="970436",
        account_number="0123456789",
        account_holder="TH 01",
    ),
)
QUERY = OrderQuery(
    request_id="a" * 32,
    merchant_reference=ORDER.merchant_reference,
    provider_reference="",
    amount_vnd=ORDER.amount_vnd,
    ordered_at=NOW,
    asked_at=NOW + timedelta(minutes=16),
    client_ip="127.0.0.1",
)
REFUND = RefundOrder(
    request_id="R0123456789ABCDEFGHJ",
    merchant_reference=ORDER.merchant_reference,
    provider_reference="",
    transaction_id=f"{ORDER.merchant_reference}.1",
    paid_vnd=1_250_000,
    amount_vnd=1_250_000,
    reason="Nop thua (hai lan)",
    requested_by="ke toan",
    ordered_at=NOW,
    paid_at=NOW + timedelta(minutes=2),
    requested_at=NOW + timedelta(hours=1),
    asked_at=NOW + timedelta(hours=2),
    client_ip="127.0.0.1",
)


def account_of(name: str) -> MerchantAccount:
    """The test world's account, as an adapter sees it."""
    return MerchantAccount(account_key="k1", secrets=SECRETS[name], settings=SETTINGS[name])


def merchant_of(name: str) -> Merchant:
    """The same, as the provider knows it."""
    return Merchant(
        provider=name,
        ipn_url=f"http://gateway.test/ipn/{name}/k1",
        account_number="0123456789",
        settings=SETTINGS[name],
        secrets=SECRETS[name],
    )


def notified(notifier: Notifier, movement: Movement, *, leave_out: str = "") -> Message:
    """What a notifier that asks nothing first says of a movement."""
    saying = notifier.message(_NOBODY, movement, merchant_of(notifier.NAME), leave_out=leave_out)
    try:
        saying.send(None)  # type: ignore[attr-defined]  # a coroutine, run by hand: it never waits
    except StopIteration as done:
        return done.value
    raise AssertionError("the teller waited for something")


def received(message: Message, **changes: Any) -> Request:
    """A message as it arrives at the gateway."""
    fields: dict[str, Any] = {
        "method": message.method,
        "path": message.path,
        "query": message.query.encode(),
        "headers": {name.lower(): value for name, value in message.headers},
        "body": message.body,
        "received_at": NOW + timedelta(minutes=3),
        "remote_ip": "127.0.0.1",
    }
    return Request(**fields | changes)


def notice_of(adapter: ModuleType, message: Message, **changes: Any) -> Notice:
    """The one notice of a message."""
    found = adapter.read(received(message, **changes), account_of(adapter.NAME))
    assert isinstance(found, Notices)
    (notice,) = found.items
    return notice


def refusal_of(adapter: ModuleType, message: Message, **changes: Any) -> RefusedError:
    """The refusal of a message; anything else fails the test."""
    with pytest.raises(RefusedError) as caught:
        adapter.read(received(message, **changes), account_of(adapter.NAME))
    return caught.value


def at_server(server: ProviderServer, call: OutgoingRequest, at: datetime = NOW) -> Answer:
    """An adapter's call, answered by a server."""
    url = urlsplit(call.url)
    reply = server.answer(
        Call(
            method=call.method,
            path=url.path.removeprefix(f"/sandbox/{server.NAME}"),
            query=url.query,
            headers={name.lower(): value for name, value in call.headers.items()},
            body=call.body,
        ),
        at,
    )
    kind = reply.content_type.partition(";")[0].lower()
    return Answer(status=reply.status, content_type=kind, body=reply.body)


def decided(server: ProviderServer, checkout: Checkout, *, is_paid: bool = True) -> Decided:
    """The payer goes where the checkout sends them, sees the price and decides."""
    url = urlsplit(checkout.url)
    path = url.path.removeprefix(f"/sandbox/{server.NAME}")
    assert path.startswith("/pay")
    call = Call(method="GET", path=path, query=url.query, headers={}, body=b"")
    page = server.open_order(call, NOW + timedelta(minutes=1))
    assert page.amount_vnd == ORDER.amount_vnd
    at = NOW + timedelta(minutes=2)
    first = server.decide(page.order_id, is_paid=is_paid, at=at)
    assert server.decide(page.order_id, is_paid=not is_paid, at=at).movement == first.movement
    return first


@contextlib.contextmanager
def only_refusals() -> Any:
    """Whatever the bytes were, nothing but a RefusedError may come out."""
    with contextlib.suppress(RefusedError):
        yield


movements = st.builds(
    Movement,
    sequence=st.integers(1, 2**32),
    amount_vnd=st.integers(1, 10**9 - 1),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy wants bare bounds
    state=st.sampled_from(MovementState),
    merchant_reference=st.from_regex(r"HP[0-9A-HJKMNP-TV-Z]{10}[0-9]{2}", fullmatch=True),
    content=st.text("abcXYZ 0123456789&=+|", max_size=20),
)


def expect_signed_bytes_to_matter(
    adapter: ModuleType, notifier: Notifier, movement: Movement, mark: str, at: int
) -> None:
    """A changed byte behind a signed mark is refused for its signature (or is no message any more)."""
    message = notified(notifier, movement)
    try:
        span(message, mark)
    except ValueError:  # this message has no such value
        return
    refusal_of(adapter, altered(message, mark, at))


def expect_unsigned_bytes_not_to_matter(
    adapter: ModuleType, notifier: Notifier, movement: Movement, mark: str, at: int
) -> None:
    """A changed byte behind an unsigned mark changes neither money, account nor direction."""
    message = notified(notifier, movement)
    with only_refusals():
        assert notice_of(adapter, altered(message, mark, at)) == notice_of(adapter, message)
