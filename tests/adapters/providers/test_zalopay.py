"""ZaloPay: published vectors, every sub-code, no byte that passes unsigned, and both ends of each call."""

import contextlib
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import review_school
from support.paths import VECTORS

from adapters import CREATE, IPN, QUERY, REFUND
from adapters.contract import (
    Answer,
    MerchantAccount,
    Notice,
    Outcome,
    OutgoingRequest,
    RefundOrder,
    RefundState,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import zalopay
from sandbox import zalopay as notifier
from sandbox.provider import (
    Call,
    Merchant,
    Movement,
    MovementState,
    OrderRefusedError,
    altered,
    span,
)
from sandbox.zalopay import ZaloPay

VECTORS = json.loads((VECTORS / "zalopay.json").read_text(encoding="utf-8"))
BY_NAME = {row["name"]: row for row in VECTORS["vectors"]}
KEY1, KEY2 = VECTORS["meta"]["key1"], VECTORS["meta"]["key2"]
RECEIVED = datetime(2026, 9, 10, 18, 30, tzinfo=UTC)  # the 11th in Vietnam
ACCOUNT = MerchantAccount(
    account_key="k1",
    secrets={"key1": KEY1, "key2": KEY2},
    settings={"api_url": "http://sandbox.test/sandbox/zalopay", "app_id": "2553"},
)
MERCHANT = Merchant(
    provider="zalopay",
    ipn_url="http://gateway.test/ipn/zalopay/k1",
    account_number="0123456789",
    settings=ACCOUNT.settings,
    secrets=ACCOUNT.secrets,
)
REFERENCE = "HP7K2M9QX4TB00"
ORDER = replace(
    review_school.ORDER,
    merchant_reference=REFERENCE,
    return_url="https://fees.example.vn/pay/t/return/zalopay",
    ipn_url="https://fees.example.vn/ipn/zalopay/k1",
    created_at=RECEIVED,
    expires_at=RECEIVED + timedelta(minutes=15),
)
QUERY_ = replace(
    review_school.QUERY,
    merchant_reference=REFERENCE,
    ordered_at=RECEIVED,
    asked_at=RECEIVED + timedelta(minutes=15),
)
REFUND_ = replace(
    review_school.REFUND,
    merchant_reference=REFERENCE,
    transaction_id=f"260911_{REFERENCE}.2609110000000001",
    amount_vnd=250_000,
    reason="Nop thua",
    requested_by="ketoan",
    ordered_at=RECEIVED,
    paid_at=RECEIVED,
    requested_at=RECEIVED + timedelta(minutes=5),
    asked_at=RECEIVED + timedelta(minutes=5),
)
NO_NET = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500)))


def hexmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def wrapped(data: str) -> dict[str, Any]:
    return {"data": data, "mac": hexmac(KEY2, data), "type": 1}


def signed(**changes: Any) -> dict[str, Any]:
    """The school's vector with changes in its data, signed by the test's own few lines; None: left out."""
    data = {**json.loads(BY_NAME["callback-school"]["body"]["data"]), **changes}
    return wrapped(json.dumps({k: v for k, v in data.items() if v is not None}))


def request(message: dict[str, Any] | bytes, **changes: Any) -> Request:
    base = Request(
        method="POST",
        path="",
        query=b"",
        headers={"content-type": "application/json"},
        body=message if isinstance(message, bytes) else json.dumps(message).encode(),
        received_at=RECEIVED,
    )
    return replace(base, **changes)


def read(message: dict[str, Any] | bytes) -> Notice:
    (notice,) = zalopay.read(request(message), ACCOUNT).items
    return notice


def refusal(
    message: dict[str, Any] | bytes, account: MerchantAccount = ACCOUNT, **changes: Any
) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        zalopay.read(request(message, **changes), account)
    return caught.value


async def notified(movement: Movement, leave_out: str = "") -> bytes:
    message = await notifier.message(NO_NET, movement, MERCHANT, leave_out=leave_out)
    return message.body


def sent(server: ZaloPay, call: OutgoingRequest, at: datetime) -> Answer:
    """The adapter's call, brought to the server; the answer as the gateway would have it."""
    path = urlsplit(call.url).path
    assert path.startswith("/sandbox/zalopay/")
    reply = server.answer(
        Call(
            method=call.method,
            path=path.removeprefix("/sandbox/zalopay"),
            query="",
            headers=call.headers,
            body=call.body,
        ),
        at,
    )
    return Answer(status=reply.status, content_type="application/json", body=reply.body)


