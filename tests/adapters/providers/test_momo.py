"""MoMo: published vectors, every result code, no byte that passes unsigned, and both ends of each call."""

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
    RefundState,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import momo
from sandbox import momo as notifier
from sandbox.momo import Momo
from sandbox.provider import (
    Call,
    CallReply,
    Merchant,
    Movement,
    MovementState,
    OrderRefusedError,
    altered,
    span,
)

VECTORS = json.loads((VECTORS / "momo.json").read_text(encoding="utf-8"))
BY_NAME = {row["name"]: row for row in VECTORS["vectors"]}
REDIRECTS = [name for name in BY_NAME if name.startswith("real-redirect-")]
ACCESS, SECRET = VECTORS["meta"]["accessKey"], VECTORS["meta"]["secretKey"]
RECEIVED = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)
API = "http://sandbox.test/sandbox/momo/v2/gateway/api"
ACCOUNT = MerchantAccount(
    account_key="k1",
    secrets={"access_key": ACCESS, "secret_key": SECRET},
    settings={"api_url": API, "partner_code": "MOMO"},
)
TWO_STEPS = replace(ACCOUNT, settings={**ACCOUNT.settings, "auto_capture": "no"})
MERCHANT = Merchant(
    provider="momo",
    ipn_url="http://gateway.test/ipn/momo/k1",
    account_number="0123456789",
    settings=ACCOUNT.settings,
    secrets=ACCOUNT.secrets,
)
ORDER = replace(
    review_school.ORDER,
    return_url="https://fees.example.vn/pay/t/return/momo?a=1",
    ipn_url="https://fees.example.vn/ipn/momo/k1",
)
QUERY_ = replace(review_school.QUERY, asked_at=RECEIVED + timedelta(minutes=5))
REFUND_ = replace(
    review_school.REFUND,
    transaction_id=f"{ORDER.merchant_reference}.4000000001",
    amount_vnd=250_000,
    reason="Nop thua",
    requested_by="ketoan",
    paid_at=RECEIVED,
    requested_at=RECEIVED + timedelta(hours=1),
    asked_at=RECEIVED + timedelta(hours=2),
)
RAW = [
    "accessKey",
    "amount",
    "extraData",
    "message",
    "orderId",
    "orderInfo",
    "orderType",
    "partnerCode",
    "payType",
    "requestId",
    "responseTime",
    "resultCode",
    "transId",
]


NO_NET = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500)))


def hexmac(text: str) -> str:
    return hmac.new(
        SECRET.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256
    ).hexdigest()


def signed(**changes: Any) -> dict[str, Any]:
    """The vector's IPN with changes, signed by the test's own few lines; None: left out."""
    fields = {**BY_NAME["ipn-success"]["body"], **changes}
    fields = {name: value for name, value in fields.items() if value is not None}
    text = "&".join(f"{n}={ACCESS if n == 'accessKey' else fields.get(n, '')}" for n in RAW)
    return {**fields, "signature": hexmac(text)}


def request(body: bytes, **changes: Any) -> Request:
    base = Request(
        method="POST",
        path="",
        query=b"",
        headers={"content-type": "application/json; charset=UTF-8"},
        body=body,
        received_at=RECEIVED,
    )
    return replace(base, **changes)


def read(message: dict[str, Any] | bytes, account: MerchantAccount = ACCOUNT) -> Notice:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    (notice,) = momo.read(request(body), account).items
    return notice


def refusal(
    message: dict[str, Any] | bytes, account: MerchantAccount = ACCOUNT, **changes: Any
) -> RefusedError:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    with pytest.raises(RefusedError) as caught:
        momo.read(request(body, **changes), account)
    return caught.value


async def notified(movement: Movement, leave_out: str = "") -> bytes:
    message = await notifier.message(NO_NET, movement, MERCHANT, leave_out=leave_out)
    assert dict(message.headers)["content-type"].startswith("application/json")
    return message.body


def sent(server: Momo, call: OutgoingRequest, at: datetime) -> Answer:
    """The adapter's call, brought to the server; the answer as the gateway would have it."""
    path = urlsplit(call.url).path
    assert path.startswith("/sandbox/momo/")
    reply: CallReply = server.answer(
        Call(
            method=call.method,
            path=path.removeprefix("/sandbox/momo"),
            query="",
            headers=call.headers,
            body=call.body,
        ),
        at,
    )
    return Answer(status=reply.status, content_type="application/json", body=reply.body)


def answer(status: int = 200, **fields: Any) -> Answer:
    return Answer(status=status, content_type="application/json", body=json.dumps(fields).encode())


