"""SePay: documented payloads, both ways to authenticate, and nothing that passes without."""

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import IPN
from adapters.contract import (
    MerchantAccount,
    Notice,
    Outcome,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import sepay
from sandbox import sepay as sandbox_sepay
from sandbox.provider import Merchant, Message, Movement, altered

VECTORS = json.loads((VECTORS / "sepay.json").read_text(encoding="utf-8"))
SAMPLE = VECTORS["official_doc_payload"]
SIGNED = VECTORS["hmac_vector"]
RAW = SIGNED["raw_body"].encode()
SENT_AT = datetime.fromtimestamp(int(SIGNED["timestamp"]), tz=UTC)
BY_KEY = MerchantAccount(
    account_key="k1", secrets={"api_key": "test_api_key"}, settings={"auth": "apikey"}
)
BY_HMAC = MerchantAccount(
    account_key="k2", secrets={"hmac_secret": SIGNED["secret"]}, settings={"auth": "hmac"}
)


def pushed(body: bytes, **headers: str) -> Request:
    return Request(
        method="POST",
        path="",
        query=b"",
        headers={"content-type": "application/json"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
        received_at=SENT_AT,
    )


def keyed(message: dict[str, Any] | bytes) -> Request:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return pushed(body, authorization="Apikey test_api_key")


def signed(body: bytes, timestamp: str = SIGNED["timestamp"]) -> Request:
    header = sepay.sign(SIGNED["secret"], timestamp, body)
    return pushed(body, x_sepay_timestamp=timestamp, x_sepay_signature=header)


def read(request: Request, account: MerchantAccount = BY_KEY) -> Notice:
    (notice,) = sepay.read(request, account).items
    return notice


def refusal(request: Request, account: MerchantAccount = BY_KEY) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        sepay.read(request, account)
    return caught.value


def test_it_stands_in_the_registry() -> None:
    assert IPN["sepay"] is sepay


def test_the_documented_payload() -> None:
    assert read(keyed(SAMPLE)) == Notice(
        transaction_id="92704",
        outcome=Outcome.PAID,
        amount_vnd=2_277_000,
        paid_at=datetime(2023, 3, 25, 7, 2, 37, tzinfo=UTC),
        content="chuyen tien mua iphone",
        payee_account="0123499999",
        bank_transaction_id="MBVCB.3278907687",
    )


def test_money_that_left_is_outgoing() -> None:
    notice = read(keyed(VECTORS["laravel_sepay_readme_payload"]))
    assert (notice.outcome, notice.amount_vnd) == (Outcome.OUTGOING, 1_700_000)


def test_the_hmac_vector() -> None:
    header = SIGNED["X-SePay-Signature"]
    assert sepay.sign(SIGNED["secret"], SIGNED["timestamp"], RAW) == header
    request = pushed(RAW, x_sepay_timestamp=SIGNED["timestamp"], x_sepay_signature=header)
    notice = read(request, BY_HMAC)
    assert (notice.transaction_id, notice.amount_vnd) == ("92704", 1_250_000)
    assert notice.content == json.loads(RAW)["content"]
    assert read(signed(RAW), BY_HMAC) == notice


@pytest.mark.parametrize(
    ("listed", "payee"),
    [
        (("0123499999",), "0123499999"),
        (("VA001",), "VA001"),
        (("0123499999", "VA001"), "0123499999"),
        (("other",), "0123499999"),
        ((), "0123499999"),
    ],
)
def test_the_account_that_received(listed: tuple[str, ...], payee: str) -> None:
    account = replace(BY_KEY, bank_accounts=listed)
    assert read(keyed(SAMPLE | {"subAccount": "VA001"}), account).payee_account == payee


@pytest.mark.parametrize(
    "header",
    ["", "Apikey", "Apikey ", "Apikey wrong", "Bearer test_api_key", "Apikey test_api_key ",
     "test_api_key", "Apikey tést_api_key", "Apikey \udcff"],
)  # fmt: skip
def test_without_the_key_nothing_is_read(header: str) -> None:
    request = pushed(json.dumps(SAMPLE).encode(), authorization=header)
    assert refusal(request).reason is Refused.UNAUTHENTICATED
    assert refusal(pushed(b"not json")).reason is Refused.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("seconds", "fresh"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_a_signature_is_fresh_for_five_minutes_both_ways(seconds: int, fresh: bool) -> None:
    request = replace(signed(RAW), received_at=SENT_AT + timedelta(seconds=seconds))
    if fresh:
        assert read(request, BY_HMAC).transaction_id == "92704"
    else:
        assert refusal(request, BY_HMAC).reason is Refused.STALE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_sepay_timestamp": SIGNED["timestamp"]},
        {"x_sepay_signature": SIGNED["X-SePay-Signature"]},
        {"x_sepay_timestamp": "1725499236", "x_sepay_signature": SIGNED["X-SePay-Signature"]},
        {"x_sepay_timestamp": "9" * 400, "x_sepay_signature": SIGNED["X-SePay-Signature"]},
        {"x_sepay_timestamp": "١", "x_sepay_signature": SIGNED["X-SePay-Signature"]},
        {
            "x_sepay_timestamp": SIGNED["timestamp"],
            "x_sepay_signature": SIGNED["X-SePay-Signature"].removeprefix("sha256="),
        },
        {"authorization": "Apikey test_api_key"},
    ],
)
def test_a_signature_that_does_not_hold(headers: dict[str, str]) -> None:
    assert refusal(pushed(RAW, **headers), BY_HMAC).reason is Refused.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("account", "field"),
    [
        (replace(BY_KEY, secrets={}), "api_key"),
        (replace(BY_KEY, secrets={"api_key": ""}), "api_key"),
        (replace(BY_HMAC, secrets={"api_key": "test_api_key"}), "hmac_secret"),
        (replace(BY_KEY, settings={}), "auth"),
        (replace(BY_KEY, settings={"auth": "none"}), "auth"),
    ],
)
def test_an_incomplete_account_opens_no_door(account: MerchantAccount, field: str) -> None:
    error = refusal(pushed(json.dumps(SAMPLE).encode(), authorization="Apikey "), account)
    assert (error.reason, error.field) == (Refused.BUSY, field)


