"""payOS as its own packages speak it, npm @payos/node 2.0.5 and PyPI payos 1.1.0: both ways.

They agree on the signatures of orders, answers and webhooks. They part in two places, and a test shows each.
The Python package verifies a webhook over its own model of it and so counts fields that payOS left out: by
payOS's text (payos.vn/docs) the Node package and we are right. And it url-encodes a few signs of a payout
otherwise than JavaScript does; we keep to the latter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import payos as package
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Judge
from payos._crypto import CryptoProvider
from support.review_school import (
    NOW,
    ORDER,
    QUERY,
    account_of,
    at_server,
    merchant_of,
    notice_of,
    notified,
    refusal_of,
)

from adapters.contract import Answer, Order, Outcome, OutgoingRequest, Refused, RefusedError
from adapters.providers import payos
from sandbox import payos as notifier
from sandbox.provider import Message, Movement, MovementState, altered

# At payOS's own address: both packages take the base's path away.
ACCOUNT = replace(
    account_of("payos"),
    settings={**account_of("payos").settings, "api_url": "https://api-merchant.payos.vn"},
)
MERCHANT = merchant_of("payos")
KEY = ACCOUNT.secrets["checksum_key"]
CONFIG = {
    "clientId": ACCOUNT.settings["client_id"],
    "apiKey": ACCOUNT.secrets["api_key"],
    "checksumKey": KEY,
    "baseURL": ACCOUNT.settings["api_url"],
}
CRYPTO = CryptoProvider()

texts = st.text("abcXYZ019 .,:;/?=+%#'()*!~-_\"<>\\ăĂâđĐêôơưẤếỆỉỗợ𝄞\u0301", max_size=40)
codes = st.integers(1, 2**50)
amounts = st.integers(1, 10**12)
orders = st.builds(
    lambda code, **changes: replace(ORDER, merchant_reference=str(code), **changes),
    code=codes,
    amount_vnd=amounts,
    description=st.from_regex(r"[0-9A-Za-z]{1,9}", fullmatch=True),
    return_url=st.text("abz09/?&=%.-_+ệĐ", max_size=60).map(lambda text: f"https://x.vn{text}"),
)
movements = st.builds(
    Movement,
    sequence=st.integers(1, 10**9),
    amount_vnd=amounts,
    at=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy wants bare bounds
    merchant_reference=codes.map(str),
    content=texts | st.sampled_from(["null", "undefined"]),
    virtual_account=st.sampled_from(["", "CAS0123456789"]),
    bank_transaction_id=st.from_regex(r"FT[0-9A-Z]{1,14}", fullmatch=True),
)
few = settings(max_examples=40)


@pytest.fixture(scope="module")
def client() -> Iterator[package.PayOS]:
    """The Python package's client; it never sends."""
    with package.PayOS(
        client_id=CONFIG["clientId"], api_key=CONFIG["apiKey"], checksum_key=KEY
    ) as client:
        yield client


