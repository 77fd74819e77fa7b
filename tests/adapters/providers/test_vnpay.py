"""VNPAY: published vectors, every reply word for word, and no byte that passes unsigned."""

import contextlib
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import review_school
from support.paths import VECTORS

from adapters import IPN, QUERY, REDIRECT, REFUND
from adapters.contract import (
    Answer,
    Bill,
    MerchantAccount,
    Notice,
    Notices,
    Order,
    OrderQuery,
    Outcome,
    Payee,
    Payer,
    RefundOrder,
    RefundState,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import vnpay, vnpay_api
from sandbox import vnpay as notifier
from sandbox.provider import Call, Movement, MovementState, OrderRefusedError

VECTORS = json.loads((VECTORS / "vnpay.json").read_text(encoding="utf-8"))
BY_NAME = {row["name"]: row for row in VECTORS["vectors"]}
KEY = "test_secret"
RECEIVED = datetime(2024, 9, 5, 2, 0, tzinfo=UTC)
ACCOUNT = MerchantAccount(
    account_key="k1",
    secrets={"hash_secret": KEY},
    settings={
        "tmn_code": "TEST_TMN_CODE",
        "pay_url": "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html",
        "query_url": "https://sandbox.vnpayment.vn/merchant_webapi/api/transaction",
    },
)
QUERY_ = OrderQuery(
    request_id="R1",
    merchant_reference="1716257871703",
    provider_reference="",
    amount_vnd=10_000,
    ordered_at=datetime(2024, 5, 21, 2, 17, tzinfo=UTC),
    asked_at=RECEIVED,
    client_ip="127.0.0.1",
)
ORDER = Order(
    merchant_reference="HP7K2M9QX4TBA1",
    amount_vnd=1_250_000,
    description="Hoc phi HP7K2M9QX4TB",
    return_url="https://fees.example.vn/pay/t/return/vnpay",
    ipn_url="https://fees.example.vn/ipn/vnpay/k1",
    client_ip="203.0.113.7",
    locale="vi",
    created_at=datetime(2024, 9, 5, 18, 30, tzinfo=UTC),
    expires_at=datetime(2024, 9, 5, 18, 45, tzinfo=UTC),
    bill=Bill(
        reference="HP7K2M9QX4TB",
        amount_vnd=1_250_000,
        description="Hoc phi",
        due_on=date(2024, 9, 30),
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
REFUND_ = RefundOrder(
    request_id="R0123456789ABCDEFGHJ",
    merchant_reference="1716257871703",
    provider_reference="",
    transaction_id="1716257871703.14422574",
    paid_vnd=10_000,
    amount_vnd=10_000,
    reason="Nop thua (hai lan) | hoan",
    requested_by="ke|toan",
    ordered_at=datetime(2024, 5, 21, 2, 17, tzinfo=UTC),
    paid_at=datetime(2024, 5, 21, 2, 18, tzinfo=UTC),
    requested_at=datetime(2024, 5, 22, 2, 0, tzinfo=UTC),
    asked_at=datetime(2024, 5, 22, 3, 0, tzinfo=UTC),
    client_ip="127.0.0.1",
)
PAID = BY_NAME["ipn-success"]["params"]


def signature(data: str) -> str:
    return hmac.new(KEY.encode(), data.encode(), hashlib.sha512).hexdigest()


def signed(fields: dict[str, str]) -> bytes:
    """A query string as VNPAY sends it, signed by the test's own few lines."""
    data = urlencode(sorted((name, value) for name, value in fields.items() if value))
    return f"{data}&vnp_SecureHash={signature(data)}".encode()


def request(query: bytes) -> Request:
    return Request(
        method="GET", path="", query=query, headers={}, body=b"", received_at=RECEIVED
    )  # fmt: skip


def read(query: bytes) -> Notice:
    (notice,) = vnpay.read(request(query), ACCOUNT).items
    return notice


def refusal(query: bytes, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        vnpay.read(request(query), account)
    return caught.value


def answer(**changes: Any) -> Answer:
    """querydr's answer about the transaction of the vector `ipn-success`."""
    fields: dict[str, Any] = dict.fromkeys(vnpay_api.ANSWER_FIELDS, "")
    for name in ("TmnCode", "TxnRef", "Amount", "BankCode", "PayDate", "TransactionNo"):
        fields[f"vnp_{name}"] = PAID[f"vnp_{name}"]
    fields |= {
        "vnp_ResponseId": "8f3c",
        "vnp_Command": "querydr",
        "vnp_ResponseCode": "00",
        "vnp_Message": "Truy vấn thành công",
        "vnp_TransactionType": "01",
        "vnp_TransactionStatus": "00",
        "vnp_OrderInfo": "Truy van 1716257871703",
    } | changes
    joined = "|".join("" if value is None else str(value) for value in fields.values())
    return said(json.dumps(fields | {"vnp_SecureHash": signature(joined)}).encode())


def said(body: bytes, status: int = 200) -> Answer:
    return Answer(status=status, content_type="application/json", body=body)


def refunded(**changes: Any) -> Answer:
    """The answer to a refund demand: as querydr's, without the promotion."""
    fields: dict[str, Any] = dict.fromkeys(vnpay_api.REFUND_ANSWER_FIELDS, "")
    fields |= {
        "vnp_ResponseId": "8f3c",
        "vnp_Command": "refund",
        "vnp_ResponseCode": "00",
        "vnp_Message": "Yeu cau thanh cong",
        "vnp_TmnCode": "TEST_TMN_CODE",
        "vnp_TxnRef": "1716257871703",
        "vnp_Amount": "1000000",
        "vnp_TransactionNo": "14422999",
        "vnp_TransactionType": "02",
        "vnp_TransactionStatus": "05",
    } | changes
    joined = "|".join(str(value) for value in fields.values())
    return said(json.dumps(fields | {"vnp_SecureHash": signature(joined)}).encode())


def test_it_stands_in_every_registry() -> None:
    assert IPN["vnpay"] is vnpay
    assert REDIRECT["vnpay"] is vnpay
    assert QUERY["vnpay"] is vnpay
    assert REFUND["vnpay"] is vnpay


@pytest.mark.parametrize(
    "name", ["pay-basic", "ipn-success", "ipn-response-99", "ipn-customer-cancel-empty-field"]
)
def test_canonical_string_and_hash(name: str) -> None:
    row = BY_NAME[name]
    assert vnpay.canonical(row["params"]) == row["hash_data"]
    assert signature(row["hash_data"]) == row["vnp_SecureHash"]


def test_official_sample_has_our_canonical_string() -> None:
    sample = VECTORS["official_doc_sample_unkeyed"]["url_doc_sample"]
    assert vnpay.canonical(dict(parse_qsl(sample))) == sample


@pytest.mark.parametrize("character", VECTORS["encoder_matrix"])
def test_we_encode_as_php_does(character: str) -> None:
    wanted = VECTORS["encoder_matrix"][character]["php_urlencode"]
    assert vnpay.canonical({"k": character}) == f"k={wanted}"


def test_raw_pairs_verify_where_encoders_disagree() -> None:
    row = BY_NAME["pay-special"]
    query = urlsplit(row["url"]).query.encode()
    # The signature holds (or it would be BAD_SIGNATURE); a pay request just is no result.
    error = refusal(query)
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, "vnp_ResponseCode")


@pytest.mark.parametrize(
    ("name", "outcome", "transaction_id", "amount_vnd"),
    [
        ("ipn-success", Outcome.PAID, "1716257871703.14422574", 10_000),
        ("ipn-response-99", Outcome.PENDING, "1716257871703.14422574.pending", 10_000),
        (
            "ipn-customer-cancel-empty-field",
            Outcome.FAILED,
            "HP202409000123.0.failed",
            1_250_000,
        ),
    ],
)
def test_ipn_vectors(name: str, outcome: Outcome, transaction_id: str, amount_vnd: int) -> None:
    row = BY_NAME[name]
    query = urlencode(row["params"]) + "&vnp_SecureHash=" + row["vnp_SecureHash"]
    notice = read(query.encode())
    assert notice.outcome is outcome
    assert notice.transaction_id == transaction_id
    assert notice.amount_vnd == amount_vnd
    assert notice.merchant_reference == row["params"]["vnp_TxnRef"]
    assert notice.bank_transaction_id == row["params"]["vnp_BankTranNo"]
    assert vnpay.read_return(query.encode(), ACCOUNT) is outcome


@pytest.mark.parametrize("name", ["querydr-request", "refund-full-request"])
def test_pipe_signatures(name: str) -> None:
    row = BY_NAME[name]
    assert vnpay_api.sign_values(KEY, row["sign_string"].split("|")) == row["vnp_SecureHash"]


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("querydr-request", vnpay_api.QUERY_FIELDS),
        ("refund-full-request", vnpay_api.REFUND_FIELDS),
    ],
)
def test_fields_are_signed_in_the_order_of_the_vector(name: str, order: tuple[str, ...]) -> None:
    row = BY_NAME[name]
    assert "|".join(str(row["body"][field]) for field in order) == row["sign_string"]


@pytest.mark.parametrize("name", [row["name"] for row in VECTORS["vectors"]])
def test_the_sandbox_signs_every_vector_too(name: str) -> None:
    row = BY_NAME[name]
    if "body" in row:
        body = json.dumps(row["body"]).encode()
        assert "fault" not in notifier.read_call(body, {"TEST_TMN_CODE": row["key"]})
        assert row["vnp_SecureHash"] == row["body"]["vnp_SecureHash"]
    elif name == "pay-special":  # its signer leaves a "*" as it is: only the raw pairs say so
        assert notifier.verified_fields(urlsplit(row["url"]).query, row["key"]) is None
    else:
        query = notifier.signed_query(row["params"], row["key"])
        assert query.rpartition("=")[2] == row["vnp_SecureHash"]


def test_times_are_vietnamese_and_an_absent_one_is_the_arrival() -> None:
    assert read(signed(PAID)).paid_at == datetime(2024, 5, 21, 2, 18, 6, tzinfo=UTC)
    assert read(signed(PAID | {"vnp_PayDate": ""})).paid_at == RECEIVED


def test_an_upper_case_signature_and_a_proxy_that_reencodes_still_verify() -> None:
    data, _, tail = signed(PAID).decode().partition("&vnp_SecureHash=")
    assert read(f"vnp_SecureHash={tail.upper()}&{data}&utm=1".encode()) == read(signed(PAID))
    rewritten = "&".join(f"{name}={quote(value, safe='')}" for name, value in PAID.items())
    assert "%20" in rewritten
    with_type = f"{rewritten}&vnp_SecureHashType=HmacSHA512&vnp_SecureHash={tail}"
    assert read(with_type.encode()) == read(signed(PAID))


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        (("00", "00"), Outcome.PAID),
        (("24", "02"), Outcome.FAILED),
        (("00", "02"), Outcome.FAILED),
        (("07", "00"), Outcome.PENDING),
        (("07", "07"), Outcome.PENDING),
        (("07", "02"), Outcome.PENDING),
        (("00", "01"), Outcome.PENDING),
        (("00", "04"), Outcome.PENDING),
        (("00", "05"), Outcome.PENDING),
        (("99", "00"), Outcome.PENDING),
        (("00", "XX"), Outcome.PENDING),
    ],
)
def test_only_two_zeros_are_money(codes: tuple[str, str], outcome: Outcome) -> None:
    fields = {"vnp_ResponseCode": codes[0], "vnp_TransactionStatus": codes[1]}
    notice = read(signed(PAID | fields))
    assert notice.outcome is outcome
    assert notice.unmapped_status == ("XX" if codes[1] == "XX" else "")


