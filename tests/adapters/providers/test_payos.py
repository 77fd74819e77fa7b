"""payOS: every public vector, links paid by several transfers, and nothing that payOS did not sign."""

import contextlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import CANCEL, CREATE, IPN, NUMBERED, QUERY, REGISTER
from adapters.contract import (
    Answer,
    Bill,
    MerchantAccount,
    Notice,
    Order,
    OrderQuery,
    Outcome,
    OutgoingRequest,
    Payee,
    Payer,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import payos
from sandbox import payos as sandbox_payos
from sandbox.provider import (
    Call,
    Merchant,
    Message,
    Movement,
    MovementState,
    OrderRefusedError,
    altered,
)

VECTORS = json.loads((VECTORS / "payos.json").read_text(encoding="utf-8"))
OFFICIAL_KEY = VECTORS["meta"]["official_key"]
AT = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)
BASE = "http://sandbox.test/sandbox/payos"
SECRETS = {"api_key": "an api key", "checksum_key": OFFICIAL_KEY}
SETTINGS = {"client_id": "client-1", "api_url": BASE}
ACCOUNT = MerchantAccount(
    account_key="k", secrets=SECRETS, settings=SETTINGS, bank_accounts=("0123456789",)
)
MERCHANT = Merchant(
    provider="payos", ipn_url="", account_number="0123456789", settings=SETTINGS, secrets=SECRETS
)
ORDER = Order(
    merchant_reference="2199023255552",
    amount_vnd=500_000,
    description="Hoc phi thang 9",
    return_url="https://pay.example.edu.vn/return?invoice=1&x=y",
    ipn_url="https://pay.example.edu.vn/ipn/payos/k",
    client_ip="203.0.113.7",
    locale="vi",
    created_at=AT,
    expires_at=AT + timedelta(minutes=15),
    bill=Bill(
        reference="HP7A1BC24DE5",
        amount_vnd=500_000,
        description="Hoc phi thang 9",
        due_on=date(2026, 9, 30),
    ),
    payer=Payer(name="", personal_id="", address=""),
    payee=Payee(
        unit_code="TH01",
        unit_name="Truong",
        bank_bin="970436",
        account_number="0123456789",
        account_holder="TRUONG",
    ),
)
QUERY_ = OrderQuery(
    request_id="0" * 32,
    merchant_reference=ORDER.merchant_reference,
    provider_reference="",
    amount_vnd=ORDER.amount_vnd,
    ordered_at=AT,
    asked_at=AT + timedelta(minutes=3),
    client_ip="203.0.113.7",
)


def pushed(message: Message, **changes: Any) -> Request:
    request = Request(
        method=message.method,
        path=message.path,
        query=message.query.encode(),
        headers={name.lower(): value for name, value in message.headers},
        body=message.body,
        received_at=AT,
    )
    return replace(request, **changes)


def notified(movement: Movement, merchant: Merchant = MERCHANT, leave_out: str = "") -> Message:
    """What the sandbox's notifier says; it waits for nothing, so one step of it is all."""
    coroutine = sandbox_payos.message(None, movement, merchant, leave_out=leave_out)  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    message: Message = done.value.value
    return message


def webhook(data: dict[str, Any], key: str = OFFICIAL_KEY, **envelope: Any) -> Request:
    body = {"code": "00", "desc": "success", "success": True, "data": data}
    signed = body | {"signature": payos.sign_data(key, data)} | envelope
    text = json.dumps(signed, ensure_ascii=False).encode()
    return pushed(Message(headers=(("Content-Type", "application/json"),), body=text))


def read(request: Request, account: MerchantAccount = ACCOUNT) -> Notice:
    (notice,) = payos.read(request, account).items
    return notice