def answer(**fields: Any) -> Answer:
    return Answer(status=200, content_type="application/json", body=json.dumps(fields).encode())


def failing(sub_code: int) -> Answer:
    return answer(return_code=2, return_message="x", sub_return_code=sub_code)


def paid_server() -> tuple[ZaloPay, Notice]:
    """A server at which ORDER was paid, and what a question finds."""
    server = ZaloPay([MERCHANT])
    zalopay.read_created(ORDER, sent(server, zalopay.create(ORDER, ACCOUNT), RECEIVED), ACCOUNT)
    server.decide(f"2553/260911_{REFERENCE}", is_paid=True, at=RECEIVED)
    reply = sent(server, zalopay.ask(QUERY_, ACCOUNT), RECEIVED)
    (notice,) = zalopay.read_answer(QUERY_, reply, ACCOUNT)
    return server, notice


def test_the_adapter_stands_in_its_tables() -> None:
    assert all(table["zalopay"] is zalopay for table in (IPN, CREATE, QUERY, REFUND))


def test_the_callback_of_zalopays_own_page() -> None:
    row = BY_NAME["callback-official-doc"]
    notice = read({"data": row["data"], "mac": row["mac"], "type": row["type"]})
    assert notice == Notice(
        transaction_id="200904_2553_1598435687208.200904000000389",
        outcome=Outcome.PAID,
        amount_vnd=10_000,
        paid_at=datetime(2020, 9, 4, 3, 16, 53, 498_000, tzinfo=UTC),
        merchant_reference="2553_1598435687208",
    )


def test_the_callback_of_a_school() -> None:
    body = BY_NAME["callback-school"]["body"]
    notice = read(body)
    assert notice.transaction_id == "240905_HP202409000123.240905000000389"
    assert (notice.merchant_reference, notice.amount_vnd) == ("HP202409000123", 1_250_000)
    assert read({**body, "mac": body["mac"].upper()}) == notice
    assert read({**body, "type": 2}) == read({"data": body["data"], "mac": body["mac"]}) == notice


def test_the_question_of_the_vector() -> None:
    row = BY_NAME["query"]
    asked = replace(
        QUERY_,
        merchant_reference="HP202409000123",
        ordered_at=datetime(2024, 9, 4, 17, 0, tzinfo=UTC),  # midnight in Vietnam
    )
    call = zalopay.ask(asked, ACCOUNT)
    assert call.url == "http://sandbox.test/sandbox/zalopay/v2/query"
    assert json.loads(call.body) == row["request"]
    assert row["mac"] == hexmac(KEY1, row["raw"].replace("<key1>", KEY1))


def test_the_refund_question_of_the_vector() -> None:
    row = BY_NAME["query_refund"]
    at = datetime(2024, 9, 5, 1, 51, tzinfo=UTC)
    order = replace(REFUND_, request_id="0000000001", requested_at=at, asked_at=at)
    assert json.loads(zalopay.ask_refund(order, ACCOUNT).body) == row["request"]
    assert row["mac"] == hexmac(KEY1, row["raw"])


def test_no_vector_is_left_out() -> None:
    assert set(BY_NAME) == {"callback-official-doc", "callback-school", "query", "query_refund"}


def test_fees_and_discounts_are_not_the_schools_money() -> None:
    assert read(signed(user_fee_amount=5_500, discount_amount=20_000)).amount_vnd == 1_250_000


@pytest.mark.parametrize("name", ["amount", "app_trans_id", "zp_trans_id", "server_time", "app_id"])
def test_a_missing_field_is_named(name: str) -> None:
    error = refusal(signed(**{name: None}))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 0),
        ("amount", -1),
        ("amount", "1250000"),
        ("amount", 1.5),
        ("amount", True),
        ("amount", 10**12 + 1),
        ("zp_trans_id", 0),
        ("zp_trans_id", "x"),
        ("zp_trans_id", []),
        ("server_time", 10**15),
        ("server_time", 1),
        ("server_time", "soon"),
        ("app_trans_id", "a\x00b"),
        ("app_trans_id", "9" * 129),
    ],
)
def test_a_bad_field_is_named(name: str, value: object) -> None:
    error = refusal(signed(**{name: value}))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, name)