def test_paid_after_failed_or_pending_is_another_fact_of_the_same_order() -> None:
    pending = read(signed(PAID | {"vnp_TransactionStatus": "01"}))
    failed = read(signed(PAID | {"vnp_ResponseCode": "24", "vnp_TransactionStatus": "02"}))
    paid = read(signed(PAID))
    assert len({pending.transaction_id, failed.transaction_id, paid.transaction_id}) == 3


@pytest.mark.parametrize(
    "name",
    ["vnp_Amount", "vnp_TxnRef", "vnp_ResponseCode", "vnp_TransactionStatus", "vnp_TransactionNo"],
)
def test_a_missing_field_is_named(name: str) -> None:
    error = refusal(signed({key: value for key, value in PAID.items() if key != name}))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vnp_Amount", "1000001"),
        ("vnp_Amount", "0"),
        ("vnp_Amount", "000"),
        ("vnp_Amount", "-100"),
        ("vnp_Amount", "1e9"),
        ("vnp_Amount", "100.00"),
        ("vnp_Amount", "１００"),
        ("vnp_Amount", "999999999999900"),
        ("vnp_PayDate", "20241301000000"),
        ("vnp_PayDate", "2024521091806"),
        ("vnp_PayDate", "00010101000000"),
        ("vnp_TxnRef", "a\x00b"),
        ("vnp_TxnRef", "9" * 129),
        ("vnp_TransactionNo", "1.2"),
    ],
)
def test_a_bad_field_is_named_and_its_value_is_not_repeated(name: str, value: str) -> None:
    error = refusal(signed(PAID | {name: value}))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, name)
    assert value not in str(error) or value == "0"