def about_order(**more: Any) -> Answer:
    """An answer to the question about ORDER."""
    fields = {
        "partnerCode": "MOMO",
        "orderId": ORDER.merchant_reference,
        "requestId": QUERY_.request_id,
        "amount": 1_250_000,
        "transId": 4000000001,
        "resultCode": 0,
        "responseTime": 1789005600000,
    }
    return answer(**{**fields, **more})


def about_refund(**more: Any) -> Answer:
    fields = {
        "partnerCode": "MOMO",
        "orderId": REFUND_.request_id,
        "requestId": REFUND_.request_id,
        "amount": 250_000,
        "transId": 4000000002,
        "resultCode": 0,
    }
    return answer(**{**fields, **more})


def paid_server() -> tuple[Momo, Notice]:
    """A server at which ORDER was paid, and the IPN that it sent."""
    server = Momo([MERCHANT])
    momo.read_created(ORDER, sent(server, momo.create(ORDER, ACCOUNT), RECEIVED), ACCOUNT)
    decided = server.decide(f"MOMO/{ORDER.merchant_reference}", is_paid=True, at=RECEIVED)
    said = notifier.result_of(decided.movement, MERCHANT)
    body = {**said, "signature": notifier.signature(MERCHANT, notifier._RESULT, said)}
    return server, read(body)


def test_the_adapter_stands_in_its_tables() -> None:
    assert all(table["momo"] is momo for table in (IPN, CREATE, QUERY, REFUND))


@pytest.mark.parametrize("name", REDIRECTS)
def test_what_momo_really_signed_verifies_as_a_return_and_as_an_ipn(name: str) -> None:
    fields = BY_NAME[name]["fields"]
    message = {**fields, "signature": BY_NAME[name]["signature"]}
    assert momo.read_return(urlencode(message).encode(), ACCOUNT) is Outcome.PAID
    assert "+" in urlencode(message)
    notice = read(message)
    assert notice.transaction_id == f"{fields['orderId']}.{fields['transId']}"
    assert notice.amount_vnd == int(fields["amount"])
    assert notice.merchant_reference == fields["orderId"]


def test_the_vector_of_an_ipn() -> None:
    row = BY_NAME["ipn-success"]
    assert hexmac(row["raw"]) == row["signature"] == row["body"]["signature"]
    notice = read(row["body"])
    assert notice == Notice(
        transaction_id="HP202409000123.4610849895",
        outcome=Outcome.PAID,
        amount_vnd=1_250_000,
        paid_at=datetime(2024, 9, 5, 1, 40, 31, tzinfo=UTC),
        merchant_reference="HP202409000123",
    )
    assert read({**row["body"], "signature": row["signature"].upper()}) == notice


@pytest.mark.parametrize("row", VECTORS["vectors"], ids=lambda row: row["name"])
def test_every_vector_is_signed_as_we_sign(row: dict[str, Any]) -> None:
    fields = dict(row.get("fields") or row["body"])
    fields.pop("signature", None)
    assert momo.signature(SECRET, ACCESS, fields) == row["signature"]


def test_the_question_of_the_vector() -> None:
    row = BY_NAME["query"]
    question = replace(QUERY_, request_id="q-0001", merchant_reference=row["fields"]["orderId"])
    call = momo.ask(question, ACCOUNT)
    assert (call.method, call.url) == ("POST", f"{API}/query")
    assert json.loads(call.body)["signature"] == row["signature"]


CODES = {
    "0": Outcome.PAID,
    "9000": Outcome.PAID,
    **dict.fromkeys(["1000", "1080", "7000", "7002", "8000"], Outcome.PENDING),
    **dict.fromkeys(
        ["10", "11", "12", "13", "20", "21", "22", "40", "41", "42", "43", "45", "47", "98", "99"],
        Outcome.PENDING,
    ),
    **dict.fromkeys(
        [
            "1001",
            "1002",
            "1003",
            "1004",
            "1005",
            "1006",
            "1007",
            "1017",
            "1026",
            "1081",
            "1088",
            "2019",
            "4001",
            "4002",
            "4100",
        ],
        Outcome.FAILED,
    ),
}


def test_no_code_of_the_table_is_forgotten() -> None:
    assert set(CODES) == set(momo.RESULTS)


@pytest.mark.parametrize(("code", "outcome"), CODES.items())
def test_every_code_in_an_ipn(code: str, outcome: Outcome) -> None:
    notice = read(signed(resultCode=int(code)))
    assert (notice.outcome, notice.unmapped_status) == (outcome, "")
    last = "4610849895" if outcome is Outcome.PAID else str(outcome)
    assert notice.transaction_id == f"HP202409000123.{last}"