def test_names_of_another_shape_are_left_whole() -> None:
    assert read(signed(app_trans_id="2409051234")).merchant_reference == "2409051234"
    assert read(signed(app_trans_id="240905_a_b")).merchant_reference == "a_b"


def test_data_is_verified_as_it_stands_and_not_as_it_could_be_written() -> None:
    spaced = json.dumps(json.loads(signed()["data"]), indent=1)
    assert read(wrapped(spaced)) == read(signed())
    assert refusal({**signed(), "data": spaced}).reason is Refused.BAD_SIGNATURE
    escaped = json.dumps(signed()).replace("HP202409", "\\u0048P202409").encode()
    assert read(escaped) == read(signed())  # the outer JSON may be written in any way
    assert refusal({**signed(), "data": json.loads(signed()["data"])}).field == "data"
    assert refusal(wrapped("[]")).reason is Refused.MALFORMED
    assert refusal(wrapped('{"amount":1,"amount":2}')).reason is Refused.MALFORMED
    assert refusal({**signed(), "data": "\ud800"}).reason is Refused.BAD_SIGNATURE
    assert refusal(wrapped("\ud800")).reason is Refused.MALFORMED
    assert refusal({**signed(), "mac": None}).reason is Refused.BAD_SIGNATURE


def test_key1_signs_no_callback() -> None:
    message = signed()
    message["mac"] = hexmac(KEY1, message["data"])
    assert refusal(message).reason is Refused.BAD_SIGNATURE


def test_the_door() -> None:
    assert refusal(signed(app_id=1)).reason is Refused.WRONG_MERCHANT
    assert refusal(signed(), method="GET").reason is Refused.NOT_FOUND
    assert refusal(signed(), path="/x").reason is Refused.NOT_FOUND
    assert refusal(signed(), headers={}).reason is Refused.WRONG_CONTENT_TYPE
    assert refusal(json.dumps(signed()).encode() + b" " * 70_000).reason is Refused.TOO_LARGE


@pytest.mark.parametrize("secrets", [{"key1": KEY1}, {"key1": KEY1, "key2": ""}])
def test_without_a_secret_nothing_verifies(secrets: dict[str, str]) -> None:
    message = signed()
    message["mac"] = hexmac("", message["data"])
    error = refusal(message, replace(ACCOUNT, secrets=secrets))
    assert (error.reason, error.field) == (Refused.BUSY, "key2")


@pytest.mark.parametrize("kind", list(VerdictKind))
@pytest.mark.parametrize("duplicate", [False, True])
def test_what_was_done_is_said_in_zalopays_words(kind: VerdictKind, duplicate: bool) -> None:
    verdict = Verdict(kind=kind, record_id="r", duplicate=duplicate)
    reply = zalopay.acknowledge(request(b""), ACCOUNT, [verdict])
    expected = b'{"return_code":1,"return_message":"success"}'
    if kind is VerdictKind.CONFLICT:
        expected = b'{"return_code":2,"return_message":"conflict"}'
    assert (reply.status, reply.content_type, reply.body) == (200, "application/json", expected)
    assert notifier.is_final(httpx.Response(200, content=reply.body))


@pytest.mark.parametrize("reason", list(Refused))
def test_refusals_in_zalopays_words(reason: Refused) -> None:
    reply = zalopay.refuse(request(b""), None, RefusedError(reason))
    assert json.loads(reply.body)["return_code"] == (0 if reason is Refused.BUSY else 2)
    assert reply.status == (413 if reason is Refused.TOO_LARGE else 200)
    is_final = notifier.is_final(httpx.Response(reply.status, content=reply.body))
    assert is_final is (reason is not Refused.BUSY)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"return_code":"1"}'])
def test_zalopay_comes_again_after_no_answer(body: bytes) -> None:
    assert not notifier.is_final(httpx.Response(200, content=body))


MOVEMENTS = st.builds(
    Movement,
    sequence=st.integers(1, 2**32),
    amount_vnd=st.integers(1, 10**12),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001 - made aware
        lambda at: at.replace(tzinfo=UTC, microsecond=0)
    ),
    merchant_reference=st.from_regex(r"HP[0-9A-Z]{10}[0-9A-Z]{2}", fullmatch=True),
)


