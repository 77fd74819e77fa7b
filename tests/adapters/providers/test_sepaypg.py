"""SePay's payment gateway: the signed form, the IPN under its secret, question and cancellation."""

import contextlib
import html
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import CANCEL, IPN, NUMBERED, QUERY, REDIRECT
from adapters.contract import (
    Answer,
    Bill,
    Checkout,
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
from adapters.providers import sepaypg
from sandbox import sepaypg as sandbox_sepaypg
from sandbox.provider import (
    Call,
    CallReply,
    Merchant,
    Message,
    Movement,
    MovementState,
    OrderRefusedError,
    altered,
)

VECTOR = json.loads((VECTORS / "sepay.json").read_text(encoding="utf-8"))["pg_checkout_vector"]
AT = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)
BASE = "http://sandbox.test/sandbox/sepaypg"
SECRETS = {"secret_key": VECTOR["secret"]}
SETTINGS = {
    "merchant_id": "MERCHANT",
    "checkout_url": f"{BASE}/v1/checkout/init",
    "api_url": f"{BASE}/v1",
}
ACCOUNT = MerchantAccount(account_key="k", secrets=SECRETS, settings=SETTINGS)
MERCHANT = Merchant(
    provider="sepaypg", ipn_url="", account_number="012", settings=SETTINGS, secrets=SECRETS
)
ORDER = Order(
    merchant_reference="HP7A1BC24DE500",
    amount_vnd=500_000,
    description="Hoc phi thang 9",
    return_url="https://pay.example.edu.vn/return?invoice=1",
    ipn_url="https://pay.example.edu.vn/ipn/sepaypg/k",
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
        account_number="012",
        account_holder="TRUONG",
    ),
)
QUERY_ = OrderQuery(
    request_id="0" * 32,
    merchant_reference=ORDER.merchant_reference,
    provider_reference="",
    amount_vnd=ORDER.amount_vnd,
    ordered_at=AT,
    asked_at=AT + timedelta(minutes=5),
    client_ip="203.0.113.7",
)
DOCUMENTED: dict[str, Any] = {  # developer.sepay.vn, "IPN"
    "timestamp": 1757058220,
    "notification_type": "ORDER_PAID",
    "order": {
        "id": "256",
        "order_id": "NPSETVI00101000042R",
        "order_status": "CAPTURED",
        "order_currency": "VND",
        "order_amount": "50000.00",
        "order_invoice_number": "SUB_202509_001",
        "custom_data": [],
        "order_description": "Premium",
    },
    "transaction": {
        "id": "189",
        "payment_method": "CARD",
        "transaction_id": "68ba94ac80123",
        "transaction_type": "PAYMENT",
        "transaction_date": "2025-09-01 00:00:15",
        "transaction_status": "APPROVED",
        "transaction_amount": "50000",
        "transaction_currency": "VND",
    },
    "customer": None,
}


def notified(movement: Movement, leave_out: str = "") -> Message:
    """What the sandbox's notifier says; it waits for nothing, so one step of it is all."""
    coroutine = sandbox_sepaypg.message(None, movement, MERCHANT, leave_out=leave_out)  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    message: Message = done.value.value
    return message


def brought(message: Message, **changes: Any) -> Request:
    request = Request(
        method=message.method,
        path=message.path,
        query=b"",
        headers={name.lower(): value for name, value in message.headers},
        body=message.body,
        received_at=AT,
    )
    return replace(request, **changes)


def keyed(message: dict[str, Any], key: str = SECRETS["secret_key"]) -> Request:
    headers = (("Content-Type", "application/json"), ("X-Secret-Key", key))
    return brought(Message(headers=headers, body=json.dumps(message).encode()))


def with_part(part: str, **changes: Any) -> dict[str, Any]:
    return DOCUMENTED | {part: DOCUMENTED[part] | changes}


def read(request: Request, account: MerchantAccount = ACCOUNT) -> Notice:
    (notice,) = sepaypg.read(request, account).items
    return notice


