"""ShopeePay: the published vector, every state, no byte that passes unsigned, and both ends of each call."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS
from support.review_school import (
    NOW,
    ORDER,
    QUERY,
    REFUND,
    account_of,
    at_server,
    decided,
    expect_signed_bytes_to_matter,
    expect_unsigned_bytes_not_to_matter,
    merchant_of,
    movements,
    notice_of,
    only_refusals,
    received,
    refusal_of,
)
from support.review_school import (
    notified as sent_by,
)

from adapters import CREATE, IPN
from adapters import QUERY as ASKED
from adapters import REFUND as REFUNDED
from adapters.contract import (
    Answer,
    MerchantAccount,
    Outcome,
    RefundState,
    Refused,
    RefusedError,
    Verdict,
    VerdictKind,
)
from adapters.providers import shopeepay
from sandbox import shopeepay as notifier
from sandbox.provider import Message, Movement, MovementState, OrderRefusedError

VECTOR = json.loads((VECTORS / "others.json").read_text())["shopeepay"]
ACCOUNT = account_of("shopeepay")
PAID = Movement(
    sequence=7, amount_vnd=1_250_000, at=NOW, merchant_reference="HP7K2M9QX4TB00"
)  # fmt: skip


def proof(body: bytes) -> str:
    """X-Airpay-Req-H, in the test's own line."""
    key = ACCOUNT.secrets["secret_key"].encode()
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


def notified(drop: tuple[str, ...] = (), **changes: Any) -> Message:
    """The notification of PAID with changes, signed."""
    fields = {**notifier.transaction_of(PAID, merchant_of("shopeepay")), **changes}
    body = json.dumps({k: v for k, v in fields.items() if k not in drop}).encode()
    return Message(
        headers=(("content-type", "application/json"), ("x-airpay-req-h", proof(body))), body=body
    )


def said(value: object, status: int = 200) -> Answer:
    return Answer(status=status, content_type="application/json", body=json.dumps(value).encode())


def found(**changes: Any) -> Answer:
    transaction = {**notifier.transaction_of(PAID, merchant_of("shopeepay")), **changes}
    transaction = {name: value for name, value in transaction.items() if value is not None}
    return said({"errcode": 0, "debug_msg": "success", "transaction": transaction})


def test_it_stands_in_every_registry() -> None:
    for table in (IPN, CREATE, ASKED, REFUNDED):
        assert table["shopeepay"] is shopeepay


def test_the_published_vector() -> None:
    account = MerchantAccount(account_key="k", secrets={"secret_key": VECTOR["secret"]})
    assert shopeepay.sign(VECTOR["body"].encode(), account) == VECTOR["X-Airpay-Req-H"]
    assert json.loads(VECTOR["body"])["amount"] == 1_250_000 * 100
    merchant = replace(merchant_of("shopeepay"), secrets=account.secrets)
    assert notifier.signature(VECTOR["body"].encode(), merchant) == VECTOR["X-Airpay-Req-H"]


@given(movements)
def test_what_shopeepay_says_is_read(movement: Movement) -> None:
    notice = notice_of(shopeepay, sent_by(notifier, movement))
    outcomes = {"paid": Outcome.PAID, "failed": Outcome.FAILED, "pending": Outcome.PENDING}
    assert notice.outcome is outcomes[movement.state]
    assert notice.amount_vnd == movement.amount_vnd
    assert notice.merchant_reference == movement.merchant_reference
    assert (notice.is_provisional, notice.unmapped_status) == (False, "")


@given(movements, st.sampled_from(notifier.SIGNED), st.integers(0, 99))
def test_signed_bytes_matter(movement: Movement, mark: str, at: int) -> None:
    expect_signed_bytes_to_matter(shopeepay, notifier, movement, mark, at)


@given(movements, st.sampled_from(notifier.UNSIGNED), st.integers(0, 99))
def test_unsigned_bytes_do_not(movement: Movement, mark: str, at: int) -> None:
    expect_unsigned_bytes_not_to_matter(shopeepay, notifier, movement, mark, at)