def refusal(request: Request, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        payos.read(request, account)
    return caught.value


def called(server: sandbox_payos.Payos, request: OutgoingRequest, at: datetime = AT) -> Answer:
    """Bring a call of ours to the server."""
    assert request.url.startswith(BASE)
    reply = server.answer(
        Call(
            method=request.method,
            path=request.url.removeprefix(BASE),
            query="",
            headers=request.headers,
            body=request.body,
        ),
        at,
    )
    return Answer(status=reply.status, content_type=reply.content_type, body=reply.body)


def opened(server: sandbox_payos.Payos, order: Order = ORDER) -> str:
    """Create a link and open its page; the paymentLinkId."""
    made = payos.read_created(order, called(server, payos.create(order, ACCOUNT)), ACCOUNT)
    page = server.open_order(Call(method="GET", path="/pay", query=urlsplit(made.url).query,
                                headers={}, body=b""), AT)  # fmt: skip
    assert (page.order_id, page.amount_vnd) == (made.provider_reference, order.amount_vnd)
    return made.provider_reference


def answer_of(data: dict[str, Any], status: int = 200, **envelope: Any) -> Answer:
    body = {"code": "00", "desc": "success", "data": data}
    signed = body | {"signature": payos.sign_data(OFFICIAL_KEY, data)} | envelope
    return Answer(status=status, content_type="application/json", body=json.dumps(signed).encode())


DATA: dict[str, Any] = VECTORS["sdk_generated"]["webhook"]["body"]["data"]
LINK: dict[str, Any] = {
    "id": "link-1",
    "orderCode": int(QUERY_.merchant_reference),
    "amount": 500_000,
    "amountPaid": 0,
    "amountRemaining": 500_000,
    "status": "PENDING",
    "createdAt": "2026-09-10T09:00:00+07:00",
    "transactions": [],
    "canceledAt": None,
    "cancellationReason": None,
}


def test_it_stands_in_the_tables() -> None:
    tables: tuple[dict[str, Any], ...] = (IPN, CREATE, QUERY, CANCEL, REGISTER)
    assert all(table["payos"] is payos for table in tables)
    assert "payos" in NUMBERED


@pytest.mark.parametrize("case", VECTORS["official_test_cases"], ids=lambda c: c["caseName"])
def test_every_public_vector(case: dict[str, Any]) -> None:
    """All 24 of payOS's own cases; the payout API's, which the house never calls, for completeness."""
    sign = {
        "create-payment-link": payos.sign_order,
        "body": payos.sign_data,
        "header": payos.sign_payout,
    }[case["type"]]
    assert sign(OFFICIAL_KEY, case["payload"]) == case["expect"]


def test_all_24_vectors_are_there() -> None:
    assert len(VECTORS["official_test_cases"]) == 24


def test_an_order_signed_by_the_public_sdk() -> None:
    made = VECTORS["sdk_generated"]["create"]
    assert payos.sign_order(OFFICIAL_KEY, made["fields"]) == made["signature"]


def test_a_webhook_signed_by_the_public_sdk() -> None:
    body = json.dumps(VECTORS["sdk_generated"]["webhook"]["body"], ensure_ascii=False).encode()
    request = pushed(Message(headers=(("Content-Type", "application/json"),), body=body))
    assert read(request) == Notice(
        transaction_id="00000000000000000000000000000001.FT24249000001",
        outcome=Outcome.PAID,
        amount_vnd=1_250_000,
        paid_at=datetime(2024, 9, 5, 1, 20, 31, tzinfo=UTC),
        merchant_reference="202409000123",
        payee_account="0123456789",
        bank_transaction_id="FT24249000001",
    )
    virtual = replace(ACCOUNT, bank_accounts=("V3CAS0000000001",))
    assert read(request, virtual).payee_account == "V3CAS0000000001"
    foreign = replace(ACCOUNT, bank_accounts=("999",))
    assert read(request, foreign).payee_account == "0123456789"


def test_the_documented_test_is_acknowledged_and_never_booked() -> None:
    sample = VECTORS["doc_webhook_sample"]
    account = replace(ACCOUNT, secrets=SECRETS | {"checksum_key": sample["key"]})
    request = webhook(sample["data"], key=sample["key"])
    assert json.loads(request.body)["signature"] == sample["signature"]
    assert read(request, account).outcome is Outcome.TEST
    for change in ({"orderCode": 124}, {"amount": 3001}, {"description": "VQRIO124"}):
        other = webhook(sample["data"] | change, key=sample["key"])
        assert read(other, account).outcome is Outcome.PAID


def test_confirm_webhook_and_its_ping() -> None:
    server = sandbox_payos.Payos([MERCHANT])
    call = payos.register_webhook("https://pay.example.edu.vn/ipn/payos/k", ACCOUNT)
    answer = called(server, call)
    payos.read_registered(answer, ACCOUNT)
    assert server.webhooks == {"client-1": "https://pay.example.edu.vn/ipn/payos/k"}
    ping = pushed(sandbox_payos.test_ping(MERCHANT))
    assert read(ping).outcome is Outcome.TEST
    noted = Verdict(kind=VerdictKind.NOTED, record_id="")
    assert payos.acknowledge(ping, ACCOUNT, [noted]).status == 200


def test_an_address_that_payos_does_not_keep() -> None:
    server = sandbox_payos.Payos([MERCHANT])
    stranger = replace(ACCOUNT, secrets=SECRETS | {"api_key": "another"})
    for url, account, reason in (
        ("https://pay.example.edu.vn/ipn/payos/k", stranger, Refused.UNAUTHENTICATED),
        ("ftp://pay.example.edu.vn", ACCOUNT, Refused.BUSY),  # 20: a bad address and a fault alike
    ):
        answer = called(server, payos.register_webhook(url, account))
        with pytest.raises(RefusedError) as caught:
            payos.read_registered(answer, account)
        assert caught.value.reason is reason
    assert server.webhooks == {}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b'{"code": "404"}', Refused.BAD_FIELD),
        (400, b'{"code": "214"}', Refused.BAD_FIELD),
        (500, b'{"code": "00"}', Refused.BAD_FIELD),
        (502, b"<h1>Bad gateway</h1>", Refused.BUSY),
        (200, b"", Refused.BUSY),
        (200, b"{}", Refused.BAD_FIELD),
    ],
)
def test_an_answer_that_says_no_address_was_kept(status: int, body: bytes, reason: Refused) -> None:
    answer = Answer(status=status, content_type="application/json", body=body)
    with pytest.raises(RefusedError) as caught:
        payos.read_registered(answer, ACCOUNT)
    assert caught.value.reason is reason