def test_the_checksum_is_judged_before_anything_else() -> None:
    bad = signed(PAID | {"vnp_Amount": "1", "vnp_TmnCode": "OTHER"})
    assert refusal(bad[:-1] + b"g").reason is Refused.BAD_SIGNATURE
    assert refusal(bad).reason is Refused.WRONG_MERCHANT


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"&&&",
        b"vnp_SecureHash=",
        urlencode(PAID).encode(),
        signed(PAID) + b"&vnp_SecureHash=" + b"0" * 128,
        signed(PAID).replace(b"vnp_Amount=1000000", b"vnp_Amount=100000000"),
        signed(PAID) + b"&vnp_Amount=100000000",
        signed(PAID) + b"&vnp_Extra=1",
    ],
)
def test_what_is_not_signed_is_refused(query: bytes) -> None:
    assert refusal(query).reason is Refused.BAD_SIGNATURE


def test_an_encoded_name_cannot_smuggle_a_value_past_the_signature() -> None:
    assert read(signed(PAID) + b"&vnp%5FAmount=100000000").amount_vnd == 10_000
    assert read(b"vnp_Amount=&" + signed(PAID)).amount_vnd == 10_000


def test_a_field_signed_twice_is_malformed() -> None:
    data = urlencode(sorted([*PAID.items(), ("vnp_Amount", "100")]))
    query = f"{data}&vnp_SecureHash={signature(data)}".encode()
    assert refusal(query).reason is Refused.MALFORMED