@given(MOVEMENTS)
async def test_whatever_the_notifier_says_is_read_as_it_was_meant(movement: Movement) -> None:
    notice = read(await notified(movement))
    assert notice.outcome is Outcome.PAID
    assert notice.amount_vnd == movement.amount_vnd
    assert notice.paid_at == movement.at
    assert notice.merchant_reference == movement.merchant_reference
    assert (notice.payee_account, notice.content, notice.is_provisional) == ("", "", False)


PAID = Movement(sequence=77, amount_vnd=1_250_000, at=RECEIVED, merchant_reference=REFERENCE)


@pytest.mark.parametrize("mark", notifier.SIGNED)
@given(at=st.integers(0, 200))
async def test_any_changed_signed_byte_is_refused(mark: str, at: int) -> None:
    message = await notifier.message(NO_NET, PAID, MERCHANT)
    assert refusal(altered(message, mark, at).body).reason is Refused.BAD_SIGNATURE


@pytest.mark.parametrize("mark", notifier.UNSIGNED)
async def test_unsigned_fields_change_nothing(mark: str) -> None:
    message = await notifier.message(NO_NET, PAID, MERCHANT)
    assert span(message, mark)
    assert read(altered(message, mark).body) == read(message.body)
    extra = message.body[:-1] + b',"amount":9,"app_trans_id":"x","bankaccount":"9"}'
    assert read(extra) == read(message.body)


@pytest.mark.parametrize("name", ["amount", "app_trans_id", "zp_trans_id", "server_time"])
async def test_a_field_that_the_notifier_forgot_is_missed(name: str) -> None:
    assert refusal(await notified(PAID, leave_out=name)).field == name


@pytest.mark.parametrize("state", [MovementState.FAILED, MovementState.PENDING])
async def test_zalopay_notifies_of_paid_orders_only(state: MovementState) -> None:
    with pytest.raises(ValueError, match="paid orders only"):
        await notified(replace(PAID, state=state))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        zalopay.read(request(body), ACCOUNT)
    with pytest.raises(RefusedError):
        zalopay.read_return(body, ACCOUNT)
    reply = Answer(status=200, content_type="", body=body)
    with contextlib.suppress(RefusedError):
        zalopay.read_created(ORDER, reply, ACCOUNT)
        pytest.fail("bytes became a checkout")
    with contextlib.suppress(RefusedError):
        zalopay.read_refund_status(REFUND_, reply, ACCOUNT)
        pytest.fail("bytes became a refund")


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=4,
)
VALUES = JSONS | st.sampled_from([0, 1, 2, 3, -54, -101, -500, 2553, "2553", 1789005600000])
FIELDS = ["app_id", "app_trans_id", "amount", "zp_trans_id", "server_time", "user_fee_amount"]
ANSWERS = ["return_code", "sub_return_code", "order_url", "refund_id", *FIELDS]


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_any_signed_message_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    with contextlib.suppress(RefusedError):
        notice = read(signed(**changes))
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.transaction_id.isprintable()
        assert len(notice.fingerprint()) == 32


@given(st.dictionaries(st.sampled_from(ANSWERS), VALUES), st.sampled_from([200, 400, 500]))
def test_any_answer_is_sound_or_refused(fields: dict[str, Any], status: int) -> None:
    reply = replace(answer(**fields), status=status)
    for reads in (
        lambda it: zalopay.read_answer(QUERY_, it, ACCOUNT),
        lambda it: zalopay.read_created(ORDER, it, ACCOUNT),
        lambda it: zalopay.read_refund(REFUND_, it, ACCOUNT),
        lambda it: zalopay.read_refund_status(REFUND_, it, ACCOUNT),
    ):
        with contextlib.suppress(RefusedError):
            assert reads(reply) is not None
            assert status < 500
            assert "return_code" in fields