def test_a_forged_test_is_refused() -> None:
    ping = sandbox_payos.test_ping(replace(MERCHANT, secrets=SECRETS | {"checksum_key": "other"}))
    assert refusal(pushed(ping)).reason is Refused.BAD_SIGNATURE


@given(
    sequence=st.integers(1, 10**9),
    amount_vnd=st.integers(1, 10**12),
    code=st.integers(1, 2**50),
    content=st.text(st.characters(exclude_categories=["Cs"]), max_size=40).filter(
        lambda text: "&" not in text
    ),
    minutes=st.integers(0, 10**6),
)
def test_whatever_the_sandbox_notifies_is_read_as_it_moved(
    sequence: int, amount_vnd: int, code: int, content: str, minutes: int
) -> None:
    movement = Movement(
        sequence=sequence,
        amount_vnd=amount_vnd,
        at=AT + timedelta(minutes=minutes),
        merchant_reference=str(code),
        content=content,
        bank_transaction_id=f"FT{sequence}",
    )
    notice = read(pushed(notified(movement)))
    assert (notice.outcome, notice.amount_vnd) == (Outcome.PAID, amount_vnd)
    assert notice.merchant_reference == str(code)
    assert notice.paid_at == movement.at
    assert notice.payee_account == MERCHANT.account_number
    assert notice.bank_transaction_id == f"FT{sequence}"


MOVEMENT = Movement(
    sequence=7,
    amount_vnd=500_000,
    at=AT,
    merchant_reference="2199023255552",
    content="CS HOC PHI",
    bank_transaction_id="FT7",
)


@given(mark=st.sampled_from(sandbox_payos.SIGNED), at=st.integers(0, 60))
def test_any_changed_signed_symbol_is_refused(mark: str, at: int) -> None:
    assert refusal(pushed(altered(notified(MOVEMENT), mark, at))).reason is Refused.BAD_SIGNATURE


@given(mark=st.sampled_from(sandbox_payos.UNSIGNED), at=st.integers(0, 60))
def test_what_is_not_signed_changes_nothing(mark: str, at: int) -> None:
    assert read(pushed(altered(notified(MOVEMENT), mark, at))) == read(pushed(notified(MOVEMENT)))