def test_bytes_that_are_no_text_are_malformed_even_when_signed() -> None:
    data = urlencode(sorted(PAID.items())).replace("Thanh+toan", "%FF%FE")
    query = f"{data}&vnp_SecureHash={signature(data)}".encode()
    assert refusal(query).reason is Refused.MALFORMED


def test_other_methods_and_paths_and_sizes() -> None:
    for changed in ({"method": "POST"}, {"path": "/x"}):
        with pytest.raises(RefusedError) as caught:
            vnpay.read(replace(request(signed(PAID)), **changed), ACCOUNT)  # type: ignore[arg-type]
        assert caught.value.reason is Refused.NOT_FOUND
    assert refusal(signed(PAID) + b"&a=" + b"x" * 70_000).reason is Refused.TOO_LARGE


@pytest.mark.parametrize("secrets", [{}, {"hash_secret": ""}])
def test_without_a_secret_nothing_verifies(secrets: dict[str, str]) -> None:
    data = urlencode(sorted(PAID.items()))
    empty = hmac.new(b"", data.encode(), hashlib.sha512).hexdigest()
    error = refusal(f"{data}&vnp_SecureHash={empty}".encode(), replace(ACCOUNT, secrets=secrets))
    assert (error.reason, error.field) == (Refused.BUSY, "hash_secret")


@pytest.mark.parametrize(
    ("kind", "duplicate", "body"),
    [
        (VerdictKind.RECORDED, False, b'{"RspCode":"00","Message":"Confirm Success"}'),
        (VerdictKind.RECORDED, True, b'{"RspCode":"02","Message":"Order already confirmed"}'),
        (VerdictKind.NOTED, False, b'{"RspCode":"00","Message":"Confirm Success"}'),
        (VerdictKind.NOTED, True, b'{"RspCode":"02","Message":"Order already confirmed"}'),
        (VerdictKind.ALREADY_PAID, False, b'{"RspCode":"02","Message":"Order already confirmed"}'),
        (VerdictKind.AMOUNT_DIFFERS, False, b'{"RspCode":"04","Message":"Invalid amount"}'),
        (VerdictKind.AMOUNT_DIFFERS, True, b'{"RspCode":"04","Message":"Invalid amount"}'),
        (VerdictKind.CONFLICT, False, b'{"RspCode":"04","Message":"Invalid amount"}'),
        (VerdictKind.UNKNOWN_REFERENCE, False, b'{"RspCode":"01","Message":"Order not found"}'),
        (VerdictKind.WRONG_ACCOUNT, False, b'{"RspCode":"99","Message":"Unknown error"}'),
    ],
)
def test_what_was_done_is_said_in_vnpays_words(
    kind: VerdictKind, duplicate: bool, body: bytes
) -> None:
    verdict = Verdict(kind=kind, record_id="r", duplicate=duplicate)
    reply = vnpay.acknowledge(request(signed(PAID)), ACCOUNT, [verdict])
    assert (reply.status, reply.content_type, reply.body) == (200, "application/json", body)


@pytest.mark.parametrize("reason", list(Refused))
def test_refusals_in_vnpays_words(reason: Refused) -> None:
    reply = vnpay.refuse(request(b""), None, RefusedError(reason))
    codes = {Refused.BAD_SIGNATURE: "97", Refused.WRONG_MERCHANT: "01"}
    assert json.loads(reply.body)["RspCode"] == codes.get(reason, "99")
    assert reply.status == (413 if reason is Refused.TOO_LARGE else 200)


def test_refusals_byte_for_byte() -> None:
    bad = vnpay.refuse(request(b""), ACCOUNT, refusal(b""))
    assert bad.body == b'{"RspCode":"97","Message":"Invalid signature"}'
    odd = vnpay.refuse(request(b""), ACCOUNT, refusal(signed(PAID | {"vnp_Amount": "1000001"})))
    assert odd.body == b'{"RspCode":"04","Message":"Invalid amount"}'