def test_the_order_is_signed_and_says_what_was_ordered() -> None:
    call = zalopay.create(ORDER, ACCOUNT)
    assert (call.method, call.url) == ("POST", "http://sandbox.test/sandbox/zalopay/v2/create")
    body = json.loads(call.body)
    embed_data = '{"redirecturl":"https://fees.example.vn/pay/t/return/zalopay"}'
    mac = hexmac(KEY1, f"2553|260911_{REFERENCE}|{REFERENCE}|1250000|1789065000000|{embed_data}|[]")
    assert body == {
        "app_id": 2553,
        "app_trans_id": f"260911_{REFERENCE}",
        "app_user": REFERENCE,
        "app_time": 1789065000000,
        "amount": 1_250_000,
        "embed_data": embed_data,
        "item": "[]",
        "description": "Hoc phi HP7K2M9QX4TB",
        "bank_code": "",
        "callback_url": ORDER.ipn_url,
        "expire_duration_seconds": 900,
        "mac": mac,
    }


@pytest.mark.parametrize(("lasts_s", "notified_s"), [(1, 300), (900, 900), (10**7, 2_592_000)])
def test_an_order_lasts_as_long_as_zalopay_allows(lasts_s: int, notified_s: int) -> None:
    order = replace(ORDER, expires_at=RECEIVED + timedelta(seconds=lasts_s))
    assert json.loads(zalopay.create(order, ACCOUNT).body)["expire_duration_seconds"] == notified_s


@pytest.mark.parametrize(
    "change",
    [
        {"amount_vnd": 0},
        {"merchant_reference": "A" * 34},
        {"merchant_reference": "a|b"},
        {"description": "học phí"},
        {"description": ""},
        {"return_url": "https://a.vn/|"},
        {"return_url": "https://a.vn/" + "x" * 1_100},
        {"ipn_url": "ftp://a.vn"},
    ],
)
def test_an_order_that_does_not_fit_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        zalopay.create(replace(ORDER, **change), ACCOUNT)


def test_an_account_without_a_number_is_incomplete() -> None:
    for app_id in ("", "12a"):
        account = replace(ACCOUNT, settings={**ACCOUNT.settings, "app_id": app_id})
        with pytest.raises(RefusedError) as caught:
            zalopay.ask(QUERY_, account)
        assert caught.value.reason is Refused.BUSY


@pytest.mark.parametrize("code", [-33, -429, -500, -503, -999, -68, -401, -402, -2, 7])
def test_orders_that_zalopay_did_not_take(code: int) -> None:
    is_busy = str(code) in zalopay.BUSY
    for reply in (failing(code), answer(return_code=code)):
        with pytest.raises(RefusedError) as caught:
            zalopay.read_created(ORDER, reply, ACCOUNT)
        assert caught.value.reason is (Refused.BUSY if is_busy else Refused.BAD_FIELD)


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "https://a b", 7])
def test_a_created_order_has_an_address(url: object) -> None:
    with pytest.raises(RefusedError) as caught:
        zalopay.read_created(ORDER, answer(return_code=1, order_url=url), ACCOUNT)
    assert caught.value.field == "order_url"


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_a_page_or_nothing_means_that_zalopay_could_not(status: int, body: bytes) -> None:
    reply = Answer(status=status, content_type="text/html", body=body)
    for reads in (
        lambda: zalopay.read_created(ORDER, reply, ACCOUNT),
        lambda: zalopay.read_answer(QUERY_, reply, ACCOUNT),
        lambda: zalopay.read_refund(REFUND_, reply, ACCOUNT),
        lambda: zalopay.read_refund_status(REFUND_, reply, ACCOUNT),
    ):
        with pytest.raises(RefusedError) as caught:
            reads()
        assert caught.value.reason is Refused.BUSY


@pytest.mark.parametrize(
    ("said", "outcome", "unmapped"),
    [
        ({"return_code": 3}, Outcome.PENDING, ""),
        ({"return_code": 2, "sub_return_code": -54}, Outcome.FAILED, ""),
        ({"return_code": 2, "sub_return_code": -63}, Outcome.FAILED, ""),
        ({"return_code": 2, "sub_return_code": -322}, Outcome.FAILED, ""),
        ({"return_code": 2, "sub_return_code": -329}, Outcome.FAILED, ""),
        ({"return_code": 2, "sub_return_code": -4711}, Outcome.PENDING, "-4711"),
        ({"return_code": 2, "sub_return_code": 1}, Outcome.PENDING, "2"),
        ({"return_code": 2}, Outcome.PENDING, "2"),
        ({"return_code": 0}, Outcome.PENDING, "0"),
    ],
)
def test_an_order_that_is_not_paid(said: dict[str, Any], outcome: Outcome, unmapped: str) -> None:
    (notice,) = zalopay.read_answer(QUERY_, answer(**said), ACCOUNT)
    assert notice == Notice(
        transaction_id=f"260911_{REFERENCE}.{outcome}",
        outcome=outcome,
        amount_vnd=1_250_000,
        paid_at=QUERY_.asked_at,
        merchant_reference=REFERENCE,
        unmapped_status=unmapped,
    )