@given(place=st.integers(0, 2000), byte=st.integers(0, 255))
def test_any_changed_byte_is_refused_or_means_the_same(place: int, byte: int) -> None:
    body = notified(MOVEMENT).body
    place %= len(body)
    changed = body[:place] + bytes([byte]) + body[place + 1 :]
    with contextlib.suppress(RefusedError):
        assert read(pushed(notified(MOVEMENT), body=changed)) == read(pushed(notified(MOVEMENT)))


def test_numbers_are_signed_as_they_are_written() -> None:
    written = notified(MOVEMENT).body.replace(b'"amount":500000', b'"amount":500000.0')
    assert refusal(pushed(notified(MOVEMENT), body=written)).reason is Refused.BAD_SIGNATURE
    request = webhook(DATA | {"amount": 7})
    text = request.body.replace(b'"amount": 7', b'"amount": 7.0')
    signed = payos.sign_data(OFFICIAL_KEY, DATA | {"amount": "7.0"})
    text = text.replace(json.loads(text)["signature"].encode(), signed.encode())
    assert read(replace(request, body=text)).amount_vnd == 7


@pytest.mark.parametrize(
    "value", ["x&orderCode=1", "&reference=", "HP1&status=PAID&x=y"], ids=["other", "empty", "two"]
)
def test_a_value_that_could_be_two_fields_is_refused(value: str) -> None:
    assert refusal(webhook(DATA | {"description": value})).reason is Refused.MALFORMED
    assert read(webhook(DATA | {"description": "A & B = C"})).amount_vnd == 1_250_000
    assert refusal(webhook(DATA | {"currency": "VND&x=y"})).reason is Refused.MALFORMED


@pytest.mark.parametrize("memo", ["me&x=con", "&a=", "A&B=C&lop=3A"])
def test_a_payer_may_write_what_looks_like_a_field_that_there_is_not(memo: str) -> None:
    whole = webhook(DATA | {"description": memo})
    assert read(whole) == read(webhook(DATA | {"description": "me con"}))
    # the other reading of the same signature: it says the same of the money, or nothing at all
    text, _, rest = memo.partition("&")
    split = {"description": text} | dict(part.split("=", 1) for part in rest.split("&"))
    signature = json.loads(whole.body)["signature"]
    body = json.loads(webhook(DATA | split).body) | {"signature": signature}
    forged = replace(whole, body=json.dumps(body).encode())
    with contextlib.suppress(RefusedError):
        assert read(forged) == read(whole)


@pytest.mark.parametrize(
    "name", ["amount", "orderCode", "paymentLinkId", "reference", "transactionDateTime",
             "accountNumber", "code"],
)  # fmt: skip
def test_a_missing_field_is_named(name: str) -> None:
    error = refusal(pushed(notified(MOVEMENT, leave_out=name)))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 0), ("amount", -1), ("amount", "1000"), ("amount", True), ("amount", 10**12 + 1),
        ("amount", 1.5), ("currency", "USD"), ("orderCode", [1]), ("orderCode", 1.5),
        ("reference", {"a": 1}), ("reference", "x" * 129), ("transactionDateTime", "10/09/2026"),
        ("transactionDateTime", "2026-09-10T09:00:00"), ("transactionDateTime", "2026-09-10Tx"),
        ("accountNumber", [1]), ("paymentLinkId", "a\x00b"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named(name: str, value: Any) -> None:
    error = refusal(webhook(DATA | {name: value}))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, name)


@pytest.mark.parametrize("code", ["01", "99", "PENDING"])
def test_a_webhook_of_no_success_is_pending_and_shows_its_word(code: str) -> None:
    notice = read(webhook(DATA | {"code": code}))
    assert notice.outcome is Outcome.PENDING
    assert notice.transaction_id != read(webhook(DATA)).transaction_id
    assert notice.unmapped_status == ("" if code == "PENDING" else code)