def test_the_redirect_is_signed_and_says_what_was_ordered() -> None:
    url = urlsplit(vnpay.checkout(ORDER, ACCOUNT).url)
    assert f"{url.scheme}://{url.netloc}{url.path}" == ACCOUNT.settings["pay_url"]
    data, _, given_ = url.query.partition("&vnp_SecureHash=")
    assert given_ == signature(data)
    assert dict(parse_qsl(data, strict_parsing=True)) == {
        "vnp_Version": "2.1.0",
        "vnp_Command": "pay",
        "vnp_TmnCode": "TEST_TMN_CODE",
        "vnp_Amount": "125000000",
        "vnp_CreateDate": "20240906013000",
        "vnp_ExpireDate": "20240906014500",
        "vnp_CurrCode": "VND",
        "vnp_IpAddr": "203.0.113.7",
        "vnp_Locale": "vn",
        "vnp_OrderInfo": "Hoc phi HP7K2M9QX4TB",
        "vnp_OrderType": "other",
        "vnp_ReturnUrl": "https://fees.example.vn/pay/t/return/vnpay",
        "vnp_TxnRef": "HP7K2M9QX4TBA1",
    }


def test_english_page_and_short_ipv6() -> None:
    url = vnpay.checkout(replace(ORDER, locale="en", client_ip="::1"), ACCOUNT).url
    fields = dict(parse_qsl(urlsplit(url).query))
    assert fields["vnp_Locale"] == "en"
    assert fields["vnp_IpAddr"] == "0000:0000:0000:0000:0000:0000:0000:0001"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_vnd": 0},
        {"amount_vnd": 10**10},
        {"merchant_reference": ""},
        {"merchant_reference": "HP*1"},
        {"description": "học phí"},
        {"description": "it's"},
        {"return_url": "https://a.vn/(x)"},
        {"return_url": "javascript:alert"},
        {"client_ip": "nowhere"},
    ],
)
def test_an_order_that_vnpay_could_not_read_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not"):
        vnpay.checkout(replace(ORDER, **change), ACCOUNT)


def test_the_question_is_signed() -> None:
    call = vnpay.ask(QUERY_, ACCOUNT)
    assert (call.method, call.url) == ("POST", ACCOUNT.settings["query_url"])
    assert call.headers == {"content-type": "application/json"}
    body = json.loads(call.body)
    plain = "R1|2.1.0|querydr|TEST_TMN_CODE|1716257871703|20240521091700|20240905090000|127.0.0.1|"
    assert body.pop("vnp_SecureHash") == signature(plain + body["vnp_OrderInfo"])
    assert "|".join(body.values()) == plain + body["vnp_OrderInfo"]


@pytest.mark.parametrize(
    ("ipn", "asked"),
    [
        ({}, {}),
        ({}, {"vnp_Amount": 1_000_000, "vnp_TransactionNo": 14422574, "vnp_PromotionCode": None}),
        (
            {"vnp_ResponseCode": "24", "vnp_TransactionStatus": "02", "vnp_TransactionNo": "0"},
            {"vnp_TransactionStatus": "02", "vnp_TransactionNo": ""},
        ),
        (
            {"vnp_ResponseCode": "07", "vnp_TransactionStatus": "07"},
            {"vnp_TransactionStatus": "07"},
        ),
    ],
)
def test_ipn_and_answer_are_one_fact(ipn: dict[str, str], asked: dict[str, Any]) -> None:
    pushed = read(signed(PAID | ipn))
    (polled,) = vnpay.read_answer(QUERY_, answer(**asked), ACCOUNT)
    assert polled.transaction_id == pushed.transaction_id
    assert polled.fingerprint() == pushed.fingerprint()
    assert polled.paid_at == pushed.paid_at


def test_a_refund_is_never_a_payment() -> None:
    (notice,) = vnpay.read_answer(QUERY_, answer(vnp_TransactionType="02"), ACCOUNT)
    assert notice.outcome is Outcome.PENDING


def test_an_order_vnpay_does_not_know() -> None:
    unknown = answer(vnp_ResponseCode="91", vnp_TxnRef="", vnp_Amount="", vnp_TransactionStatus="")
    assert vnpay.read_answer(QUERY_, unknown, ACCOUNT) == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (said(b""), Refused.BUSY),
        (said(b"[]"), Refused.BUSY),
        (said(b"<!doctype html><h1>Bao tri</h1>"), Refused.BUSY),
        (replace(answer(), status=502), Refused.BUSY),
        (said(b"{}"), Refused.BAD_SIGNATURE),
        (said(b'{"vnp_ResponseCode":"91"}'), Refused.BAD_SIGNATURE),
        (said(answer().body.replace(b'"1000000"', b'"9000000"')), Refused.BAD_SIGNATURE),
        (answer(vnp_TxnRef="OTHER"), Refused.BAD_FIELD),
        (answer(vnp_TmnCode="OTHER"), Refused.WRONG_MERCHANT),
        (answer(vnp_ResponseCode="94"), Refused.BUSY),
        (answer(vnp_ResponseCode="99"), Refused.BUSY),
        (answer(vnp_ResponseCode="97"), Refused.BAD_FIELD),
        (answer(vnp_Message="a|b"), Refused.MALFORMED),
        (answer(vnp_Amount=1000000.0), Refused.BAD_FIELD),
        (said(b" " * 70_000), Refused.TOO_LARGE),
    ],
)
def test_answers_that_prove_nothing(body: Answer, reason: Refused) -> None:
    with pytest.raises(RefusedError) as caught:
        vnpay.read_answer(QUERY_, body, ACCOUNT)
    assert caught.value.reason is reason