@pytest.mark.parametrize(
    ("state", "outcome", "unmapped"),
    [
        ({"status": 3}, Outcome.PAID, ""),
        ({"transaction_status": 3}, Outcome.PAID, ""),
        ({"payment_status": 1}, Outcome.PAID, ""),
        ({"status": 3, "payment_status": 1}, Outcome.PAID, ""),
        ({"status": 3, "payment_status": 5}, Outcome.PENDING, ""),
        ({"status": 1}, Outcome.PENDING, ""),
        ({"status": 2}, Outcome.PENDING, ""),
        ({"status": 4}, Outcome.FAILED, ""),
        ({"status": 6}, Outcome.FAILED, ""),
        ({"status": 7}, Outcome.FAILED, ""),
        ({"payment_status": 2}, Outcome.PENDING, ""),
        ({"payment_status": 3}, Outcome.PENDING, ""),
        ({"payment_status": 4}, Outcome.FAILED, ""),
        ({"payment_status": 5}, Outcome.PENDING, ""),
        ({"payment_status": 6}, Outcome.FAILED, ""),
        ({}, Outcome.PENDING, "no status"),
        ({"status": 5}, Outcome.PENDING, "status 5"),
        ({"status": 3, "payment_status": 9}, Outcome.PENDING, "payment_status 9"),
        ({"status": 3, "transaction_type": 15}, Outcome.OUTGOING, ""),
        ({"status": 3, "transaction_type": 1000}, Outcome.PENDING, "transaction_type 1000"),
    ],
)
def test_states(state: dict[str, int], outcome: Outcome, unmapped: str) -> None:
    notice = notice_of(shopeepay, notified(drop=("status",) * ("status" not in state), **state))
    assert (notice.outcome, notice.unmapped_status) == (outcome, unmapped)
    is_bare = notice.transaction_id == f"{PAID.merchant_reference}.{notifier.number_of(PAID)}"
    assert is_bare is (outcome is Outcome.PAID)


def test_either_name_of_the_order() -> None:
    other = notified(drop=("reference_id",), payment_reference_id="HP7K2M9QX4TB00")
    assert notice_of(shopeepay, other) == notice_of(shopeepay, notified())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (notified(drop=("amount",)), Refused.MISSING_FIELD),
        (notified(drop=("reference_id",)), Refused.MISSING_FIELD),
        (notified(drop=("transaction_sn",)), Refused.MISSING_FIELD),
        (notified(amount=125_000_050), Refused.BAD_FIELD),
        (notified(amount="125000000"), Refused.BAD_FIELD),
        (notified(amount=True), Refused.BAD_FIELD),
        (notified(amount=0), Refused.BAD_FIELD),
        (notified(amount=10**30), Refused.BAD_FIELD),
        (notified(status="3"), Refused.BAD_FIELD),
        (notified(transaction_sn="a b"), Refused.BAD_FIELD),
        (notified(merchant_ext_id="another"), Refused.WRONG_MERCHANT),
        (notified(store_ext_id="another"), Refused.WRONG_MERCHANT),
        (replace(notified(), body=b"[]"), Refused.BAD_SIGNATURE),
        (replace(notified(), headers=notified().headers[:1]), Refused.BAD_SIGNATURE),
        (replace(notified(), headers=notified().headers[1:]), Refused.WRONG_CONTENT_TYPE),
    ],
)
def test_what_cannot_be_a_notice(message: Message, reason: Refused) -> None:
    assert refusal_of(shopeepay, message).reason is reason


def test_other_methods_and_paths() -> None:
    assert refusal_of(shopeepay, notified(), method="GET").reason is Refused.NOT_FOUND
    assert refusal_of(shopeepay, notified(), path="/x").reason is Refused.NOT_FOUND
    with pytest.raises(RefusedError) as caught:
        shopeepay.read(received(notified()), replace(ACCOUNT, secrets={}))
    assert caught.value.reason is Refused.BUSY


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused(noise: bytes, is_signed: bool) -> None:
    headers = {"content-type": "application/json"}
    if is_signed:
        headers["x-airpay-req-h"] = proof(noise)
    refusal_of(shopeepay, notified(), body=noise, headers=headers)
    answer = Answer(status=200, content_type="", body=noise)
    for read in (
        lambda: shopeepay.read_created(ORDER, answer, ACCOUNT),
        lambda: shopeepay.read_answer(QUERY, answer, ACCOUNT),
        lambda: shopeepay.read_refund(REFUND, answer, ACCOUNT),
        lambda: shopeepay.read_refund_status(REFUND, answer, ACCOUNT),
    ):
        with pytest.raises(RefusedError):
            read()


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just([1])


@given(st.dictionaries(st.sampled_from(sorted(json.loads(notified().body))), VALUES))
def test_any_signed_fields_are_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    with only_refusals():
        notice = notice_of(shopeepay, notified(**changes))
        assert 1 <= notice.amount_vnd <= 10**12
        assert len(notice.transaction_id) <= 140
    with only_refusals():
        for notice in shopeepay.read_answer(QUERY, found(**changes), ACCOUNT):
            assert notice.is_provisional


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_acknowledgements(kind: VerdictKind) -> None:
    reply = shopeepay.acknowledge(
        received(notified()), ACCOUNT, [Verdict(kind=kind, record_id="r")]
    )
    assert reply.status == 200
    if kind is VerdictKind.CONFLICT:
        assert json.loads(reply.body)["errcode"] == 1
    else:
        assert reply.body == b'{"errcode":0,"debug_msg":"success"}'