def test_success_beside_the_signature_is_not_believed() -> None:
    assert read(webhook(DATA | {"code": "01"}, code="00", success=True)).outcome is Outcome.PENDING
    assert read(webhook(DATA, code="99", success=False)).outcome is Outcome.PAID


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "GET"}, Refused.NOT_FOUND),
        ({"path": "/x"}, Refused.NOT_FOUND),
        ({"headers": {}}, Refused.WRONG_CONTENT_TYPE),
        ({"body": b" " * 65_537}, Refused.TOO_LARGE),
        ({"body": b""}, Refused.MALFORMED),
        ({"body": b"[]"}, Refused.MALFORMED),
        ({"body": b'{"data":{},"data":{}}'}, Refused.MALFORMED),
        ({"body": b'{"data":{"a":1,"a":1}}'}, Refused.MALFORMED),
        ({"body": b"{}"}, Refused.MISSING_FIELD),
        ({"body": b'{"data":null}'}, Refused.MISSING_FIELD),
        ({"body": b'{"data":{}}'}, Refused.BAD_SIGNATURE),
        ({"body": b'{"data":{},"signature":null}'}, Refused.BAD_SIGNATURE),
    ],
)
def test_what_is_no_webhook(changes: dict[str, Any], reason: Refused) -> None:
    assert refusal(pushed(notified(MOVEMENT), **changes)).reason is reason


@pytest.mark.parametrize("depth", [900, 15_000])
def test_a_document_of_any_depth_is_no_crash(depth: int) -> None:
    deep = b'{"data":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    assert refusal(pushed(notified(MOVEMENT), body=deep)).reason in (
        Refused.MALFORMED,
        Refused.BAD_SIGNATURE,
    )


@pytest.mark.parametrize("missing", ["checksum_key"])
def test_an_incomplete_account_opens_no_door(missing: str) -> None:
    account = replace(ACCOUNT, secrets=SECRETS | {missing: ""})
    assert refusal(pushed(notified(MOVEMENT)), account).reason is Refused.BUSY
    for name in ("client_id", "api_url"):
        bare = replace(ACCOUNT, settings=SETTINGS | {name: ""})
        with pytest.raises(RefusedError) as caught:
            payos.create(ORDER, bare)
        assert (caught.value.reason, caught.value.field) == (Refused.BUSY, name)


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_what_was_committed_is_acknowledged(kind: VerdictKind) -> None:
    reply = payos.acknowledge(
        pushed(notified(MOVEMENT)), ACCOUNT, [Verdict(kind=kind, record_id="r")]
    )
    assert (reply.status, reply.body) == (200, b'{"success":true}')


@pytest.mark.parametrize("reason", list(Refused))
def test_refusals_are_never_a_success(reason: Refused) -> None:
    reply = payos.refuse(pushed(notified(MOVEMENT)), None, RefusedError(reason, "secret"))
    assert reply.status >= 400
    assert json.loads(reply.body) == {"success": False, "message": str(reason)}


def test_the_order_that_is_sent() -> None:
    call = payos.create(ORDER, ACCOUNT)
    assert (call.method, call.url) == ("POST", f"{BASE}/v2/payment-requests")
    assert call.headers["x-client-id"] == "client-1"
    assert call.headers["x-api-key"] == "an api key"
    assert "x-partner-code" not in call.headers
    sent = json.loads(call.body)
    signature = sent.pop("signature")
    assert sent == {
        "orderCode": 2199023255552,
        "amount": 500_000,
        "description": "Hoc phi t",
        "cancelUrl": ORDER.return_url,
        "returnUrl": ORDER.return_url,
        "expiredAt": int(ORDER.expires_at.timestamp()),
    }
    assert signature == payos.sign_order(OFFICIAL_KEY, sent)
    partner = replace(ACCOUNT, settings=SETTINGS | {"partner_code": "P1"})
    assert payos.create(ORDER, partner).headers["x-partner-code"] == "P1"


@pytest.mark.parametrize(
    ("limit", "text"), [("", "Hoc phi t"), ("9", "Hoc phi t"), ("4", "Hoc"), ("12", "HP7A1BC24DE5"),
                        ("25", "HP7A1BC24DE5")],
)  # fmt: skip
def test_the_text_on_the_transfer(limit: str, text: str) -> None:
    account = replace(ACCOUNT, settings=SETTINGS | {"description_limit": limit})
    assert json.loads(payos.create(ORDER, account).body)["description"] == text