def asked_by_the_package(call: OutgoingRequest, answer: Answer, ask: Any) -> Any:
    """What the Python package makes of `answer` when it makes the same call as we do."""

    def serve(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == (call.method, call.url)
        for name in ("x-client-id", "x-api-key"):
            assert request.headers[name] == call.headers[name]
        return httpx.Response(answer.status, content=answer.body)

    with (
        httpx.Client(transport=httpx.MockTransport(serve)) as wire,
        package.PayOS(
            client_id=CONFIG["clientId"],
            api_key=CONFIG["apiKey"],
            checksum_key=KEY,
            base_url=CONFIG["baseURL"],
            max_retries=0,
            http_client=wire,
        ) as client,
    ):
        return ask(client)


def expect_the_same_call(sent: dict[str, Any], ours: OutgoingRequest) -> None:
    """Method, address, body, and every header that we send."""
    assert (sent["method"], sent["url"]) == (ours.method, ours.url)
    assert sent["body"] == ours.body.decode() or json.loads(sent["body"]) == json.loads(ours.body)
    theirs = {name.lower(): value for name, value in sent["headers"].items()}
    assert {name: theirs.get(name) for name in ours.headers} == dict(ours.headers)


def opened(order: Order) -> tuple[notifier.Payos, Answer]:
    """A server that took `order`, and its answer."""
    server = notifier.Payos([MERCHANT])
    return server, at_server(server, payos.create(order, ACCOUNT))


def posted(body: str) -> Message:
    return Message(headers=(("Content-Type", "application/json"),), body=body.encode())


def enveloped(data: dict[str, Any], signature: str) -> Message:
    envelope = {"code": "00", "desc": "success", "success": True, "data": data}
    return posted(json.dumps(envelope | {"signature": signature}, ensure_ascii=False))


@few
@given(order=orders)
def test_orders_are_alike_and_the_answer_is_verified_by_all(judge: Judge, order: Order) -> None:
    call = payos.create(order, ACCOUNT)
    body = json.loads(call.body)
    signature = body.pop("signature")
    _, answer = opened(order)
    said = judge("payos.create", config=CONFIG, order=body, answer=answer.body.decode())
    expect_the_same_call(said["sent"], call)
    assert CRYPTO.create_signature_of_payment_request(body, KEY) == signature
    made = payos.read_created(order, answer, ACCOUNT)
    assert said["result"]["checkoutUrl"] == made.url
    assert said["result"]["paymentLinkId"] == made.provider_reference

    words = package.types.CreatePaymentLinkRequest(**body)
    theirs = asked_by_the_package(call, answer, lambda c: c.payment_requests.create(words))
    assert (theirs.checkout_url, theirs.amount) == (made.url, order.amount_vnd)


@few
@given(order=orders, mark=st.sampled_from(["amount", "checkoutUrl", "orderCode", "signature"]),
       at=st.integers(0, 100))  # fmt: skip
def test_a_forged_answer_is_refused_by_all(judge: Judge, order: Order, mark: str, at: int) -> None:
    call = payos.create(order, ACCOUNT)
    _, answer = opened(order)
    forged = replace(answer, body=altered(Message(body=answer.body), f'"{mark}":', at).body)
    said = judge("payos.create", config=CONFIG, order=json.loads(call.body),
                 answer=forged.body.decode())  # fmt: skip
    assert said["refused"] == "InvalidSignatureError"
    words = package.types.CreatePaymentLinkRequest(**json.loads(call.body))
    with pytest.raises(package.InvalidSignatureError):
        asked_by_the_package(call, forged, lambda c: c.payment_requests.create(words))
    with pytest.raises(RefusedError) as caught:
        payos.read_created(order, forged, ACCOUNT)
    assert caught.value.reason is Refused.BAD_SIGNATURE


@few
@given(order=orders, parts=st.lists(amounts, max_size=3))
def test_questions_and_their_answers(judge: Judge, order: Order, parts: list[int]) -> None:
    server, answer = opened(order)
    link = payos.read_created(order, answer, ACCOUNT).provider_reference
    transfers = [server.transfer(link, amount_vnd, NOW) for amount_vnd in parts]
    query = replace(QUERY, merchant_reference=order.merchant_reference, provider_reference=link)
    call = payos.ask(query, ACCOUNT)
    answer = at_server(server, call, query.asked_at)
    said = judge("payos.get", config=CONFIG, id=link, answer=answer.body.decode())
    expect_the_same_call(said["sent"], call)
    paid = [n for n in payos.read_answer(query, answer, ACCOUNT) if n.outcome is Outcome.PAID]
    theirs = asked_by_the_package(call, answer, lambda c: c.payment_requests.get(link))
    for one in (
        [(n.amount_vnd, n.bank_transaction_id) for n in paid],
        [(t["amount"], t["reference"]) for t in said["result"]["transactions"]],
        [(t.amount, t.reference) for t in theirs.transactions],
    ):
        assert one == [(m.amount_vnd, m.bank_transaction_id) for m in transfers]


def test_cancelling_and_registering_are_alike(judge: Judge) -> None:
    order = replace(ORDER, merchant_reference="7")
    server, answer = opened(order)
    link = payos.read_created(order, answer, ACCOUNT).provider_reference
    query = replace(QUERY, merchant_reference="7", provider_reference=link)
    call = payos.cancel(query, ACCOUNT)
    answer = at_server(server, call)
    reason = json.loads(call.body)["cancellationReason"]
    said = judge("payos.cancel", config=CONFIG, id=link, reason=reason,
                 answer=answer.body.decode())  # fmt: skip
    expect_the_same_call(said["sent"], call)
    assert said["result"]["status"] == "CANCELLED"
    assert payos.read_cancelled(query, answer, ACCOUNT)

    url = "https://fees.example.vn/ipn/payos/k1"
    call = payos.register_webhook(url, ACCOUNT)
    answer = at_server(server, call)
    said = judge("payos.confirm", config=CONFIG, url=url, answer=answer.body.decode())
    expect_the_same_call(said["sent"], call)
    assert said["result"]["webhookUrl"] == url


@few
@given(movement=movements, mark=st.sampled_from(notifier.SIGNED), at=st.integers(0, 100))
def test_our_webhooks_are_verified_by_all_and_forged_ones_by_none(
    judge: Judge, client: package.PayOS, movement: Movement, mark: str, at: int
) -> None:
    movement = replace(movement, content=f"a{movement.content}")
    message = notified(notifier, movement)
    body = message.body.decode()
    said = judge("payos.webhook", config=CONFIG, body=body)["result"]
    theirs = client.webhooks.verify(body)
    notice = notice_of(payos, message)
    assert {said["amount"], theirs.amount, notice.amount_vnd} == {movement.amount_vnd}
    assert {str(said["orderCode"]), str(theirs.order_code), notice.merchant_reference} == {
        movement.merchant_reference
    }

    # Of the text its first letter: one byte of a Vietnamese letter would leave no text at all.
    forged = altered(message, mark, 0 if mark == '"description":' else at)
    body = forged.body.decode()
    assert judge("payos.webhook", config=CONFIG, body=body)["refused"] == "WebhookError"
    with pytest.raises(package.WebhookError):
        client.webhooks.verify(body)
    assert refusal_of(payos, forged).reason is Refused.BAD_SIGNATURE


@few
@given(movement=movements, absent=st.sets(st.sampled_from(["virtualAccountName", "desc"])),
       more=st.dictionaries(st.from_regex(r"x[A-Za-z]{1,8}", fullmatch=True),
                            st.none() | st.booleans() | st.integers(0, 2**50) | texts
                            | st.lists(st.dictionaries(st.sampled_from("ba"), texts), max_size=2),
                            max_size=3))  # fmt: skip
def test_what_the_packages_sign_is_read_as_it_moved(
    judge: Judge, movement: Movement, absent: set[str], more: dict[str, Any]
) -> None:
    """Whatever keys payOS may come to add or leave out."""
    data = json.loads(notified(notifier, movement).body)["data"] | more
    for name in absent:
        del data[name]
    signature = judge("payos.sign", config=CONFIG, data=data)
    assert CRYPTO.create_signature_from_object(data, KEY) == signature
    notice = notice_of(payos, enveloped(data, signature))
    assert notice == notice_of(payos, notified(notifier, movement))
    assert (notice.outcome, notice.amount_vnd) == (Outcome.PAID, movement.amount_vnd)


def test_the_python_package_signs_what_payos_left_out(judge: Judge, client: package.PayOS) -> None:
    """payOS signs the keys that are there. The Python model adds its own as empty, and refuses ours:
    payOS's own Node package, and payOS's own printed test message, say that the message is good."""
    message = notifier.test_ping(MERCHANT)
    body = message.body.decode()
    assert judge("payos.webhook", config=CONFIG, body=body)["result"]["orderCode"] == 123
    assert notice_of(payos, message).outcome is Outcome.TEST
    with pytest.raises(package.WebhookError, match="integrity"):
        client.webhooks.verify(body)
    data = json.loads(body)["data"]
    assert CRYPTO.create_signature_from_object(data, KEY) == json.loads(body)["signature"]


def test_an_unpaid_movement_has_another_code(judge: Judge) -> None:
    movement = Movement(sequence=1, amount_vnd=9_000, at=NOW, merchant_reference="9",
                        state=MovementState.FAILED, bank_transaction_id="FT9")  # fmt: skip
    message = notified(notifier, movement)
    said = judge("payos.webhook", config=CONFIG, body=message.body.decode())
    assert said["result"]["code"] != "00"
    assert notice_of(payos, message).outcome is not Outcome.PAID


@few
@given(data=st.dictionaries(st.from_regex(r"[a-z][A-Za-z]{0,8}", fullmatch=True),
                            st.none() | st.booleans() | st.integers(0, 2**50) | texts
                            | st.lists(texts, max_size=2)
                            | st.dictionaries(st.sampled_from("ba"), texts), max_size=4))  # fmt: skip
def test_payouts_are_signed_alike(judge: Judge, data: dict[str, Any]) -> None:
    """JavaScript encodes "/" and leaves "!'()*"; the Python package does it the other way round."""
    ours = payos.sign_payout(KEY, data)
    assert judge("payos.payout", config=CONFIG, data=data) == ours
    if not set("/!'()*") & set(json.dumps(data)):
        assert CRYPTO.create_signature(KEY, data) == ours