def test_authorised_is_money_only_where_momo_captures_by_itself() -> None:
    assert read(signed(resultCode=9000), TWO_STEPS).outcome is Outcome.PENDING
    assert read(signed(resultCode=0), TWO_STEPS).outcome is Outcome.PAID
    assert read(signed(resultCode=9000)).fingerprint() == read(signed()).fingerprint()
    assert json.loads(momo.create(ORDER, TWO_STEPS).body)["autoCapture"] is False
    assert json.loads(momo.create(ORDER, ACCOUNT).body)["autoCapture"] is True


@pytest.mark.parametrize("code", [1, 5555, -7, 999999999])
def test_a_code_without_a_meaning_is_pending_and_shown(code: int) -> None:
    notice = read(signed(resultCode=code))
    assert (notice.outcome, notice.unmapped_status) == (Outcome.PENDING, str(code))


@pytest.mark.parametrize("name", ["amount", "orderId", "transId", "resultCode", "responseTime"])
def test_a_missing_field_is_named(name: str) -> None:
    error = refusal(signed(**{name: None}))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 0),
        ("amount", -1),
        ("amount", "1e9"),
        ("amount", "01"),
        ("amount", 10**12 + 1),
        ("amount", "１００"),
        ("transId", 0),
        ("transId", "x"),
        ("transId", -4),
        ("resultCode", "0x"),
        ("resultCode", "zero"),
        ("responseTime", 10**15),
        ("responseTime", 1),
        ("orderId", "a\x00b"),
        ("orderId", "9" * 129),
    ],
)
def test_a_bad_field_is_named_and_its_value_is_not_repeated(name: str, value: object) -> None:
    error = refusal(signed(**{name: value}))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, name)
    assert len(str(error)) < 40


@pytest.mark.parametrize("value", [True, [], {}, 1.5])
def test_a_value_of_another_kind_is_never_signed(value: object) -> None:
    assert refusal({**signed(), "amount": value}).reason is Refused.BAD_FIELD
    assert refusal({**signed(), "signature": value}).reason is Refused.BAD_SIGNATURE


def test_a_number_counts_as_it_was_written() -> None:
    body = json.dumps(signed()).encode()
    assert b'"amount": 1250000,' in body
    for other in (b'"amount": 1250000.0,', b'"amount": 125e4,'):
        with pytest.raises(RefusedError):
            read(body.replace(b'"amount": 1250000,', other))


def test_one_signature_never_stands_for_two_readings() -> None:
    """The same signed text with a boundary moved: orderInfo swallows the fields behind it."""
    genuine = signed(orderInfo="x&orderType=y", orderType="z")
    assert refusal(genuine).reason is Refused.MALFORMED
    moved = signed(orderInfo="x", orderType="y&orderType=z")
    assert moved["signature"] == genuine["signature"]
    assert refusal(moved).reason is Refused.MALFORMED
    assert read(signed(orderInfo="Hoc phi & ban tru")).amount_vnd == 1_250_000


def test_the_signature_is_judged_before_the_merchant() -> None:
    assert refusal(signed(partnerCode="OTHER")).reason is Refused.WRONG_MERCHANT
    assert refusal({**signed(), "partnerCode": "OTHER"}).reason is Refused.BAD_SIGNATURE
    assert refusal({**signed(), "signature": ""}).reason is Refused.BAD_SIGNATURE
    assert refusal({**signed(), "orderInfo": "\ud800"}).reason is Refused.BAD_SIGNATURE


@pytest.mark.parametrize("name", ["access_key", "secret_key"])
@pytest.mark.parametrize("value", [None, ""])
def test_without_a_secret_nothing_verifies(name: str, value: str | None) -> None:
    secrets = {k: v for k, v in {**ACCOUNT.secrets, name: value}.items() if v is not None}
    error = refusal(signed(), replace(ACCOUNT, secrets=secrets))
    assert (error.reason, error.field) == (Refused.BUSY, name)


def test_the_door() -> None:
    body = json.dumps(signed()).encode()
    assert refusal(body, method="GET").reason is Refused.NOT_FOUND
    assert refusal(body, path="/x").reason is Refused.NOT_FOUND
    assert refusal(body, headers={}).reason is Refused.WRONG_CONTENT_TYPE
    assert refusal(body + b" " * 70_000).reason is Refused.TOO_LARGE


