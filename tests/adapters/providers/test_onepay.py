"""OnePay: the published vector, every code, no byte that passes unsigned, and both ends of each call."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS
from support.review_school import (
    NOW,
    ORDER,
    QUERY,
    account_of,
    at_server,
    decided,
    expect_signed_bytes_to_matter,
    expect_unsigned_bytes_not_to_matter,
    merchant_of,
    movements,
    notice_of,
    notified,
    only_refusals,
    received,
    refusal_of,
)

from adapters import IPN, REDIRECT
from adapters import QUERY as ASKED
from adapters.contract import (
    Answer,
    MerchantAccount,
    Outcome,
    Refused,
    RefusedError,
    Verdict,
    VerdictKind,
)
from adapters.providers import onepay
from sandbox import onepay as notifier
from sandbox.provider import Call, Message, Movement, MovementState, OrderRefusedError

VECTOR = json.loads((VECTORS / "others.json").read_text())["onepay"]
ACCOUNT = account_of("onepay")
PAID = Movement(
    sequence=7,
    amount_vnd=1_250_000,
    at=NOW,
    merchant_reference="HP7K2M9QX4TB00",
    content="Hoc phi HP7K2M9QX4TB",
)
KEY = MerchantAccount(account_key="k", secrets={"hash_key": VECTOR["key_hex"]}, settings={})


def signed(**changes: str) -> str:
    """The IPN of PAID with changes, signed as OnePay does; an empty one is left out."""
    fields = {**notifier.result_of(PAID, merchant_of("onepay")), **changes}
    return notifier.signed_query(
        {name: value for name, value in fields.items() if value}, merchant_of("onepay")
    )


def got(query: str) -> Message:
    return Message(method="GET", query=query)


def answered(body: str, status: int = 200) -> Answer:
    return Answer(status=status, content_type="text/html", body=body.encode())


def test_it_stands_in_every_registry() -> None:
    assert IPN["onepay"] is REDIRECT["onepay"] is ASKED["onepay"] is onepay


def test_the_published_vector() -> None:
    assert onepay.signed_string(VECTOR["fields"]) == VECTOR["signed_string"]
    assert onepay.secure_hash(VECTOR["fields"], KEY) == VECTOR["vpc_SecureHash"]
    assert notifier.secure_hash(VECTOR["fields"], VECTOR["key_hex"]) == VECTOR["vpc_SecureHash"]


def test_the_published_acknowledgements() -> None:
    request = received(got(""))
    recorded = Verdict(kind=VerdictKind.RECORDED, record_id="r")
    reply = onepay.acknowledge(request, ACCOUNT, [recorded])
    assert (reply.status, reply.body.decode()) == (200, VECTOR["ack"]["ok"])
    assert reply.content_type.startswith("text/plain")
    error = RefusedError(Refused.BAD_SIGNATURE)
    assert onepay.refuse(request, None, error).body.decode() == VECTOR["ack"]["fail"]


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_only_a_contradiction_is_not_confirmed(kind: VerdictKind) -> None:
    verdict = Verdict(kind=kind, record_id="r", duplicate=True)
    reply = onepay.acknowledge(received(got("")), ACCOUNT, [verdict])
    expected = "fail" if kind is VerdictKind.CONFLICT else "ok"
    assert (reply.status, reply.body.decode()) == (200, VECTOR["ack"][expected])


@pytest.mark.parametrize("reason", list(Refused))
def test_no_refusal_ends_the_retries(reason: Refused) -> None:
    reply = onepay.refuse(received(got("")), ACCOUNT, RefusedError(reason))
    assert reply.status >= 400
    assert (reply.status == 503) is (reason is Refused.BUSY)


@given(movements)
def test_what_onepay_says_is_read(movement: Movement) -> None:
    movement = replace(movement, content=movement.content.replace("&", "+"))
    notice = notice_of(onepay, notified(notifier, movement))
    outcomes = {"paid": Outcome.PAID, "failed": Outcome.FAILED, "pending": Outcome.PENDING}
    assert notice.outcome is outcomes[movement.state]
    assert notice.amount_vnd == movement.amount_vnd
    assert notice.merchant_reference == movement.merchant_reference
    assert notice.transaction_id.startswith(f"{movement.merchant_reference}.PAY-")
    assert (notice.payee_account, notice.unmapped_status) == ("", "")


def test_a_posted_form_is_the_same_message() -> None:
    form = Message(
        headers=(("content-type", "application/x-www-form-urlencoded; charset=utf-8"),),
        body=signed().encode(),
    )
    assert notice_of(onepay, form) == notice_of(onepay, got(signed()))
    wrong = replace(form, headers=(("content-type", "text/plain"),))
    assert refusal_of(onepay, wrong).reason is Refused.WRONG_CONTENT_TYPE
    assert refusal_of(onepay, form, method="PUT").reason is Refused.NOT_FOUND
    assert refusal_of(onepay, got(signed()), path="/x").reason is Refused.NOT_FOUND


@pytest.mark.parametrize(
    ("code", "outcome", "unmapped"),
    [
        ("0", Outcome.PAID, ""),
        ("300", Outcome.PENDING, ""),
        ("100", Outcome.PENDING, ""),
        *(
            (code, Outcome.FAILED, "")
            for code in ("1", "5", "13", "25", "99", "253", "B", "F", "Z")
        ),
        ("00", Outcome.PENDING, "00"),
        ("0 ", Outcome.PENDING, "0 "),
        ("Q7", Outcome.PENDING, "Q7"),
    ],
)
def test_response_codes(code: str, outcome: Outcome, unmapped: str) -> None:
    query = signed(vpc_TxnResponseCode=code)
    notice = notice_of(onepay, got(query))
    assert (notice.outcome, notice.unmapped_status) == (outcome, unmapped)
    assert (notice.transaction_id == "HP7K2M9QX4TB00.PAY-1618007") is (code == "0")
    assert onepay.read_return(query.encode(), ACCOUNT) is outcome


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"vpc_Amount": ""}, Refused.MISSING_FIELD),
        ({"vpc_MerchTxnRef": ""}, Refused.MISSING_FIELD),
        ({"vpc_TxnResponseCode": ""}, Refused.MISSING_FIELD),
        ({"vpc_TransactionNo": ""}, Refused.MISSING_FIELD),
        ({"vpc_Amount": "125000050"}, Refused.BAD_FIELD),
        ({"vpc_Amount": "-100"}, Refused.BAD_FIELD),
        ({"vpc_Amount": "0100"}, Refused.BAD_FIELD),
        ({"vpc_TransactionNo": "a b"}, Refused.BAD_FIELD),
        ({"vpc_Merchant": "ANOTHER"}, Refused.WRONG_MERCHANT),
        ({"vpc_Message": "x&vpc_Amount=100"}, Refused.MALFORMED),
    ],
)
def test_what_cannot_be_a_notice(change: dict[str, str], reason: Refused) -> None:
    assert refusal_of(onepay, got(signed(**change))).reason is reason


def test_one_signature_does_not_stand_for_two_readings() -> None:
    """The text of one value, cut into two, is the same signed string: neither cut is taken."""
    joined = signed(vpc_Message="Approved&vpc_OrderInfo=x", vpc_OrderInfo="")
    fields = dict(parse_qsl(joined)) | {"vpc_Message": "Approved", "vpc_OrderInfo": "x"}
    assert refusal_of(onepay, got(joined)).reason is Refused.MALFORMED
    assert notice_of(onepay, got(urlencode(fields))).amount_vnd == 1_250_000
    doubled = signed() + "&vpc_Amount=100"
    refusal_of(onepay, got(doubled))
    encoded_name = signed() + "&vpc%5FAmount=100"
    assert notice_of(onepay, got(encoded_name)) == notice_of(onepay, got(signed()))


@given(movements, st.sampled_from(notifier.SIGNED), st.integers(0, 99))
def test_signed_bytes_matter(movement: Movement, mark: str, at: int) -> None:
    expect_signed_bytes_to_matter(onepay, notifier, movement, mark, at)


@given(movements, st.sampled_from(notifier.UNSIGNED), st.integers(0, 99))
def test_unsigned_bytes_do_not(movement: Movement, mark: str, at: int) -> None:
    expect_unsigned_bytes_not_to_matter(onepay, notifier, movement, mark, at)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused(noise: bytes, after: bool) -> None:
    query = noise + b"&" + signed().encode() if after else noise
    with only_refusals():
        notice = notice_of(onepay, got(""), query=query)
        assert notice == notice_of(onepay, got(signed()))
    with only_refusals():
        answer = Answer(status=200, content_type="", body=noise)
        assert onepay.read_answer(QUERY, answer, ACCOUNT) == ()


@pytest.mark.parametrize("secrets", [{}, {"hash_key": ""}, {"hash_key": "no hex"}])
def test_without_a_key_nothing_verifies(secrets: dict[str, str]) -> None:
    with pytest.raises(RefusedError) as caught:
        onepay.read(received(got(signed())), replace(ACCOUNT, secrets=secrets))
    assert caught.value.reason is Refused.BUSY


def test_the_redirect_says_what_was_ordered() -> None:
    url = urlsplit(onepay.checkout(ORDER, ACCOUNT).url)
    fields = dict(parse_qsl(url.query, strict_parsing=True))
    assert fields.pop("vpc_SecureHash") == notifier.secure_hash(fields, ACCOUNT.secrets["hash_key"])
    assert fields == {
        "vpc_AccessCode": "6BEB2566",
        "vpc_Amount": "125000000",
        "vpc_CallbackURL": ORDER.ipn_url,
        "vpc_Command": "pay",
        "vpc_Currency": "VND",
        "vpc_Locale": "vn",
        "vpc_MerchTxnRef": "HP7K2M9QX4TB00",
        "vpc_Merchant": "HOCPHITEST",
        "vpc_OrderInfo": "Hoc phi HP7K2M9QX4TB",
        "vpc_ReturnURL": ORDER.return_url,
        "vpc_TicketNo": "203.0.113.7",
        "vpc_Version": "2",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"amount_vnd": 0},
        {"amount_vnd": 10**9},
        {"merchant_reference": "HP 1"},
        {"description": "học phí"},
        {"description": "a&vpc_Amount=1"},
        {"return_url": "https://a.vn/?a=1&vpc_Amount=1"},
        {"ipn_url": "ftp://a.vn"},
        {"client_ip": "nowhere"},
    ],
)
def test_an_order_that_onepay_could_not_read_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        onepay.checkout(replace(ORDER, **change), ACCOUNT)


@pytest.mark.parametrize("is_paid", [True, False])
def test_pay_push_and_poll_are_one_fact(is_paid: bool) -> None:
    server = notifier.Onepay([merchant_of("onepay")])
    done = decided(server, onepay.checkout(ORDER, ACCOUNT), is_paid=is_paid)
    assert [m.amount_vnd for m in server.movements] == ([ORDER.amount_vnd] if is_paid else [])
    back = urlsplit(done.return_url).query.encode()
    outcome = Outcome.PAID if is_paid else Outcome.FAILED
    assert onepay.read_return(back, ACCOUNT) is outcome
    pushed = notice_of(onepay, notified(notifier, done.movement))
    (polled,) = onepay.read_answer(QUERY, at_server(server, onepay.ask(QUERY, ACCOUNT)), ACCOUNT)
    assert (polled.transaction_id, polled.fingerprint()) == (
        pushed.transaction_id,
        pushed.fingerprint(),
    )
    assert polled.outcome is outcome


def test_a_question_about_nothing_and_about_an_open_order() -> None:
    server = notifier.Onepay([merchant_of("onepay")])
    ask = onepay.ask(QUERY, ACCOUNT)
    assert onepay.read_answer(QUERY, at_server(server, ask), ACCOUNT) == ()
    url = urlsplit(onepay.checkout(ORDER, ACCOUNT).url)
    call = Call(method="GET", path="/pay", query=url.query, headers={}, body=b"")
    server.open_order(call, NOW)
    (open_,) = onepay.read_answer(QUERY, at_server(server, ask), ACCOUNT)
    assert (open_.outcome, open_.amount_vnd) == (Outcome.PENDING, ORDER.amount_vnd)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answered("", 200), Refused.BUSY),
        (answered("<!doctype html><h1>Bao tri</h1>"), Refused.BUSY),
        (answered("vpc_DRExists=N", 500), Refused.BUSY),
        (answered("vpc_DRExists=Y&vpc_TxnResponseCode=0"), Refused.BAD_SIGNATURE),
        (answered(signed(vpc_DRExists="Y", vpc_MerchTxnRef="ANOTHER")), Refused.BAD_FIELD),
        (answered(signed(vpc_DRExists="Q")), Refused.BAD_FIELD),
        (answered(signed(vpc_DRExists="Y", vpc_Amount="")), Refused.MISSING_FIELD),
    ],
)
def test_answers_that_prove_nothing(answer: Answer, reason: Refused) -> None:
    with pytest.raises(RefusedError) as caught:
        onepay.read_answer(QUERY, answer, ACCOUNT)
    assert caught.value.reason is reason


def test_the_server_refuses_what_is_not_genuine() -> None:
    server = notifier.Onepay([merchant_of("onepay")])
    query = urlsplit(onepay.checkout(ORDER, ACCOUNT).url).query
    for bad in (query.replace("125000000", "125000100"), query.replace("HOCPHITEST", "X"), ""):
        with pytest.raises(OrderRefusedError):
            server.open_order(Call(method="GET", path="/pay", query=bad, headers={}, body=b""), NOW)
    ask = onepay.ask(QUERY, ACCOUNT)
    tampered = replace(ask, body=ask.body.replace(b"op01", b"op02"))
    assert at_server(server, tampered).status == 400
    assert at_server(server, replace(ask, url=ask.url + "x")).status == 404


def test_a_failed_card_that_is_paid_later_is_another_fact() -> None:
    failed = notice_of(onepay, notified(notifier, replace(PAID, state=MovementState.FAILED)))
    assert failed.transaction_id != notice_of(onepay, notified(notifier, PAID)).transaction_id