def refusal(request: Request, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        sepaypg.read(request, account)
    return caught.value


def called(server: sandbox_sepaypg.SepayPg, request: OutgoingRequest) -> Answer:
    """Bring a call of ours to the server."""
    assert request.url.startswith(BASE)
    path = request.url.removeprefix(BASE)
    reply = server.answer(
        Call(method=request.method, path=path, query="", headers=request.headers,
             body=request.body), AT,
    )  # fmt: skip
    return Answer(status=reply.status, content_type=reply.content_type, body=reply.body)


def submitted(server: sandbox_sepaypg.SepayPg, checkout: Checkout) -> CallReply:
    """The parent's browser posts the form."""
    assert checkout.url.startswith(BASE)
    return server.answer(
        Call(method="POST", path=checkout.url.removeprefix(BASE), query="", headers={},
             body=urlencode(checkout.fields).encode()), AT,
    )  # fmt: skip


def opened(server: sandbox_sepaypg.SepayPg) -> str:
    """Post the form and follow to the page; the gateway's own name for the order."""
    reply = submitted(server, sepaypg.checkout(ORDER, ACCOUNT))
    assert reply.status == 200
    link = re.search(r'href="([^"]+)"', reply.body.decode())
    assert link is not None
    address = urlsplit(html.unescape(link[1]))
    assert address.path == "/sandbox/sepaypg/pay"
    call = Call(method="GET", path="/pay", query=address.query, headers={}, body=b"")
    page = server.open_order(call, AT)
    assert (page.amount_vnd, page.info) == (ORDER.amount_vnd, ORDER.description)
    return page.order_id


def test_it_stands_in_the_tables() -> None:
    tables: tuple[dict[str, Any], ...] = (IPN, REDIRECT, QUERY, CANCEL)
    assert all(table["sepaypg"] is sepaypg for table in tables)
    assert "sepaypg" not in NUMBERED


def test_the_public_vector() -> None:
    assert sepaypg.sign_fields(VECTOR["secret"], VECTOR["fields"]) == VECTOR["signature"]
    shuffled = dict(reversed(VECTOR["fields"].items()))
    assert sepaypg.sign_fields(VECTOR["secret"], shuffled) == VECTOR["signature"]


def test_the_form_that_is_posted() -> None:
    made = sepaypg.checkout(ORDER, ACCOUNT)
    assert made.url == f"{BASE}/v1/checkout/init"
    fields = dict(made.fields)
    signature = fields.pop("signature")
    assert fields == {
        "merchant": "MERCHANT",
        "operation": "PURCHASE",
        "payment_method": "BANK_TRANSFER",
        "order_amount": "500000",
        "currency": "VND",
        "order_invoice_number": ORDER.merchant_reference,
        "order_description": ORDER.description,
        "success_url": ORDER.return_url,
        "error_url": ORDER.return_url,
        "cancel_url": ORDER.return_url,
    }
    assert signature == sepaypg.sign_fields(VECTOR["secret"], fields)
    card = replace(ACCOUNT, settings=SETTINGS | {"payment_method": "CARD"})
    assert sepaypg.checkout(ORDER, card).fields["payment_method"] == "CARD"


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant_reference": "a,b"},
        {"description": "a,b"},
        {"description": ""},
        {"return_url": "https://x.vn/?a=1,2"},
        {"return_url": "ftp://x.vn"},
        {"amount_vnd": 0},
    ],
)
def test_an_order_that_does_not_fit(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        sepaypg.checkout(replace(ORDER, **changes), ACCOUNT)


@pytest.mark.parametrize("name", ["merchant_id", "checkout_url", "payment_method"])
def test_an_incomplete_account_opens_no_checkout(name: str) -> None:
    settings = SETTINGS | {name: "CASH" if name == "payment_method" else ""}
    with pytest.raises(RefusedError) as caught:
        sepaypg.checkout(ORDER, replace(ACCOUNT, settings=settings))
    assert (caught.value.reason, caught.value.field) == (Refused.BUSY, name)


def test_the_documented_ipn() -> None:
    assert read(keyed(DOCUMENTED)) == Notice(
        transaction_id="SUB_202509_001.189",
        outcome=Outcome.PAID,
        amount_vnd=50_000,
        paid_at=datetime(2025, 8, 31, 17, 0, 15, tzinfo=UTC),
        merchant_reference="SUB_202509_001",
    )
    assert (
        read(keyed(DOCUMENTED | {"notification_type": "RENEWAL_ORDER_PAID"})).amount_vnd == 50_000
    )


@pytest.mark.parametrize("key", ["", "wrong", VECTOR["secret"] + " ", "é"])
def test_without_the_secret_nothing_is_read(key: str) -> None:
    assert refusal(keyed(DOCUMENTED, key)).reason is Refused.UNAUTHENTICATED
    assert refusal(replace(keyed(DOCUMENTED, key), body=b"x")).reason is Refused.UNAUTHENTICATED


def test_an_ipn_secret_of_its_own() -> None:
    account = replace(ACCOUNT, secrets=SECRETS | {"ipn_secret": "another"})
    assert refusal(keyed(DOCUMENTED), account).reason is Refused.UNAUTHENTICATED
    assert read(keyed(DOCUMENTED, "another"), account).amount_vnd == 50_000
    assert refusal(keyed(DOCUMENTED, ""), replace(ACCOUNT, secrets={})).reason is Refused.BUSY


@pytest.mark.parametrize(
    ("message", "unmapped"),
    [
        (DOCUMENTED | {"notification_type": "TRANSACTION_VOID"}, "TRANSACTION_VOID"),
        (DOCUMENTED | {"notification_type": "ORDER_PARKED"}, "ORDER_PARKED"),
        (with_part("order", order_status="AUTHENTICATION_NOT_NEEDED"), ""),
        (with_part("order", order_status="PARKED"), "PARKED"),
        (with_part("transaction", transaction_status="DECLINED"), ""),
        (with_part("transaction", transaction_type="REFUND"), ""),
    ],
)
def test_what_is_no_payment_is_pending(message: dict[str, Any], unmapped: str) -> None:
    notice = read(keyed(message))
    assert (notice.outcome, notice.unmapped_status) == (Outcome.PENDING, unmapped)
    assert notice.transaction_id != read(keyed(DOCUMENTED)).transaction_id


def test_a_void_never_passes_for_a_failure_of_the_order() -> None:
    void = with_part("order", order_status="CANCELLED") | {"notification_type": "TRANSACTION_VOID"}
    assert read(keyed(void)).outcome is Outcome.PENDING


@pytest.mark.parametrize(
    ("part", "name", "value", "reason"),
    [
        ("transaction", "transaction_amount", "50000.5", Refused.BAD_FIELD),
        ("transaction", "transaction_amount", "-5", Refused.BAD_FIELD),
        ("transaction", "transaction_amount", "0", Refused.BAD_FIELD),
        ("transaction", "transaction_amount", "٥", Refused.BAD_FIELD),
        ("transaction", "transaction_amount", "9" * 13, Refused.BAD_FIELD),
        ("transaction", "transaction_amount", True, Refused.BAD_FIELD),
        ("transaction", "transaction_amount", None, Refused.MISSING_FIELD),
        ("transaction", "transaction_currency", "USD", Refused.BAD_FIELD),
        ("transaction", "transaction_date", "2025-09-01", Refused.BAD_FIELD),
        ("transaction", "id", None, Refused.MISSING_FIELD),
        ("transaction", "transaction_status", None, Refused.MISSING_FIELD),
        ("order", "order_invoice_number", "", Refused.MISSING_FIELD),
        ("order", "order_status", [], Refused.BAD_FIELD),
    ],
)
def test_a_field_at_fault_is_named(part: str, name: str, value: Any, reason: Refused) -> None:
    error = refusal(keyed(with_part(part, **{name: value})))
    assert (error.reason, error.field) == (reason, name)


@pytest.mark.parametrize("written", ["50000", "50000.0", "50000.00", 50_000, 50_000.0])
def test_ways_to_write_an_amount(written: Any) -> None:
    message = with_part("transaction", transaction_amount=written)
    assert read(keyed(message)).amount_vnd == 50_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "GET"}, Refused.NOT_FOUND),
        ({"path": "/x"}, Refused.NOT_FOUND),
        ({"body": b" " * 65_537}, Refused.TOO_LARGE),
        ({"body": b"[]"}, Refused.MALFORMED),
        ({"body": b"{}"}, Refused.MISSING_FIELD),
        ({"body": b'{"order":1}'}, Refused.BAD_FIELD),
        ({"headers": {"x-secret-key": VECTOR["secret"]}}, Refused.WRONG_CONTENT_TYPE),
    ],
)
def test_what_is_no_ipn(changes: dict[str, Any], reason: Refused) -> None:
    assert refusal(replace(keyed(DOCUMENTED), **changes)).reason is reason


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_what_was_committed_is_acknowledged(kind: VerdictKind) -> None:
    reply = sepaypg.acknowledge(keyed(DOCUMENTED), ACCOUNT, [Verdict(kind=kind, record_id="r")])
    assert (reply.status, reply.body) == (200, b'{"success":true}')