@given(at=st.integers(0, len(signed(PAID)) - 1), byte=st.integers(0, 255))
def test_one_altered_byte_is_refused_or_means_the_same(at: int, byte: int) -> None:
    query = signed(PAID)
    altered = query[:at] + bytes([byte]) + query[at + 1 :]
    with contextlib.suppress(RefusedError):
        assert read(altered) == read(query)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(query: bytes) -> None:
    with contextlib.suppress(RefusedError):
        vnpay.read(request(query), ACCOUNT)
        pytest.fail("unsigned bytes became a notice")
    with contextlib.suppress(RefusedError):
        vnpay.read_answer(QUERY_, said(query), ACCOUNT)
        pytest.fail("unsigned bytes became an answer")
    for read_ in (vnpay.read_refund, vnpay.read_refund_status):
        with contextlib.suppress(RefusedError):
            read_(REFUND_, said(query), ACCOUNT)
            pytest.fail("unsigned bytes became a refund")


VALUES = st.text(max_size=20) | st.sampled_from(["00", "02", "100", "20240521091806", "0", "1"])


@given(st.dictionaries(st.sampled_from(sorted(PAID)), VALUES))
def test_any_signed_fields_are_a_sound_notice_or_refused(changes: dict[str, str]) -> None:
    with contextlib.suppress(RefusedError):
        notices = vnpay.read(request(signed(PAID | changes)), ACCOUNT)
        assert isinstance(notices, Notices)
        (notice,) = notices.items
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.paid_at.utcoffset() == timedelta(0)
        assert "\x00" not in notice.transaction_id
        assert len(notice.fingerprint()) == 32


@given(st.integers(1, 10**12 // 10))
def test_every_amount_survives_the_hundredfold(amount_vnd: int) -> None:
    assert read(signed(PAID | {"vnp_Amount": f"{amount_vnd}00"})).amount_vnd == amount_vnd


@pytest.mark.parametrize(
    ("amount_vnd", "kind", "wire"), [(10_000, "02", "1000000"), (2_500, "03", "250000")]
)
def test_a_refund_demand_is_signed(amount_vnd: int, kind: str, wire: str) -> None:
    order = replace(REFUND_, amount_vnd=amount_vnd)
    call = vnpay.refund(order, ACCOUNT)
    assert (call.method, call.url) == ("POST", ACCOUNT.settings["query_url"])
    body = json.loads(call.body)
    plain = (
        f"R0123456789ABCDEFGHJ|2.1.0|refund|TEST_TMN_CODE|{kind}|1716257871703|{wire}|14422574"
        "|20240521091700|ke toan|20240522090000|127.0.0.1|Nop thua hai lan hoan"
    )
    assert body.pop("vnp_SecureHash") == signature(plain)
    assert "|".join(body.values()) == plain
    again = vnpay.refund(replace(order, asked_at=order.asked_at + timedelta(days=1)), ACCOUNT)
    assert again == call


@pytest.mark.parametrize(
    "change",
    [
        {"amount_vnd": 0},
        {"amount_vnd": 10_001},
        {"transaction_id": "1716257871703.0.failed"},
        {"transaction_id": "OTHER.14422574"},
        {"request_id": "R" * 33},
        {"request_id": "R|1"},
        {"client_ip": "nowhere"},
    ],
)
def test_a_refund_that_vnpay_could_not_make_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"does not|no paid transaction"):
        vnpay.refund(replace(REFUND_, **change), ACCOUNT)


@pytest.mark.parametrize(
    ("changes", "state", "code"),
    [
        ({}, RefundState.PENDING, "05"),
        ({"vnp_TransactionStatus": "06"}, RefundState.PENDING, "06"),
        ({"vnp_TransactionStatus": "00"}, RefundState.PENDING, "00"),
        ({"vnp_TransactionStatus": ""}, RefundState.PENDING, "00"),
        ({"vnp_TransactionStatus": "09"}, RefundState.REFUSED, "09"),
        (
            {"vnp_TransactionStatus": "09", "vnp_TransactionType": "01"},
            RefundState.PENDING,
            "09",
        ),
        *(
            ({"vnp_ResponseCode": code}, RefundState.REFUSED, code)
            for code in ("02", "03", "91", "95")
        ),
        *(
            ({"vnp_ResponseCode": code}, RefundState.PENDING, code)
            for code in ("94", "97", "99", "42")
        ),
    ],
)
def test_what_vnpay_says_to_a_demand(
    changes: dict[str, str], state: RefundState, code: str
) -> None:
    answer_ = vnpay.read_refund(REFUND_, refunded(**changes), ACCOUNT)
    assert (answer_.state, answer_.code) == (state, code)
    if answer_.code == "05":
        assert answer_.provider_refund_id == "14422999"


def row(**changes: Any) -> Answer:
    """querydr's answer when it speaks of the refund."""
    return answer(**{"vnp_TransactionType": "02", "vnp_TransactionNo": "14422999", **changes})


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"vnp_TransactionStatus": "00"}, RefundState.DONE),
        ({"vnp_TransactionStatus": "05"}, RefundState.PENDING),
        ({"vnp_TransactionStatus": "06"}, RefundState.PENDING),
        ({"vnp_TransactionStatus": "09"}, RefundState.REFUSED),
        ({"vnp_TransactionStatus": "XX"}, RefundState.PENDING),
        ({"vnp_TransactionStatus": ""}, RefundState.PENDING),
        ({"vnp_TransactionType": "01"}, RefundState.PENDING),
        ({"vnp_TransactionType": "03"}, RefundState.PENDING),
        ({"vnp_Amount": "500000"}, RefundState.PENDING),
        *(({"vnp_ResponseCode": code}, RefundState.PENDING) for code in ("91", "94", "97", "99")),
    ],
)
def test_what_became_of_a_refund(changes: dict[str, str], state: RefundState) -> None:
    assert vnpay.read_refund_status(REFUND_, row(**changes), ACCOUNT).state is state