@pytest.mark.parametrize("code", sorted(zalopay.BUSY | zalopay.REJECTED))
def test_a_question_that_was_not_answered_is_no_failed_order(code: str) -> None:
    for reply in (failing(int(code)), answer(return_code=int(code))):
        with pytest.raises(RefusedError) as caught:
            zalopay.read_answer(QUERY_, reply, ACCOUNT)
        is_busy = code in zalopay.BUSY
        assert caught.value.reason is (Refused.BUSY if is_busy else Refused.BAD_FIELD)


DONE, PENDING, REFUSED = RefundState.DONE, RefundState.PENDING, RefundState.REFUSED


@pytest.mark.parametrize(
    ("reply", "at_first", "asked", "code"),
    [
        (answer(return_code=1, refund_id=9), PENDING, DONE, "1"),
        (answer(return_code=3, refund_id=9), PENDING, PENDING, "3"),
        *((failing(int(c)), REFUSED, REFUSED, c) for c in sorted(zalopay.REFUND_REFUSED)),
        *(
            (failing(c), PENDING, PENDING, str(c))
            for c in (-1, -2, -3, -5, -23, -25, -63, -401, -402, -429, -500, -999, -4711)
        ),
        (failing(-21), PENDING, RefundState.UNSEEN, "-21"),
        (answer(return_code=-21), PENDING, RefundState.UNSEEN, "-21"),
        (answer(return_code=2), PENDING, PENDING, "2"),
        (answer(return_code=-500), PENDING, PENDING, "-500"),
    ],
)
def test_every_code_of_a_refund(
    reply: Answer, at_first: RefundState, asked: RefundState, code: str
) -> None:
    demand = zalopay.read_refund(REFUND_, reply, ACCOUNT)
    status = zalopay.read_refund_status(REFUND_, reply, ACCOUNT)
    assert (demand.state, status.state) == (at_first, asked)
    assert demand.code == status.code == code
    assert status.provider_refund_id == ("9" if b"refund_id" in reply.body else "")


def test_the_demand_is_signed_and_keeps_its_name() -> None:
    call = zalopay.refund(REFUND_, ACCOUNT)
    assert call.url == "http://sandbox.test/sandbox/zalopay/v2/refund"
    body = json.loads(call.body)
    stamp = 1789065300000
    assert body == {
        "app_id": 2553,
        "zp_trans_id": "2609110000000001",
        "m_refund_id": f"260911_2553_{REFUND_.request_id}",
        "amount": 250_000,
        "description": "Nop thua",
        "timestamp": stamp,
        "mac": hexmac(KEY1, f"2553|2609110000000001|250000|Nop thua|{stamp}"),
    }
    later = replace(REFUND_, asked_at=REFUND_.asked_at + timedelta(days=1))
    assert json.loads(zalopay.refund(later, ACCOUNT).body)["m_refund_id"] == body["m_refund_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"amount_vnd": 0},
        {"amount_vnd": 1_250_001},
        {"transaction_id": f"260911_{REFERENCE}.failed"},
        {"request_id": "has space"},
        {"reason": "nộp thừa"},
        {"reason": "a|b"},
        {"reason": ""},
    ],
)
def test_a_refund_that_does_not_fit_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        zalopay.refund(replace(REFUND_, **change), ACCOUNT)