@pytest.mark.parametrize("reason", list(Refused))
def test_refusals_are_never_a_success(reason: Refused) -> None:
    reply = sepaypg.refuse(keyed(DOCUMENTED), None, RefusedError(reason, "secret"))
    assert reply.status >= 400
    assert json.loads(reply.body) == {"success": False, "message": str(reason)}


def test_an_order_from_form_to_payment() -> None:
    server = sandbox_sepaypg.SepayPg([MERCHANT])
    order_id = opened(server)
    assert opened(server) == order_id  # the form again is the same order
    (waiting,) = sepaypg.read_answer(QUERY_, called(server, sepaypg.ask(QUERY_, ACCOUNT)), ACCOUNT)
    assert (waiting.outcome, waiting.unmapped_status) == (Outcome.PENDING, "")
    decided = server.decide(order_id, is_paid=True, at=AT)
    assert server.decide(order_id, is_paid=False, at=AT) == decided
    assert decided.return_url == ORDER.return_url
    assert sepaypg.read_return(urlsplit(decided.return_url).query.encode(), ACCOUNT) is (
        Outcome.PENDING
    )
    notice = read(brought(notified(decided.movement)))
    assert (notice.outcome, notice.amount_vnd, notice.paid_at) == (Outcome.PAID, 500_000, AT)
    polled = sepaypg.read_answer(QUERY_, called(server, sepaypg.ask(QUERY_, ACCOUNT)), ACCOUNT)
    assert polled == (notice,)
    assert server.movements == [decided.movement]
    late = called(server, sepaypg.cancel(QUERY_, ACCOUNT))
    assert sepaypg.read_cancelled(QUERY_, late, ACCOUNT) is False