@pytest.mark.parametrize("kind", list(VerdictKind))
@pytest.mark.parametrize("duplicate", [False, True])
def test_all_that_is_recorded_is_acknowledged_alike(kind: VerdictKind, duplicate: bool) -> None:
    verdict = Verdict(kind=kind, record_id="r", duplicate=duplicate)
    reply = momo.acknowledge(request(b""), ACCOUNT, [verdict])
    assert (reply.status, reply.body) == (204, b"")
    assert notifier.is_final(httpx.Response(reply.status, content=reply.body))


@pytest.mark.parametrize("reason", list(Refused))
def test_refusals_are_4xx_in_momos_codes(reason: Refused) -> None:
    reply = momo.refuse(request(b""), None, RefusedError(reason))
    codes = {
        Refused.BAD_SIGNATURE: (400, 13),
        Refused.WRONG_MERCHANT: (400, 11),
        Refused.NOT_FOUND: (404, 42),
        Refused.TOO_LARGE: (413, 20),
        Refused.WRONG_CONTENT_TYPE: (415, 20),
        Refused.BUSY: (503, 10),
    }
    said = json.loads(reply.body)
    assert (reply.status, said["resultCode"]) == codes.get(reason, (400, 20))
    assert not notifier.is_final(httpx.Response(reply.status, content=reply.body))


MOVEMENTS = st.builds(
    Movement,
    sequence=st.integers(1, 2**32),
    amount_vnd=st.integers(1, 10**12),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001 - made aware
        lambda at: at.replace(tzinfo=UTC, microsecond=0)
    ),
    state=st.sampled_from(MovementState),
    merchant_reference=st.from_regex(r"HP[0-9A-Z]{10}[0-9A-Z]{2}", fullmatch=True),
    content=st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(
        lambda text: "&" not in text
    ),
)


@given(MOVEMENTS)
async def test_whatever_the_notifier_says_is_read_as_it_was_meant(movement: Movement) -> None:
    notice = read(await notified(movement))
    assert notice.outcome.value == movement.state.value
    assert notice.amount_vnd == movement.amount_vnd
    assert notice.paid_at == movement.at
    assert notice.merchant_reference == movement.merchant_reference
    assert (notice.payee_account, notice.content, notice.is_provisional) == ("", "", False)


PAID = Movement(
    sequence=77,
    amount_vnd=1_250_000,
    at=RECEIVED,
    merchant_reference="HP7K2M9QX4TB00",
    content="Hoc phi",
)


@pytest.mark.parametrize("mark", notifier.SIGNED)
@given(at=st.integers(0, 200))
async def test_any_changed_signed_byte_is_refused(mark: str, at: int) -> None:
    message = await notifier.message(NO_NET, PAID, MERCHANT)
    with pytest.raises(RefusedError) as caught:
        momo.read(request(altered(message, mark, at).body), ACCOUNT)
    assert caught.value.reason in (Refused.BAD_SIGNATURE, Refused.MALFORMED)


@pytest.mark.parametrize("mark", notifier.UNSIGNED)
async def test_unsigned_fields_change_nothing(mark: str) -> None:
    message = await notifier.message(NO_NET, PAID, MERCHANT)
    assert span(message, mark)
    assert read(altered(message, mark).body) == read(message.body)
    extra = message.body[:-1] + b',"promotionInfo":[{"amount":9}],"amountPaid":1,"bankaccount":"9"}'
    assert read(extra) == read(message.body)


@pytest.mark.parametrize("name", ["transId", "amount", "orderId", "resultCode"])
async def test_a_field_that_the_notifier_forgot_is_missed(name: str) -> None:
    assert refusal(await notified(PAID, leave_out=name)).field == name


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(body: bytes) -> None:
    for attempt in (
        lambda: momo.read(request(body), ACCOUNT),
        lambda: momo.read_return(body, ACCOUNT),
    ):
        with pytest.raises(RefusedError):
            attempt()
    reply = Answer(status=200, content_type="", body=body)
    with contextlib.suppress(RefusedError):
        momo.read_created(ORDER, reply, ACCOUNT)
        pytest.fail("bytes became a checkout")
    with contextlib.suppress(RefusedError):
        momo.read_refund(REFUND_, reply, ACCOUNT)
        pytest.fail("bytes became a refund")


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=4,
)
VALUES = JSONS | st.sampled_from(["0", 0, "MOMO", 1_250_000, 4000000001, 9000, 42, "1789005600000"])
NAMES = st.sampled_from([*momo.RESULT_FIELDS, "signature", "refundTrans", "payUrl"])


@given(st.dictionaries(NAMES, VALUES))
def test_any_signed_message_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    body = json.dumps(signed(**{k: v for k, v in changes.items() if k != "signature"})).encode()
    with contextlib.suppress(RefusedError):
        notice = read(body)
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.transaction_id.isprintable()
        assert len(notice.fingerprint()) == 32