def test_from_the_order_to_the_return_and_the_question() -> None:
    server = ZaloPay([MERCHANT])
    call = zalopay.create(ORDER, ACCOUNT)
    checkout = zalopay.read_created(ORDER, sent(server, call, RECEIVED), ACCOUNT)
    assert checkout.url.startswith("http://sandbox.test/sandbox/zalopay/pay?order=")
    with pytest.raises(RefusedError) as caught:  # a name is taken once
        zalopay.read_created(ORDER, sent(server, call, RECEIVED), ACCOUNT)
    assert caught.value.reason is Refused.BAD_FIELD
    reply = sent(server, zalopay.ask(QUERY_, ACCOUNT), RECEIVED)
    (pending,) = zalopay.read_answer(QUERY_, reply, ACCOUNT)
    assert (pending.outcome, pending.unmapped_status) == (Outcome.PENDING, "")
    query = urlsplit(checkout.url).query
    arrival = Call(method="GET", path="/pay", query=query, headers={}, body=b"")
    shown = server.open_order(arrival, RECEIVED)
    assert (shown.amount_vnd, shown.info) == (1_250_000, ORDER.description)
    decided = server.decide(shown.order_id, is_paid=True, at=RECEIVED)
    assert server.decide(shown.order_id, is_paid=False, at=RECEIVED) == decided
    assert server.movements == [decided.movement]
    assert decided.is_notified
    back = urlsplit(decided.return_url)
    assert decided.return_url.startswith(ORDER.return_url + "?")
    assert zalopay.read_return(back.query.encode(), ACCOUNT) is Outcome.PAID
    with pytest.raises(OrderRefusedError):
        server.open_order(arrival, RECEIVED)


def returned(**changes: str) -> bytes:
    """The browser's return, its checksum from the test's own line."""
    fields = {
        "appid": "2553",
        "apptransid": f"260911_{REFERENCE}",
        "pmcid": "38",
        "bankcode": "",
        "amount": "1250000",
        "discountamount": "0",
        "status": "1",
    } | changes
    return urlencode({**fields, "checksum": hexmac(KEY2, "|".join(fields.values()))}).encode()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("1", Outcome.PAID),
        ("2", Outcome.FAILED),
        ("-329", Outcome.FAILED),
        ("3", Outcome.PENDING),
        ("-4711", Outcome.PENDING),
        ("", Outcome.PENDING),
    ],
)
def test_what_the_browser_comes_back_with(status: str, outcome: Outcome) -> None:
    assert zalopay.read_return(returned(status=status), ACCOUNT) is outcome
    assert zalopay.read_return(returned(status=status) + b"&t=1", ACCOUNT) is outcome


def test_a_return_that_proves_nothing() -> None:
    def reason(query: bytes) -> Refused:
        with pytest.raises(RefusedError) as caught:
            zalopay.read_return(query, ACCOUNT)
        return caught.value.reason

    assert reason(b"") is Refused.BAD_SIGNATURE
    assert reason(returned(status="2").replace(b"status=2", b"status=1")) is Refused.BAD_SIGNATURE
    assert reason(returned() + b"&status=1") is Refused.MALFORMED
    assert reason(returned(bankcode="a|b")) is Refused.MALFORMED
    assert reason(returned(appid="1")) is Refused.WRONG_MERCHANT
    assert reason(b"\xff") is Refused.MALFORMED


async def test_callback_and_answer_are_one_fact() -> None:
    server, polled = paid_server()
    pushed = read(await notified(server.movements[0]))
    assert polled == pushed
    assert polled.fingerprint() == pushed.fingerprint()
    assert polled.outcome is Outcome.PAID


def test_an_order_that_was_cancelled_or_forgotten() -> None:
    for is_cancelled, at in ((True, RECEIVED), (False, RECEIVED + timedelta(minutes=16))):
        server = ZaloPay([MERCHANT])
        sent(server, zalopay.create(ORDER, ACCOUNT), RECEIVED)
        key = f"2553/260911_{REFERENCE}"
        if is_cancelled:
            decided = server.decide(key, is_paid=False, at=at)
            query = urlsplit(decided.return_url).query.encode()
            assert zalopay.read_return(query, ACCOUNT) is Outcome.FAILED
            assert not decided.is_notified
        else:
            with pytest.raises(OrderRefusedError):
                server.decide(key, is_paid=True, at=at)
        reply = sent(server, zalopay.ask(QUERY_, ACCOUNT), at)
        (notice,) = zalopay.read_answer(QUERY_, reply, ACCOUNT)
        assert notice.outcome is Outcome.FAILED
        assert server.movements == []