def test_a_cancelled_order() -> None:
    server = sandbox_sepaypg.SepayPg([MERCHANT])
    order_id = opened(server)
    cancelled = called(server, sepaypg.cancel(QUERY_, ACCOUNT))
    assert sepaypg.read_cancelled(QUERY_, cancelled, ACCOUNT) is True
    (ended,) = sepaypg.read_answer(QUERY_, called(server, sepaypg.ask(QUERY_, ACCOUNT)), ACCOUNT)
    assert ended.outcome is Outcome.FAILED
    with pytest.raises(OrderRefusedError):
        server.decide(order_id, is_paid=True, at=AT)


def test_a_payer_who_cancels() -> None:
    server = sandbox_sepaypg.SepayPg([MERCHANT])
    decided = server.decide(opened(server), is_paid=False, at=AT)
    assert decided.movement.state is MovementState.FAILED
    assert read(brought(notified(decided.movement))).outcome is Outcome.PENDING
    (ended,) = sepaypg.read_answer(QUERY_, called(server, sepaypg.ask(QUERY_, ACCOUNT)), ACCOUNT)
    assert ended.outcome is Outcome.FAILED
    assert server.movements == []


def test_the_server_refuses_what_sepay_refuses() -> None:
    server = sandbox_sepaypg.SepayPg([MERCHANT])
    good = sepaypg.checkout(ORDER, ACCOUNT)
    for name in ("order_amount", "order_invoice_number", "success_url", "signature"):
        forged = replace(good, fields={**good.fields, name: good.fields[name] + "0"})
        assert submitted(server, forged).status == 400
    assert server.orders == {}
    assert sepaypg.read_answer(QUERY_, called(server, sepaypg.ask(QUERY_, ACCOUNT)), ACCOUNT) == ()
    stranger = replace(ACCOUNT, secrets={"secret_key": "another"})
    with pytest.raises(RefusedError) as caught:
        sepaypg.read_answer(QUERY_, called(server, sepaypg.ask(QUERY_, stranger)), ACCOUNT)
    assert caught.value.reason is Refused.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<!doctype html>", Refused.BUSY),
        (200, b"", Refused.BUSY),
        (500, b"{}", Refused.BUSY),
        (429, b"{}", Refused.BUSY),
        (400, b"{}", Refused.BUSY),
        (200, b"{}", Refused.MISSING_FIELD),
        (200, b'{"data":[]}', Refused.BAD_FIELD),
        (200, b'{"data":{"order_invoice_number":"other"}}', Refused.BAD_FIELD),
        (200, b" " * 65_537, Refused.TOO_LARGE),
    ],
)
def test_answers_that_are_none(status: int, body: bytes, reason: Refused) -> None:
    answer = Answer(status=status, content_type="text/html", body=body)
    with pytest.raises(RefusedError) as caught:
        sepaypg.read_answer(QUERY_, answer, ACCOUNT)
    assert caught.value.reason is reason