@given(st.dictionaries(NAMES, VALUES), st.sampled_from([200, 400, 422, 500]))
def test_any_answer_is_sound_or_refused(changes: dict[str, Any], status: int) -> None:
    for base, reads in (
        (about_order(), lambda it: momo.read_answer(QUERY_, it, ACCOUNT)),
        (about_order(), lambda it: momo.read_created(ORDER, it, ACCOUNT)),
        (about_refund(), lambda it: momo.read_refund(REFUND_, it, ACCOUNT)),
        (about_refund(), lambda it: momo.read_refund_status(REFUND_, it, ACCOUNT)),
    ):
        fields = {**json.loads(base.body), **changes}
        with contextlib.suppress(RefusedError):
            assert reads(replace(base, status=status, body=json.dumps(fields).encode())) is not None
            assert status < 500


def test_the_order_is_signed_and_says_what_was_ordered() -> None:
    call = momo.create(ORDER, ACCOUNT)
    assert (call.method, call.url) == ("POST", f"{API}/create")
    assert call.headers == {"content-type": "application/json; charset=UTF-8"}
    body = json.loads(call.body)
    assert body.pop("signature") == hexmac(
        f"accessKey={ACCESS}&amount=1250000&extraData=&ipnUrl={ORDER.ipn_url}"
        f"&orderId=HP7K2M9QX4TB00&orderInfo=Hoc phi HP7K2M9QX4TB&partnerCode=MOMO"
        f"&redirectUrl={ORDER.return_url}&requestId=HP7K2M9QX4TB00&requestType=captureWallet"
    )
    assert body == {
        "partnerCode": "MOMO",
        "requestId": "HP7K2M9QX4TB00",
        "orderId": "HP7K2M9QX4TB00",
        "amount": 1_250_000,
        "orderInfo": "Hoc phi HP7K2M9QX4TB",
        "redirectUrl": ORDER.return_url,
        "ipnUrl": ORDER.ipn_url,
        "requestType": "captureWallet",
        "extraData": "",
        "lang": "vi",
        "autoCapture": True,
        "orderExpireTime": 15,
    }
    assert momo.create(ORDER, ACCOUNT) == call  # the same again: MoMo knows it by its requestId
    seconds = replace(ORDER, expires_at=RECEIVED + timedelta(seconds=61), locale="en")
    assert json.loads(momo.create(seconds, ACCOUNT).body) | {"signature": ""} == body | {
        "lang": "en",
        "orderExpireTime": 2,
        "signature": "",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"amount_vnd": 999},
        {"amount_vnd": 50_000_001},
        {"merchant_reference": ""},
        {"merchant_reference": "A" * 51},
        {"merchant_reference": "HP-"},
        {"description": "học phí"},
        {"description": "a&b"},
        {"return_url": "javascript:alert"},
        {"ipn_url": "https://a.vn/" + "x" * 200},
    ],
)
def test_an_order_that_does_not_fit_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        momo.create(replace(ORDER, **change), ACCOUNT)


@pytest.mark.parametrize("code", sorted(set(CODES) - {"0"}))
def test_orders_that_momo_did_not_take(code: str) -> None:
    reply = about_order(requestId=ORDER.merchant_reference, resultCode=int(code), payUrl="http://x")
    with pytest.raises(RefusedError) as caught:
        momo.read_created(ORDER, reply, ACCOUNT)
    is_busy = code in ["10", "40", "43", "98", "99", "1000", "1080", "7000", "7002", "8000"]
    assert caught.value.reason is (Refused.BUSY if is_busy else Refused.BAD_FIELD)


@pytest.mark.parametrize(
    "change",
    [
        {"orderId": "OTHER"},
        {"requestId": "OTHER"},
        {"partnerCode": "OTHER"},
        {"amount": 1},
        {"payUrl": "javascript:alert(1)"},
        {"payUrl": "https://a b"},
        {"payUrl": None},
    ],
)
def test_a_created_order_must_be_the_one_that_was_notified(change: dict[str, Any]) -> None:
    good = {"requestId": ORDER.merchant_reference, "payUrl": "https://test-payment.momo.vn/v2/pay"}
    assert momo.read_created(ORDER, about_order(**good), ACCOUNT).url == good["payUrl"]
    with pytest.raises(RefusedError) as caught:
        momo.read_created(ORDER, about_order(**{**good, **change}), ACCOUNT)
    assert caught.value.reason is not Refused.BUSY


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_a_page_or_nothing_means_that_momo_could_not(status: int, body: bytes) -> None:
    reply = Answer(status=status, content_type="text/html", body=body)
    for reads in (
        lambda: momo.read_created(ORDER, reply, ACCOUNT),
        lambda: momo.read_answer(QUERY_, reply, ACCOUNT),
        lambda: momo.read_refund(REFUND_, reply, ACCOUNT),
        lambda: momo.read_refund_status(REFUND_, reply, ACCOUNT),
    ):
        with pytest.raises(RefusedError) as caught:
            reads()
        assert caught.value.reason is Refused.BUSY