@pytest.mark.parametrize("reason", list(Refused))
def test_refusals(reason: Refused) -> None:
    reply = shopeepay.refuse(received(notified()), None, RefusedError(reason))
    codes = {Refused.BAD_SIGNATURE: 2, Refused.BUSY: -1}
    assert json.loads(reply.body)["errcode"] == codes.get(reason, 1)
    assert reply.status >= 400
    assert (reply.status >= 500) is (reason is Refused.BUSY)


def test_the_order_is_signed_and_says_what_is_to_be_paid() -> None:
    call = shopeepay.create(ORDER, ACCOUNT)
    assert call.url == f"{ACCOUNT.settings['api_url']}/v3/merchant-host/order/create"
    assert call.headers["x-airpay-req-h"] == proof(call.body)
    assert call.headers["x-airpay-clientid"] == "11000999"
    assert json.loads(call.body) == {
        "request_id": "HP7K2M9QX4TB00",
        "payment_reference_id": "HP7K2M9QX4TB00",
        "merchant_ext_id": "hocphi-school",
        "store_ext_id": "hocphi-store",
        "amount": 125_000_000,
        "currency": "VND",
        "return_url": ORDER.return_url,
        "platform_type": "mweb",
        "validity_period": 900,
        "additional_info": '{"description":"Hoc phi HP7K2M9QX4TB"}',
    }
    for change in (
        {"amount_vnd": 0},
        {"merchant_reference": "HP 1"},
        {"expires_at": NOW},
        {"expires_at": NOW + timedelta(days=6)},
    ):
        with pytest.raises(ValueError, match="does not fit"):
            shopeepay.create(replace(ORDER, **change), ACCOUNT)  # type: ignore[arg-type]


def test_paths_are_settings() -> None:
    account = replace(ACCOUNT, settings={**ACCOUNT.settings, "check_path": "/v4/check"})
    assert shopeepay.ask(QUERY, account).url.endswith("/sandbox/shopeepay/v4/check")


@pytest.mark.parametrize("is_paid", [True, False])
def test_create_pay_push_and_poll_are_one_fact(is_paid: bool) -> None:
    server = notifier.ShopeePay([merchant_of("shopeepay")])
    ask = shopeepay.ask(QUERY, ACCOUNT)
    assert shopeepay.read_answer(QUERY, at_server(server, ask), ACCOUNT) == ()
    create = shopeepay.create(ORDER, ACCOUNT)
    checkout = shopeepay.read_created(ORDER, at_server(server, create), ACCOUNT)
    assert shopeepay.read_created(ORDER, at_server(server, create), ACCOUNT) == checkout
    (open_,) = shopeepay.read_answer(QUERY, at_server(server, ask), ACCOUNT)
    assert (open_.outcome, open_.amount_vnd) == (Outcome.PENDING, ORDER.amount_vnd)
    late = at_server(server, ask, NOW + timedelta(hours=1))
    assert shopeepay.read_answer(QUERY, late, ACCOUNT)[0].outcome is Outcome.FAILED
    done = decided(server, checkout, is_paid=is_paid)
    assert [m.amount_vnd for m in server.movements] == ([ORDER.amount_vnd] if is_paid else [])
    back = urlsplit(done.return_url).query.encode()
    assert shopeepay.read_return(back, ACCOUNT) is Outcome.PENDING
    pushed = notice_of(shopeepay, sent_by(notifier, done.movement))
    (polled,) = shopeepay.read_answer(QUERY, at_server(server, ask), ACCOUNT)
    assert polled.transaction_id == pushed.transaction_id
    assert polled.fingerprint() == pushed.fingerprint()
    assert polled.outcome is (Outcome.PAID if is_paid else Outcome.FAILED)
    assert (pushed.is_provisional, polled.is_provisional) == (False, True)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said({"errcode": 0}), Refused.BAD_FIELD),
        (said({"errcode": 0, "redirect_url_http": "javascript:x"}), Refused.BAD_FIELD),
        (said({"errcode": -1}), Refused.BUSY),
        (said({"errcode": -2}), Refused.BUSY),
        (said({"errcode": 1}), Refused.BAD_FIELD),
        (said({"errcode": "0"}), Refused.BAD_FIELD),
        (said({}), Refused.MISSING_FIELD),
        (said({"errcode": 0}, status=500), Refused.BUSY),
        (Answer(status=200, content_type="text/html", body=b"<h1>"), Refused.BUSY),
        (Answer(status=200, content_type="", body=b""), Refused.BUSY),
    ],
)
def test_orders_that_were_not_taken(answer: Answer, reason: Refused) -> None:
    with pytest.raises(RefusedError) as caught:
        shopeepay.read_created(ORDER, answer, ACCOUNT)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said({"errcode": -1}), Refused.BUSY),
        *((said({"errcode": code}), Refused.BAD_FIELD) for code in (1, 2, 4)),
        (found(reference_id="ANOTHER"), Refused.BAD_FIELD),
        (found(merchant_ext_id="another"), Refused.WRONG_MERCHANT),
        (found(amount=None), Refused.MISSING_FIELD),
        (said({"errcode": 0, "transaction": []}), Refused.BAD_FIELD),
    ],
)
def test_answers_that_prove_nothing(answer: Answer, reason: Refused) -> None:
    with pytest.raises(RefusedError) as caught:
        shopeepay.read_answer(QUERY, answer, ACCOUNT)
    assert caught.value.reason is reason