def test_an_answer_with_an_unknown_state_shows_its_word() -> None:
    order = DOCUMENTED["order"] | {
        "order_invoice_number": QUERY_.merchant_reference,
        "order_status": "PARKED",
        "transactions": [DOCUMENTED["transaction"]],
    }
    body = json.dumps({"data": order}).encode()
    answer = Answer(status=200, content_type="application/json", body=body)
    (notice,) = sepaypg.read_answer(QUERY_, answer, ACCOUNT)
    assert (notice.outcome, notice.unmapped_status) == (Outcome.PENDING, "PARKED")


@given(
    sequence=st.integers(1, 10**9),
    amount_vnd=st.integers(1, 10**12),
    reference=st.from_regex(r"HP[0-9A-Z]{12}", fullmatch=True),
    minutes=st.integers(0, 10**6),
)
def test_whatever_the_sandbox_notifies_is_read_as_it_moved(
    sequence: int, amount_vnd: int, reference: str, minutes: int
) -> None:
    movement = Movement(
        sequence=sequence,
        amount_vnd=amount_vnd,
        at=AT + timedelta(minutes=minutes),
        merchant_reference=reference,
    )
    notice = read(brought(notified(movement)))
    assert (notice.outcome, notice.amount_vnd) == (Outcome.PAID, amount_vnd)
    assert (notice.merchant_reference, notice.paid_at) == (reference, movement.at)
    assert notice.payee_account == ""


@given(at=st.integers(0, 60))
def test_any_changed_symbol_of_the_proof_is_refused(at: int) -> None:
    movement = Movement(sequence=7, amount_vnd=5_000, at=AT, merchant_reference="HP1")
    message = altered(notified(movement), sandbox_sepaypg.SIGNED[0], at)
    assert refusal(brought(message)).reason is Refused.UNAUTHENTICATED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    order=st.dictionaries(st.sampled_from(sorted(DOCUMENTED["order"])), JSON),
    transaction=st.dictionaries(st.sampled_from(sorted(DOCUMENTED["transaction"])), JSON),
)
def test_any_authentic_json_is_a_sound_notice_or_refused(
    order: dict[str, Any], transaction: dict[str, Any]
) -> None:
    message = DOCUMENTED | {
        "order": DOCUMENTED["order"] | order,
        "transaction": DOCUMENTED["transaction"] | transaction,
    }
    with contextlib.suppress(RefusedError):
        notice = read(keyed(message))
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.paid_at.utcoffset() == timedelta(0)
        assert len(notice.fingerprint()) == 32
    body = json.dumps({"data": message["order"] | {"transactions": [message["transaction"]]}})
    answer = Answer(status=200, content_type="application/json", body=body.encode())
    with contextlib.suppress(RefusedError):
        sepaypg.read_answer(replace(QUERY_, merchant_reference="SUB_202509_001"), answer, ACCOUNT)


@given(body=st.binary(max_size=300), header=st.text(max_size=30), status=st.integers(100, 599))
def test_any_bytes_only_ever_raise_a_refusal(body: bytes, header: str, status: int) -> None:
    answer = Answer(status=status, content_type=header, body=body)
    for attempt in (
        lambda: sepaypg.read(replace(keyed(DOCUMENTED), body=body), ACCOUNT),
        lambda: sepaypg.read(keyed(DOCUMENTED, header), ACCOUNT),
        lambda: sepaypg.read_answer(QUERY_, answer, ACCOUNT),
        lambda: sepaypg.read_cancelled(QUERY_, answer, ACCOUNT),
        lambda: sepaypg.read_return(body, ACCOUNT),
    ):
        with contextlib.suppress(RefusedError):
            attempt()