@pytest.mark.parametrize(("code", "outcome"), CODES.items())
def test_every_code_in_an_answer(code: str, outcome: Outcome) -> None:
    reply = about_order(resultCode=int(code))
    if code == "42":
        assert momo.read_answer(QUERY_, reply, ACCOUNT) == ()
    elif int(code) and int(code) < 100:
        with pytest.raises(RefusedError) as caught:
            momo.read_answer(QUERY_, reply, ACCOUNT)
        is_busy = code in ("10", "40", "43", "98", "99")
        assert caught.value.reason is (Refused.BUSY if is_busy else Refused.BAD_FIELD)
    else:
        (notice,) = momo.read_answer(QUERY_, reply, ACCOUNT)
        assert notice.outcome is outcome


@pytest.mark.parametrize("name", ["orderId", "requestId", "partnerCode"])
def test_an_answer_about_something_else_says_nothing(name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        momo.read_answer(QUERY_, about_order(**{name: "OTHER"}), ACCOUNT)
    assert caught.value.field == name


DONE, PENDING, REFUSED = RefundState.DONE, RefundState.PENDING, RefundState.REFUSED
UNSEEN = RefundState.UNSEEN


@pytest.mark.parametrize("code", [*sorted(CODES), "5555"])
def test_every_code_of_a_refund(code: str) -> None:
    answered = momo.read_refund(REFUND_, about_refund(resultCode=int(code)), ACCOUNT)
    expected = PENDING
    if code == "0":
        expected = DONE
    elif CODES.get(code) is Outcome.FAILED or code in ["20", "21", "22", "42", "45", "47"]:
        expected = REFUSED
    assert (answered.state, answered.code) == (expected, code)
    assert answered.provider_refund_id == ("4000000002" if code == "0" else "")


@pytest.mark.parametrize("name", ["orderId", "requestId", "partnerCode"])
def test_a_refund_answer_about_something_else_says_nothing(name: str) -> None:
    with pytest.raises(RefusedError):
        momo.read_refund(REFUND_, about_refund(**{name: "OTHER"}), ACCOUNT)
    with pytest.raises(RefusedError) as caught:
        momo.read_refund(REFUND_, about_refund(amount=1_250_000), ACCOUNT)
    assert caught.value.field == "amount"


def _row(**more: Any) -> dict[str, Any]:
    return {"orderId": REFUND_.request_id, "amount": 250_000, "resultCode": 0, "transId": 9} | more


@pytest.mark.parametrize(
    ("said", "state", "code"),
    [
        ({}, DONE, "0"),
        ({"refundTrans": []}, DONE, "0"),
        ({"refundTrans": [_row()]}, DONE, "0"),
        ({"refundTrans": [_row(orderId="X"), _row(resultCode=1088)]}, REFUSED, "1088"),
        ({"refundTrans": [_row(resultCode=7002)]}, PENDING, "7002"),
        ({"refundTrans": [_row(resultCode=1080)]}, PENDING, "1080"),
        ({"refundTrans": [_row(orderId="X")]}, PENDING, "0"),
        ({"refundTrans": [_row(), _row()]}, PENDING, "0"),
        ({"refundTrans": [7, None]}, PENDING, "0"),
        ({"resultCode": 42}, UNSEEN, "42"),
        ({"resultCode": 42, "refundTrans": []}, UNSEEN, "42"),
        ({"resultCode": 42, "refundTrans": [_row(orderId="X")]}, UNSEEN, "42"),
        ({"resultCode": 42, "refundTrans": [_row()]}, DONE, "0"),
        ({"resultCode": 42, "refundTrans": [_row(), _row()]}, PENDING, "42"),
        ({"resultCode": 13}, PENDING, "13"),
        ({"resultCode": 20}, PENDING, "20"),
        ({"resultCode": 1081}, REFUSED, "1081"),
    ],
)
def test_what_became_of_a_refund(said: dict[str, Any], state: RefundState, code: str) -> None:
    question = json.loads(momo.ask_refund(REFUND_, ACCOUNT).body)["requestId"]
    reply = about_refund(requestId=question, **said)
    answered = momo.read_refund_status(REFUND_, reply, ACCOUNT)
    assert (answered.state, answered.code) == (state, code)


def test_a_refund_of_another_amount_proves_nothing() -> None:
    question = json.loads(momo.ask_refund(REFUND_, ACCOUNT).body)["requestId"]
    for said in ({"amount": 1_250_000}, {"refundTrans": [_row(amount=1)]}):
        with pytest.raises(RefusedError):
            momo.read_refund_status(REFUND_, about_refund(requestId=question, **said), ACCOUNT)


def test_the_demand_is_signed_and_repeats_itself() -> None:
    call = momo.refund(REFUND_, ACCOUNT)
    assert call.url == f"{API}/refund"
    body = json.loads(call.body)
    assert body.pop("signature") == hexmac(
        f"accessKey={ACCESS}&amount=250000&description=Nop thua&orderId={REFUND_.request_id}"
        f"&partnerCode=MOMO&requestId={REFUND_.request_id}&transId=4000000001"
    )
    assert body["transId"] == 4000000001
    later = replace(REFUND_, asked_at=REFUND_.asked_at + timedelta(days=1))
    assert momo.refund(later, ACCOUNT) == call
    assert momo.ask_refund(later, ACCOUNT) != momo.ask_refund(REFUND_, ACCOUNT)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_vnd": 999},
        {"amount_vnd": 1_250_001},
        {"amount_vnd": 60_000_000, "paid_vnd": 60_000_000},
        {"transaction_id": "HP7K2M9QX4TB00.failed"},
        {"request_id": "has space"},
        {"reason": "nộp thừa"},
    ],
)
def test_a_refund_that_does_not_fit_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        momo.refund(replace(REFUND_, **change), ACCOUNT)