@pytest.mark.parametrize("name", ["id", "accountNumber", "transferType", "transferAmount",
                                  "transactionDate"])  # fmt: skip
@pytest.mark.parametrize("absent", [True, False])
def test_a_missing_field_is_named(name: str, absent: bool) -> None:
    message = {key: value for key, value in SAMPLE.items() if key != name}
    error = refusal(keyed(message if absent else message | {name: None}))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


@pytest.mark.parametrize("name", ["content", "subAccount", "referenceCode", "code", "description"])
def test_what_may_be_absent(name: str) -> None:
    assert read(keyed({key: value for key, value in SAMPLE.items() if key != name}))
    assert read(keyed(SAMPLE | {name: None}))


@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("transferAmount", "0"),
        ("transferAmount", "-1"),
        ("transferAmount", "1.5"),
        ("transferAmount", "1000000000001"),
        ("transferAmount", "1e999999"),
        ("transferAmount", '"1000"'),
        ("transferAmount", "true"),
        ("transferAmount", "[1]"),
        ("transferType", '"IN"'),
        ("transferType", '"sideways"'),
        ("id", "true"),
        ("id", "1.5"),
        ("id", '"a\\u0000b"'),
        ("id", '"\\ud800"'),
        ("id", "[]"),
        ("accountNumber", "{}"),
        ("content", "1"),
        ("transactionDate", '"2023-02-30 00:00:00"'),
        ("transactionDate", '"2023-3-5 1:2:3"'),
        ("transactionDate", '"0001-01-01 00:00:00"'),
        ("transactionDate", "20230305"),
    ],
)
def test_a_bad_field_is_named(name: str, literal: str) -> None:
    body = json.dumps(SAMPLE | {name: "@@"}).replace('"@@"', literal)
    error = refusal(keyed(body.encode()))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, name)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"id":1,"id":2}', b'{"transferAmount":NaN}', b"\xff\xfe",
     b'{"transferAmount":Infinity}', b"[" * 60_000, b'{"id":' + b"9" * 5000 + b"}",
     b'{"transferAmount":1e99999999999999999999}'],
)  # fmt: skip
def test_what_is_no_honest_json_is_malformed(body: bytes) -> None:
    assert refusal(keyed(body)).reason is Refused.MALFORMED


def test_an_amount_with_an_empty_fraction_is_exact() -> None:
    body = json.dumps(SAMPLE).replace("2277000", "999999999999.0")
    assert read(keyed(body.encode())).amount_vnd == 999_999_999_999


def test_a_garbled_memo_does_not_turn_money_away() -> None:
    notice = read(keyed(SAMPLE | {"content": "HP1 \x00 \ud800 é"}))
    assert notice.content == "HP1 � � é"
    assert len(notice.fingerprint()) == 32