def test_the_server_knows_only_what_it_was_notified() -> None:
    server = ZaloPay([MERCHANT])
    reply = sent(server, zalopay.ask(QUERY_, ACCOUNT), RECEIVED)
    assert zalopay.read_answer(QUERY_, reply, ACCOUNT) == ()
    with pytest.raises(OrderRefusedError):
        server.decide("2553/nobody", is_paid=True, at=RECEIVED)
    stale = sent(server, zalopay.create(ORDER, ACCOUNT), RECEIVED + timedelta(minutes=16))
    assert json.loads(stale.body)["sub_return_code"] == -401


@pytest.mark.parametrize("change", [{"key1": "other"}, {}])
def test_the_server_refuses_other_keys(change: dict[str, str]) -> None:
    server, _ = paid_server()
    settings = ACCOUNT.settings if change else {**ACCOUNT.settings, "app_id": "9"}
    forged = replace(ACCOUNT, secrets={**ACCOUNT.secrets, **change}, settings=settings)
    calls = [
        zalopay.create(replace(ORDER, merchant_reference="X1"), forged),
        zalopay.ask(QUERY_, forged),
        zalopay.refund(REFUND_, forged),
        zalopay.ask_refund(REFUND_, forged),
    ]
    for call in calls:
        assert json.loads(sent(server, call, RECEIVED).body)["sub_return_code"] == -402
    assert server.refunds == {}


@given(st.binary(max_size=80), st.sampled_from(["create", "query", "refund", "query_refund", "x"]))
def test_the_server_answers_anything(body: bytes, path: str) -> None:
    call = Call(method="POST", path=f"/v2/{path}", query="", headers={}, body=body)
    assert ZaloPay([MERCHANT]).answer(call, RECEIVED).status in (200, 404)


def test_a_refund_is_on_its_way_and_then_done_once() -> None:
    server, notice = paid_server()
    order = replace(REFUND_, transaction_id=notice.transaction_id)
    at = REFUND_.asked_at
    unknown = sent(server, zalopay.ask_refund(order, ACCOUNT), at)
    assert zalopay.read_refund_status(order, unknown, ACCOUNT).state is RefundState.UNSEEN
    for code in ("3", "-23"):
        reply = sent(server, zalopay.refund(order, ACCOUNT), at)
        demand = zalopay.read_refund(order, reply, ACCOUNT)
        assert (demand.state, demand.code) == (PENDING, code)
    status = sent(server, zalopay.ask_refund(order, ACCOUNT), at)
    done = zalopay.read_refund_status(order, status, ACCOUNT)
    assert (done.state, done.code, done.provider_refund_id) == (DONE, "1", "2")
    number = notice.transaction_id.rpartition(".")[2]
    assert server.refunded_vnd(number) == 250_000


@given(st.lists(st.integers(1, 900_000), min_size=1, max_size=6))
def test_never_more_goes_back_than_was_paid(amounts: list[int]) -> None:
    server, notice = paid_server()
    back = 0
    for index, amount in enumerate(amounts):
        order = replace(
            REFUND_,
            transaction_id=notice.transaction_id,
            request_id=f"R{index:019d}",
            amount_vnd=amount,
        )
        for _ in range(2):
            reply = sent(server, zalopay.refund(order, ACCOUNT), REFUND_.asked_at)
            state = zalopay.read_refund(order, reply, ACCOUNT).state
            assert state is (PENDING if reply_fits(back, amount, server, order) else REFUSED)
        back += amount if state is PENDING else 0
    number = notice.transaction_id.rpartition(".")[2]
    assert server.refunded_vnd(number) == back <= 1_250_000


def reply_fits(back: int, amount: int, server: ZaloPay, order: RefundOrder) -> bool:
    """Whether what was given back so far leaves room; the server must have noted it, or not."""
    fits = back + amount <= 1_250_000
    assert (f"260911_2553_{order.request_id}" in server.refunds) is fits
    return fits


def test_what_was_not_paid_cannot_go_back() -> None:
    server, _ = paid_server()
    order = replace(REFUND_, transaction_id=f"260911_{REFERENCE}.2609119999999999")
    reply = sent(server, zalopay.refund(order, ACCOUNT), REFUND_.asked_at)
    assert zalopay.read_refund(order, reply, ACCOUNT).code == "-8"
    assert zalopay.read_refund(order, reply, ACCOUNT).state is REFUSED