@pytest.mark.parametrize("limit", ["0", "26", "-1", "x", "٩"])
def test_a_limit_that_is_none(limit: str) -> None:
    with pytest.raises(RefusedError) as caught:
        payos.create(ORDER, replace(ACCOUNT, settings=SETTINGS | {"description_limit": limit}))
    assert (caught.value.reason, caught.value.field) == (Refused.BUSY, "description_limit")


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant_reference": "HP00"},
        {"merchant_reference": "0"},
        {"merchant_reference": str(2**53)},
        {"amount_vnd": 0},
        {"amount_vnd": 10**12 + 1},
        {"description": "học phí"},
        {"description": ""},
        {"return_url": "javascript:x"},
        {"return_url": "https://a b"},
    ],
)
def test_an_order_that_does_not_fit(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        payos.create(replace(ORDER, **changes), ACCOUNT)


def test_a_link_from_order_to_payment() -> None:
    server = sandbox_payos.Payos([MERCHANT])
    link = opened(server)
    query = replace(QUERY_, provider_reference=link)
    (waiting,) = payos.read_answer(query, called(server, payos.ask(query, ACCOUNT)), ACCOUNT)
    assert (waiting.outcome, waiting.transaction_id) == (Outcome.PENDING, f"{link}.pending")
    decided = server.decide(link, is_paid=True, at=AT)
    assert server.decide(link, is_paid=False, at=AT) == decided
    pushed_notice = read(pushed(notified(decided.movement)))
    polled = payos.read_answer(query, called(server, payos.ask(query, ACCOUNT)), ACCOUNT)
    assert polled == (pushed_notice,)
    assert pushed_notice.amount_vnd == ORDER.amount_vnd
    by_number = payos.read_answer(QUERY_, called(server, payos.ask(QUERY_, ACCOUNT)), ACCOUNT)
    assert by_number == polled
    back = parse_qs(urlsplit(decided.return_url).query)
    assert (back["status"], back["cancel"], back["invoice"]) == (["PAID"], ["false"], ["1"])
    query_string = urlsplit(decided.return_url).query.encode()
    assert payos.read_return(query_string, ACCOUNT) is Outcome.PENDING
    assert payos.read_cancelled(query, called(server, payos.cancel(query, ACCOUNT)), ACCOUNT)


@given(parts=st.lists(st.integers(1, 200_000), min_size=1, max_size=6))
def test_each_transfer_is_notified_by_itself_and_all_are_answered(parts: list[int]) -> None:
    server = sandbox_payos.Payos([MERCHANT])
    link = opened(server)
    moved = [server.transfer(link, part, AT + timedelta(minutes=n)) for n, part in enumerate(parts)]
    answer = called(server, payos.ask(QUERY_, ACCOUNT))
    polled = payos.read_answer(QUERY_, answer, ACCOUNT)
    assert polled == tuple(read(pushed(notified(one))) for one in moved)
    assert [notice.amount_vnd for notice in polled] == parts
    assert sum(one.amount_vnd for one in server.movements) == sum(parts)
    status = json.loads(answer.body)["data"]["status"]
    assert status == ("PAID" if sum(parts) >= ORDER.amount_vnd else "UNDERPAID")
    closed = payos.read_cancelled(QUERY_, answer, ACCOUNT)
    assert closed is (status == "PAID")


def test_a_cancelled_link() -> None:
    server = sandbox_payos.Payos([MERCHANT])
    link = opened(server)
    for _ in range(2):
        assert payos.read_cancelled(QUERY_, called(server, payos.cancel(QUERY_, ACCOUNT)), ACCOUNT)
    (ended,) = payos.read_answer(QUERY_, called(server, payos.ask(QUERY_, ACCOUNT)), ACCOUNT)
    assert (ended.outcome, ended.transaction_id) == (Outcome.FAILED, f"{link}.failed")
    with pytest.raises(OrderRefusedError):
        server.decide(link, is_paid=True, at=AT)


def test_a_payer_who_cancels() -> None:
    server = sandbox_payos.Payos([MERCHANT])
    link = opened(server)
    decided = server.decide(link, is_paid=False, at=AT)
    assert decided.movement.state is MovementState.FAILED
    assert parse_qs(urlsplit(decided.return_url).query)["cancel"] == ["true"]
    assert read(pushed(notified(decided.movement))).outcome is Outcome.PENDING
    (ended,) = payos.read_answer(QUERY_, called(server, payos.ask(QUERY_, ACCOUNT)), ACCOUNT)
    assert ended.outcome is Outcome.FAILED
    assert server.movements == []


def test_a_link_that_ran_out() -> None:
    server = sandbox_payos.Payos([MERCHANT])
    opened(server)
    later = AT + timedelta(hours=1)
    (ended,) = payos.read_answer(QUERY_, called(server, payos.ask(QUERY_, ACCOUNT), later), ACCOUNT)
    assert ended.outcome is Outcome.FAILED


def test_an_order_that_payos_does_not_know() -> None:
    server = sandbox_payos.Payos([MERCHANT])
    answer = called(server, payos.ask(QUERY_, ACCOUNT))
    assert payos.read_answer(QUERY_, answer, ACCOUNT) == ()
    assert payos.read_cancelled(QUERY_, answer, ACCOUNT) is False
    gone = Answer(status=404, content_type="application/json", body=b'{"code":"404"}')
    assert payos.read_answer(QUERY_, gone, ACCOUNT) == ()


def test_the_server_refuses_what_payos_refuses() -> None:
    server = sandbox_payos.Payos([MERCHANT])
    good = payos.create(ORDER, ACCOUNT)
    forged = payos.create(ORDER, replace(ACCOUNT, secrets=SECRETS | {"checksum_key": "another"}))
    assert json.loads(called(server, forged).body)["code"] == "201"
    stranger = payos.create(ORDER, replace(ACCOUNT, secrets=SECRETS | {"api_key": "another"}))
    with pytest.raises(RefusedError) as caught:
        payos.read_created(ORDER, called(server, stranger), ACCOUNT)
    assert caught.value.reason is Refused.UNAUTHENTICATED
    assert called(server, good).status == 200
    with pytest.raises(RefusedError) as caught:  # the number has been used
        payos.read_created(ORDER, called(server, good), ACCOUNT)
    assert (caught.value.reason, caught.value.field) == (Refused.BAD_FIELD, "orderCode")
    assert len(server.links) == 1


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<!doctype html>", Refused.BUSY),
        (200, b"", Refused.BUSY),
        (502, b'{"code":"99"}', Refused.BUSY),
        (429, b'{"code":"99"}', Refused.BUSY),
        (200, b'{"code":"20","desc":"x","data":null}', Refused.BUSY),
        (200, b'{"code":"231"}', Refused.BAD_FIELD),
        (200, b'{"code":"201"}', Refused.BAD_FIELD),
        (401, b'{"code":"x"}', Refused.UNAUTHENTICATED),
        (200, b'{"code":"00"}', Refused.MISSING_FIELD),
        (200, b'{"code":"00","data":{"a":1}}', Refused.BAD_SIGNATURE),
        (200, b" " * 65_537, Refused.TOO_LARGE),
    ],
)
def test_answers_that_are_none(status: int, body: bytes, reason: Refused) -> None:
    answer = Answer(status=status, content_type="application/json", body=body)
    for attempt in (
        lambda: payos.read_created(ORDER, answer, ACCOUNT),
        lambda: payos.read_answer(QUERY_, answer, ACCOUNT),
        lambda: payos.read_cancelled(QUERY_, answer, ACCOUNT),
    ):
        with pytest.raises(RefusedError) as caught:
            attempt()
        assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orderCode": 5}, "orderCode"),
        ({"amount": 1}, "amount"),
        ({"checkoutUrl": "javascript:alert(1)"}, "checkoutUrl"),
        ({"checkoutUrl": None}, "checkoutUrl"),
        ({"paymentLinkId": None}, "paymentLinkId"),
    ],
)
def test_a_created_link_that_is_not_ours(changes: dict[str, Any], field: str) -> None:
    data = {
        "orderCode": int(ORDER.merchant_reference),
        "amount": ORDER.amount_vnd,
        "checkoutUrl": "https://pay.payos.vn/web/1",
        "paymentLinkId": "1",
    }
    assert payos.read_created(ORDER, answer_of(data), ACCOUNT).url == "https://pay.payos.vn/web/1"
    with pytest.raises(RefusedError) as caught:
        payos.read_created(ORDER, answer_of(data | changes), ACCOUNT)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("status", "outcome", "unmapped"),
    [
        ("PENDING", Outcome.PENDING, ""),
        ("PROCESSING", Outcome.PENDING, ""),
        ("UNDERPAID", Outcome.PENDING, ""),
        ("PAID", Outcome.PENDING, ""),  # without a transfer there is no money to book
        ("CANCELLED", Outcome.FAILED, ""),
        ("EXPIRED", Outcome.FAILED, ""),
        ("FAILED", Outcome.FAILED, ""),
        ("REVIEWING", Outcome.PENDING, "REVIEWING"),
    ],
)
def test_how_a_link_without_transfers_stands(status: str, outcome: Outcome, unmapped: str) -> None:
    (notice,) = payos.read_answer(QUERY_, answer_of(LINK | {"status": status}), ACCOUNT)
    assert (notice.outcome, notice.unmapped_status) == (outcome, unmapped)
    assert notice.amount_vnd == 500_000
    assert notice.merchant_reference == QUERY_.merchant_reference