def test_doors_that_are_not_there() -> None:
    good = keyed(SAMPLE)
    assert refusal(replace(good, method="GET")).reason is Refused.NOT_FOUND
    assert refusal(replace(good, path="/x")).reason is Refused.NOT_FOUND
    form = {**good.headers, "content-type": "application/x-www-form-urlencoded"}
    assert refusal(replace(good, headers=form)).reason is Refused.WRONG_CONTENT_TYPE
    assert refusal(replace(good, body=b" " * 65_537)).reason is Refused.TOO_LARGE
    charset = {**good.headers, "content-type": "Application/JSON; charset=utf-8"}
    assert read(replace(good, headers=charset)) == read(good)


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_what_was_committed_is_acknowledged(kind: VerdictKind) -> None:
    reply = sepay.acknowledge(keyed(SAMPLE), BY_KEY, [Verdict(kind=kind, record_id="r")])
    assert (reply.status, reply.body) == (200, b'{"success":true}')


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Refused.UNAUTHENTICATED, 401),
        (Refused.BAD_SIGNATURE, 401),
        (Refused.STALE, 401),
        (Refused.MALFORMED, 400),
        (Refused.BAD_FIELD, 400),
        (Refused.MISSING_FIELD, 400),
        (Refused.NOT_FOUND, 404),
        (Refused.TOO_LARGE, 413),
        (Refused.WRONG_CONTENT_TYPE, 415),
        (Refused.BUSY, 503),
    ],
)
def test_refusals(reason: Refused, status: int) -> None:
    reply = sepay.refuse(keyed(SAMPLE), None, RefusedError(reason, "hmac_secret"))
    assert reply.status == status
    assert json.loads(reply.body) == {"success": False, "message": str(reason)}


@given(at=st.integers(0, len(RAW) - 1), byte=st.integers(0, 255))
def test_one_altered_byte_breaks_the_signature(at: int, byte: int) -> None:
    altered = RAW[:at] + bytes([byte]) + RAW[at + 1 :]
    request = replace(signed(RAW), body=altered)
    if altered != RAW:
        assert refusal(request, BY_HMAC).reason is Refused.BAD_SIGNATURE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(SAMPLE)), JSON))
def test_any_authentic_json_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    with contextlib.suppress(RefusedError):
        notice = read(keyed(SAMPLE | changes))
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.transaction_id
        assert notice.paid_at.utcoffset() == timedelta(0)
        assert len(notice.fingerprint()) == 32


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_and_headers_only_ever_raise_a_refusal(body: bytes, header: str) -> None:
    for account in (BY_KEY, BY_HMAC):
        for request in (
            pushed(body, authorization=header, x_sepay_signature=header, x_sepay_timestamp=header),
            keyed(body),
            signed(body),
        ):
            with contextlib.suppress(RefusedError):
                sepay.read(request, account)


MERCHANT = Merchant(
    provider="sepay",
    ipn_url="",
    account_number="0123499999",
    settings={"auth": "hmac"},
    secrets={"hmac_secret": SIGNED["secret"], "api_key": "test_api_key"},
)
MOVEMENT = Movement(
    sequence=7,
    amount_vnd=500_000,
    at=datetime(2026, 9, 10, 2, 0, tzinfo=UTC),
    content="HP7A1 hoc phi",
    bank_transaction_id="FT7",
)


def notified(movement: Movement = MOVEMENT, merchant: Merchant = MERCHANT) -> Message:
    """What the sandbox's notifier says; it waits for nothing, so one step of it is all."""
    coroutine = sandbox_sepay.message(None, movement, merchant)  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    message: Message = done.value.value
    return message


def brought(message: Message) -> Request:
    headers = {name.lower(): value for name, value in message.headers}
    return replace(pushed(message.body), headers=headers, received_at=datetime.now(UTC))


@given(
    sequence=st.integers(1, 10**9),
    amount_vnd=st.integers(1, 10**12) | st.integers(-(10**12), -1),
    content=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    minutes=st.integers(0, 10**6),
    auth=st.sampled_from(["hmac", "apikey"]),
)
def test_whatever_the_sandbox_notifies_is_read_as_it_moved(
    sequence: int, amount_vnd: int, content: str, minutes: int, auth: str
) -> None:
    movement = replace(
        MOVEMENT,
        sequence=sequence,
        amount_vnd=amount_vnd,
        content=content,
        at=MOVEMENT.at + timedelta(minutes=minutes),
    )
    message = notified(movement, replace(MERCHANT, settings={"auth": auth}))
    notice = read(brought(message), BY_HMAC if auth == "hmac" else BY_KEY)
    assert notice.outcome is (Outcome.PAID if amount_vnd > 0 else Outcome.OUTGOING)
    assert (notice.amount_vnd, notice.content) == (abs(amount_vnd), content)
    assert (notice.paid_at, notice.payee_account) == (movement.at, "0123499999")


@given(mark=st.sampled_from(sandbox_sepay.SIGNED), at=st.integers(0, 80))
def test_any_changed_signed_symbol_is_refused(mark: str, at: int) -> None:
    assert refusal(brought(altered(notified(), mark, at)), BY_HMAC).reason is Refused.BAD_SIGNATURE