def test_a_flat_answer_reads_the_same() -> None:
    flat = said({"errcode": 0, **notifier.transaction_of(PAID, merchant_of("shopeepay"))})
    assert shopeepay.read_answer(QUERY, flat, ACCOUNT) == shopeepay.read_answer(
        QUERY, found(), ACCOUNT
    )


def test_a_refund_from_demand_to_done() -> None:
    server = notifier.ShopeePay([merchant_of("shopeepay")])
    create = shopeepay.create(ORDER, ACCOUNT)
    decided(server, shopeepay.read_created(ORDER, at_server(server, create), ACCOUNT))
    order = replace(REFUND, amount_vnd=250_000)

    def asked() -> Answer:
        return at_server(server, shopeepay.ask_refund(order, ACCOUNT))

    before = shopeepay.read_refund_status(order, asked(), ACCOUNT)
    assert before.state is RefundState.PENDING
    demand = shopeepay.refund(order, ACCOUNT)
    for _ in range(2):
        answer = shopeepay.read_refund(order, at_server(server, demand), ACCOUNT)
        assert (answer.state, answer.code) == (RefundState.PENDING, "0")
    assert len(server.refunds) == 1
    states = [shopeepay.read_refund_status(order, asked(), ACCOUNT) for _ in range(2)]
    assert [state.state for state in states] == [RefundState.PENDING, RefundState.DONE]
    assert states[1].provider_refund_id == answer.provider_refund_id
    more = replace(order, request_id="R2", amount_vnd=1_250_000)
    refused = shopeepay.read_refund(
        more, at_server(server, shopeepay.refund(more, ACCOUNT)), ACCOUNT
    )
    assert (refused.state, refused.code) == (RefundState.PENDING, "1")
    with pytest.raises(ValueError, match="does not fit"):
        shopeepay.refund(replace(order, amount_vnd=1_250_001), ACCOUNT)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        *((code, RefundState.REFUSED) for code in (2, 4, 304)),
        *((code, RefundState.PENDING) for code in (0, -1, -2, 1, 11, 600)),
    ],
)
def test_refund_codes(code: int, state: RefundState) -> None:
    assert shopeepay.read_refund(REFUND, said({"errcode": code}), ACCOUNT).state is state


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, RefundState.DONE),
        ({"status": 4}, RefundState.REFUSED),
        ({"status": 2}, RefundState.PENDING),
        ({"status": 5}, RefundState.PENDING),
        ({"amount": 100}, RefundState.PENDING),
        ({"transaction_type": 13}, RefundState.PENDING),
    ],
)
def test_refund_states(change: dict[str, int], state: RefundState) -> None:
    row = {"reference_id": REFUND.request_id, "transaction_type": 15, **change}
    assert shopeepay.read_refund_status(REFUND, found(**row), ACCOUNT).state is state


def test_the_server_refuses_what_is_not_genuine() -> None:
    server = notifier.ShopeePay([merchant_of("shopeepay")])
    call = shopeepay.create(ORDER, ACCOUNT)
    tampered = replace(call, body=call.body.replace(b"125000000", b"100"))
    assert json.loads(at_server(server, tampered).body)["errcode"] == 2
    dearer = shopeepay.create(replace(ORDER, amount_vnd=5), ACCOUNT)
    assert json.loads(at_server(server, call).body)["errcode"] == 0
    assert json.loads(at_server(server, dearer).body)["errcode"] == 11
    with pytest.raises(OrderRefusedError):
        server.decide("nothing", is_paid=True, at=NOW)


def test_a_failure_that_is_paid_later_is_another_fact() -> None:
    failed = notice_of(shopeepay, sent_by(notifier, replace(PAID, state=MovementState.FAILED)))
    assert failed.transaction_id != notice_of(shopeepay, sent_by(notifier, PAID)).transaction_id