def test_from_the_order_to_the_return_and_the_question() -> None:
    server = Momo([MERCHANT])
    call = momo.create(ORDER, ACCOUNT)
    checkout = momo.read_created(ORDER, sent(server, call, RECEIVED), ACCOUNT)
    again = momo.read_created(ORDER, sent(server, call, RECEIVED + timedelta(minutes=1)), ACCOUNT)
    assert again == checkout
    page = urlsplit(checkout.url)
    assert checkout.url.startswith("http://sandbox.test/sandbox/momo/pay?order=")
    assert not checkout.fields
    (pending,) = momo.read_answer(
        QUERY_, sent(server, momo.ask(QUERY_, ACCOUNT), RECEIVED), ACCOUNT
    )
    assert pending.outcome is Outcome.PENDING
    arrival = Call(method="GET", path="/pay", query=page.query, headers={}, body=b"")
    shown = server.open_order(arrival, RECEIVED)
    assert (shown.amount_vnd, shown.info) == (1_250_000, ORDER.description)
    decided = server.decide(shown.order_id, is_paid=True, at=RECEIVED)
    assert server.decide(shown.order_id, is_paid=False, at=RECEIVED) == decided
    assert server.movements == [decided.movement]
    assert decided.is_notified
    assert decided.return_url.startswith(ORDER.return_url + "&")
    query = urlsplit(decided.return_url).query.encode()
    assert momo.read_return(query, ACCOUNT) is Outcome.PAID
    with pytest.raises(RefusedError):
        momo.read_return(query.replace(b"resultCode=0", b"resultCode=1"), ACCOUNT)
    with pytest.raises(RefusedError) as caught:
        momo.read_return(query + b"&amount=1250000", ACCOUNT)
    assert caught.value.reason is Refused.MALFORMED
    with pytest.raises(OrderRefusedError):
        server.open_order(arrival, RECEIVED)


@pytest.mark.parametrize(("is_paid", "outcome"), [(True, Outcome.PAID), (False, Outcome.FAILED)])
async def test_ipn_and_answer_are_one_fact(is_paid: bool, outcome: Outcome) -> None:
    server = Momo([MERCHANT])
    sent(server, momo.create(ORDER, ACCOUNT), RECEIVED)
    decided = server.decide(f"MOMO/{ORDER.merchant_reference}", is_paid=is_paid, at=RECEIVED)
    pushed = read(await notified(decided.movement))
    asked_at = RECEIVED + timedelta(hours=3)
    (polled,) = momo.read_answer(QUERY_, sent(server, momo.ask(QUERY_, ACCOUNT), asked_at), ACCOUNT)
    assert polled.transaction_id == pushed.transaction_id
    assert polled.fingerprint() == pushed.fingerprint()
    assert polled == pushed
    assert polled.outcome is outcome
    assert momo.read_return(urlsplit(decided.return_url).query.encode(), ACCOUNT) is outcome
    assert len(server.movements) == is_paid