def test_the_same_transfer_twice_in_an_answer_is_one() -> None:
    transfer = {
        "accountNumber": "0123456789",
        "amount": 2000,
        "description": "x",
        "reference": "FT1",
        "transactionDateTime": "2025-12-12T09:00:00+07:00",
        "virtualAccountNumber": None,
    }
    paid = LINK | {"status": "PAID", "transactions": [transfer, transfer]}
    (notice,) = payos.read_answer(QUERY_, answer_of(paid), ACCOUNT)
    assert notice.paid_at == datetime(2025, 12, 12, 2, 0, tzinfo=UTC)
    odd = payos.read_answer(QUERY_, answer_of(paid | {"status": "REVIEWING"}), ACCOUNT)
    assert [one.outcome for one in odd] == [Outcome.PAID, Outcome.PENDING]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orderCode": 1}, "orderCode"),
        ({"id": "another"}, "id"),
        ({"status": None}, "status"),
        ({"transactions": {}, "status": "PAID"}, ""),
        ({"transactions": [1]}, "transactions"),
        ({"transactions": "x"}, "transactions"),
    ],
)
def test_an_answer_about_something_else(changes: dict[str, Any], field: str) -> None:
    query = replace(QUERY_, provider_reference="link-1")
    if not field:  # an empty object is an empty list
        assert len(payos.read_answer(query, answer_of(LINK | changes), ACCOUNT)) == 1
        return
    with pytest.raises(RefusedError) as caught:
        payos.read_answer(query, answer_of(LINK | changes), ACCOUNT)
    assert caught.value.field == field


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(DATA)), JSON))
def test_any_genuine_json_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    body = webhook(DATA | changes).body
    tokens = payos.tokens(body)["data"]
    signed = json.loads(body) | {"signature": payos.sign_data(OFFICIAL_KEY, tokens)}
    request = webhook(DATA)
    with contextlib.suppress(RefusedError):
        notice = read(replace(request, body=json.dumps(signed).encode()))
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.paid_at.utcoffset() == timedelta(0)
        assert len(notice.fingerprint()) == 32
    with contextlib.suppress(RefusedError):
        payos.read_answer(QUERY_, answer_of(LINK | {"transactions": [DATA | changes]}), ACCOUNT)


@given(body=st.binary(max_size=300), header=st.text(max_size=30), status=st.integers(100, 599))
def test_any_bytes_only_ever_raise_a_refusal(body: bytes, header: str, status: int) -> None:
    request = pushed(notified(MOVEMENT), body=body, headers={"content-type": header}, query=body)
    answer = Answer(status=status, content_type=header, body=body)
    for attempt in (
        lambda: payos.read(request, ACCOUNT),
        lambda: payos.read_answer(QUERY_, answer, ACCOUNT),
        lambda: payos.read_created(ORDER, answer, ACCOUNT),
        lambda: payos.read_cancelled(QUERY_, answer, ACCOUNT),
        lambda: payos.read_registered(answer, ACCOUNT),
        lambda: payos.read_return(body, ACCOUNT),
    ):
        with contextlib.suppress(RefusedError):
            attempt()