def test_a_contract_may_say_which_status_is_the_last() -> None:
    account = replace(ACCOUNT, settings={**ACCOUNT.settings, "refund_done": "00, 06"})
    sent = row(vnp_TransactionStatus="06")
    assert vnpay.read_refund_status(REFUND_, sent, account).state is RefundState.DONE
    still = row(vnp_TransactionStatus="05")
    assert vnpay.read_refund_status(REFUND_, still, account).state is RefundState.PENDING


def test_a_refund_answer_about_another_order_says_nothing() -> None:
    with pytest.raises(RefusedError):
        vnpay.read_refund(REFUND_, refunded(vnp_TxnRef="OTHER"), ACCOUNT)
    with pytest.raises(RefusedError):
        vnpay.read_refund_status(REFUND_, row(vnp_TxnRef="OTHER"), ACCOUNT)
    with pytest.raises(RefusedError):  # querydr's answer signs two values more
        vnpay.read_refund(REFUND_, row(), ACCOUNT)


def test_every_question_about_a_refund_has_an_id_of_its_own() -> None:
    later = replace(REFUND_, asked_at=REFUND_.asked_at + timedelta(seconds=1))
    ids = {
        json.loads(call.body)["vnp_RequestId"]
        for call in (
            vnpay.refund(REFUND_, ACCOUNT),
            vnpay.ask_refund(REFUND_, ACCOUNT),
            vnpay.ask_refund(later, ACCOUNT),
        )
    }
    assert len(ids) == 3
    assert all(len(one) <= 32 and one.isalnum() for one in ids)
    assert vnpay.ask_refund(REFUND_, ACCOUNT) == vnpay.ask_refund(REFUND_, ACCOUNT)


HERE = replace(
    review_school.account_of("vnpay"),
    settings={
        **review_school.account_of("vnpay").settings,
        "pay_url": "http://sandbox.test/sandbox/vnpay/pay",
        "query_url": "http://sandbox.test/sandbox/vnpay/query",
    },
)


def paid_server(*, is_paid: bool = True) -> tuple[notifier.VnpayServer, Movement]:
    server = notifier.VnpayServer([review_school.merchant_of("vnpay")])
    done = review_school.decided(server, vnpay.checkout(review_school.ORDER, HERE), is_paid=is_paid)
    back = urlsplit(done.return_url).query.encode()
    assert vnpay.read_return(back, HERE) is (Outcome.PAID if is_paid else Outcome.FAILED)
    return server, done.movement