def test_an_order_that_nobody_paid_in_time() -> None:
    server = Momo([MERCHANT])
    sent(server, momo.create(ORDER, ACCOUNT), RECEIVED)
    late = RECEIVED + timedelta(minutes=16)
    with pytest.raises(OrderRefusedError):
        server.decide(f"MOMO/{ORDER.merchant_reference}", is_paid=True, at=late)
    (notice,) = momo.read_answer(QUERY_, sent(server, momo.ask(QUERY_, ACCOUNT), late), ACCOUNT)
    assert notice.outcome is Outcome.FAILED
    assert server.movements == []


def test_the_server_knows_only_what_it_was_notified() -> None:
    server = Momo([MERCHANT])
    assert (
        momo.read_answer(QUERY_, sent(server, momo.ask(QUERY_, ACCOUNT), RECEIVED), ACCOUNT) == ()
    )
    with pytest.raises(OrderRefusedError):
        server.decide("MOMO/nobody", is_paid=True, at=RECEIVED)
    sent(server, momo.create(ORDER, ACCOUNT), RECEIVED)
    other = replace(ORDER, amount_vnd=2_000)
    with pytest.raises(RefusedError) as caught:
        momo.read_created(other, sent(server, momo.create(other, ACCOUNT), RECEIVED), ACCOUNT)
    assert caught.value.reason is Refused.BUSY  # 40: the requestId is taken
    assert next(iter(server.orders.values())).amount_vnd == 1_250_000


@pytest.mark.parametrize("key", ["access_key", "secret_key"])
def test_the_server_refuses_other_keys(key: str) -> None:
    server, _ = paid_server()
    forged = replace(ACCOUNT, secrets={**ACCOUNT.secrets, key: "other"})
    calls = [
        momo.create(replace(ORDER, merchant_reference="X1"), forged),
        momo.ask(QUERY_, forged),
        momo.refund(REFUND_, forged),
        momo.ask_refund(REFUND_, forged),
    ]
    for call in calls:
        assert json.loads(sent(server, call, RECEIVED).body)["resultCode"] == 13
    assert server.refunds == {}


@given(st.binary(max_size=80), st.sampled_from(["create", "query", "refund", "refund/query", "x"]))
def test_the_server_answers_anything(body: bytes, path: str) -> None:
    call = Call(method="POST", path=f"/v2/gateway/api/{path}", query="", headers={}, body=body)
    assert Momo([MERCHANT]).answer(call, RECEIVED).status in (400, 404)


def test_a_refund_is_on_its_way_and_then_done_once() -> None:
    server, notice = paid_server()
    order = replace(REFUND_, transaction_id=notice.transaction_id)
    unknown = sent(server, momo.ask_refund(order, ACCOUNT), RECEIVED)
    assert momo.read_refund_status(order, unknown, ACCOUNT).state is UNSEEN
    for code in ("7002", "40"):  # the repetition of what is not final is a repeated id
        demand = momo.read_refund(
            order, sent(server, momo.refund(order, ACCOUNT), RECEIVED), ACCOUNT
        )
        assert (demand.state, demand.code) == (PENDING, code)
    status = sent(server, momo.ask_refund(order, ACCOUNT), RECEIVED)
    done = momo.read_refund_status(order, status, ACCOUNT)
    assert (done.state, done.provider_refund_id) == (DONE, "4000000002")
    final = momo.read_refund(order, sent(server, momo.refund(order, ACCOUNT), RECEIVED), ACCOUNT)
    assert final == done
    assert server.refunded_vnd(4000000001) == 250_000


@given(st.lists(st.integers(1_000, 900_000), min_size=1, max_size=6))
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
        sent(server, momo.refund(order, ACCOUNT), RECEIVED)
        reply = sent(server, momo.refund(order, ACCOUNT), RECEIVED)
        state = momo.read_refund(order, reply, ACCOUNT).state
        assert state is (PENDING if back + amount <= 1_250_000 else REFUSED)
        back += amount if state is PENDING else 0
    assert server.refunded_vnd(4000000001) == back <= 1_250_000


def test_what_was_not_paid_cannot_go_back() -> None:
    server, _ = paid_server()
    order = replace(REFUND_, transaction_id="HP7K2M9QX4TB00.4999999999")
    reply = sent(server, momo.refund(order, ACCOUNT), RECEIVED)
    assert momo.read_refund(order, reply, ACCOUNT).code == "42"