@pytest.mark.parametrize("is_paid", [True, False])
def test_pay_push_and_poll_are_one_fact(is_paid: bool) -> None:
    server, movement = paid_server(is_paid=is_paid)
    assert server.movements == ([movement] if is_paid else [])
    pushed = review_school.notice_of(vnpay, review_school.notified(notifier, movement))
    ask = vnpay.ask(review_school.QUERY, HERE)
    (polled,) = vnpay.read_answer(review_school.QUERY, review_school.at_server(server, ask), HERE)
    assert polled.transaction_id == pushed.transaction_id
    assert polled.fingerprint() == pushed.fingerprint()
    with pytest.raises(RefusedError) as caught:  # the same RequestId on the same day
        vnpay.read_answer(review_school.QUERY, review_school.at_server(server, ask), HERE)
    assert caught.value.reason is Refused.BUSY
    stranger = replace(review_school.QUERY, merchant_reference="HP0", request_id="b" * 32)
    asked = review_school.at_server(server, vnpay.ask(stranger, HERE))
    assert vnpay.read_answer(stranger, asked, HERE) == ()


@pytest.mark.parametrize(("amount_vnd", "end"), [(1_250_000, "00"), (250_000, "00"), (1, "09")])
def test_a_refund_from_demand_to_its_end(amount_vnd: int, end: str) -> None:
    server, movement = paid_server()
    server.refund_statuses = ("05", "06", end)
    paid = review_school.notice_of(vnpay, review_school.notified(notifier, movement))
    order = replace(review_school.REFUND, transaction_id=paid.transaction_id, amount_vnd=amount_vnd)
    demand = vnpay.refund(order, HERE)
    first = vnpay.read_refund(order, review_school.at_server(server, demand), HERE)
    assert (first.state, first.code) == (RefundState.PENDING, "05")
    again = vnpay.read_refund(order, review_school.at_server(server, demand), HERE)
    assert (again.state, again.code) == (RefundState.PENDING, "94")
    states = []
    for hour in range(2):
        asked = replace(order, asked_at=order.asked_at + timedelta(hours=hour))
        answer_ = review_school.at_server(server, vnpay.ask_refund(asked, HERE))
        states.append(vnpay.read_refund_status(asked, answer_, HERE).state)
    last = RefundState.DONE if end == "00" else RefundState.REFUSED
    assert states == [RefundState.PENDING, last]
    # The order itself is now answered for by its refund, which is no payment and no contradiction.
    late = replace(review_school.QUERY, request_id="c" * 32)
    (polled,) = vnpay.read_answer(
        late, review_school.at_server(server, vnpay.ask(late, HERE)), HERE
    )
    assert polled.outcome is Outcome.PENDING
    assert polled.transaction_id != paid.transaction_id


def test_what_the_server_does_not_refund() -> None:
    server, movement = paid_server(is_paid=False)
    order = replace(
        review_school.REFUND,
        transaction_id=f"{movement.merchant_reference}.{notifier.number_of(movement)}",
    )
    answer_ = vnpay.read_refund(
        order, review_school.at_server(server, vnpay.refund(order, HERE)), HERE
    )
    assert (answer_.state, answer_.code) == (RefundState.REFUSED, "95")
    server, movement = paid_server()
    for number, change in enumerate(
        ({"paid_vnd": 9_000_000, "amount_vnd": 2_000_000}, {"transaction_id": "HP7K2M9QX4TB00.5"})
    ):
        bad = replace(order, request_id=f"R{number}", **change)  # type: ignore[arg-type]
        answer_ = vnpay.read_refund(
            bad, review_school.at_server(server, vnpay.refund(bad, HERE)), HERE
        )
        assert (answer_.state, answer_.code) == (RefundState.PENDING, "99")
    demand = vnpay.refund(order, HERE)
    tampered = replace(demand, body=demand.body.replace(b"125000000", b"125000100"))
    assert json.loads(review_school.at_server(server, tampered).body)["vnp_ResponseCode"] == "97"
    query = urlsplit(vnpay.checkout(review_school.ORDER, HERE).url).query
    for bad_query in (query, query.replace("125000000", "125000100")):
        call = Call(method="GET", path="/pay", query=bad_query, headers={}, body=b"")
        with pytest.raises(OrderRefusedError):
            server.open_order(call, review_school.NOW)


@given(review_school.movements)
def test_what_vnpay_says_is_read(movement: Movement) -> None:
    notice = review_school.notice_of(vnpay, review_school.notified(notifier, movement))
    outcomes = {
        MovementState.PAID: Outcome.PAID,
        MovementState.FAILED: Outcome.FAILED,
        MovementState.PENDING: Outcome.PENDING,
    }
    assert notice.outcome is outcomes[movement.state]
    assert notice.amount_vnd == movement.amount_vnd
    assert notice.merchant_reference == movement.merchant_reference
    assert notice.paid_at == movement.at.replace(microsecond=0)


@given(review_school.movements, st.sampled_from(notifier.SIGNED), st.integers(0, 99))
def test_signed_bytes_matter(movement: Movement, mark: str, at: int) -> None:
    review_school.expect_signed_bytes_to_matter(vnpay, notifier, movement, mark, at)
