"""Casso: the verified sample, both ways to print letters, numbers as written, nothing unsigned."""

import contextlib
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import IPN
from adapters.canonical import compact, tokens
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
from adapters.providers import casso
from sandbox import casso as sandbox_casso
from sandbox.provider import Merchant, Message, Movement, altered

OFFICIAL, UTF8 = json.loads((VECTORS / "casso.json").read_text(encoding="utf-8"))["vectors"]
KEY = UTF8["key"]
SENT_AT = datetime.fromtimestamp(UTF8["t"] / 1000, tz=UTC)
ACCOUNT = MerchantAccount(account_key="k", secrets={"checksum_key": KEY})
MERCHANT = Merchant(
    provider="casso",
    ipn_url="",
    account_number="0123456789",
    settings={},
    secrets={"checksum_key": KEY},
)
MOVEMENT = Movement(
    sequence=7,
    amount_vnd=500_000,
    at=datetime(2026, 9, 10, 2, 0, tzinfo=UTC),
    content="HP7A1 hoc phi",
    bank_transaction_id="FT7",
)


def pushed(body: bytes, header: str, at: datetime = SENT_AT) -> Request:
    return Request(
        method="POST",
        path="",
        query=b"",
        headers={"content-type": "application/json", "x-casso-signature": header},
        body=body,
        received_at=at,
    )


def signed(body: bytes, t: int = UTF8["t"], variant: int = 0) -> Request:
    """Our own signature over a body, in one of the ways that Casso's samples have."""
    made = list(casso.signatures(KEY, str(t), body))
    return pushed(body, f"t={t},v1={made[variant]}")


def genuine(data: dict[str, Any]) -> Request:
    return signed(json.dumps({"error": 0, "data": data}, ensure_ascii=False).encode())


def notified(movement: Movement = MOVEMENT, leave_out: str = "") -> Message:
    """What the sandbox's notifier says; it waits for nothing, so one step of it is all."""
    coroutine = sandbox_casso.message(None, movement, MERCHANT, leave_out=leave_out)  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    message: Message = done.value.value
    return message


def brought(message: Message) -> Request:
    headers = {name.lower(): value for name, value in message.headers}
    return replace(
        pushed(message.body, "", datetime.now(UTC)), headers=headers, method=message.method
    )


def read(request: Request, account: MerchantAccount = ACCOUNT) -> Notice:
    (notice,) = casso.read(request, account).items
    return notice


def refusal(request: Request, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        casso.read(request, account)
    return caught.value


def test_it_stands_in_the_table() -> None:
    assert IPN["casso"] is casso


@pytest.mark.parametrize("vector", [OFFICIAL, UTF8], ids=lambda v: v["name"])
def test_the_signed_string(vector: dict[str, Any]) -> None:
    body = json.dumps(vector["body"], ensure_ascii=False).encode()
    assert f"{vector['t']}.{compact(tokens(body))}" == vector["signed_string"]
    assert next(casso.signatures(vector["key"], str(vector["t"]), body)) == vector["v1"]


def test_the_official_sample_is_a_test_and_never_booked() -> None:
    body = json.dumps(OFFICIAL["body"]).encode()
    at = datetime.fromtimestamp(OFFICIAL["t"] / 1000, tz=UTC)
    account = replace(ACCOUNT, secrets={"checksum_key": OFFICIAL["key"]})
    notice = read(pushed(body, f"t={OFFICIAL['t']},v1={OFFICIAL['v1']}", at), account)
    assert (notice.outcome, notice.amount_vnd) == (Outcome.TEST, 599_000)
    assert read(brought(sandbox_casso.test_ping(MERCHANT))).outcome is Outcome.TEST


@pytest.mark.parametrize("changes", [{"id": 0}, {"reference": "MA_GIAO_DICH_THU_NGHIEM"}])
def test_either_mark_makes_a_test(changes: dict[str, Any]) -> None:
    assert read(genuine(UTF8["body"]["data"] | changes)).outcome is Outcome.TEST
    other = read(genuine(UTF8["body"]["data"] | changes | {"amount": 1}))
    assert other.transaction_id != read(genuine(UTF8["body"]["data"] | changes)).transaction_id


@pytest.mark.parametrize("v1", [UTF8["v1"], UTF8["v1_ascii_escaped"], UTF8["v1"].upper()])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_payment_however_its_letters_were_printed(v1: str, escaped: bool) -> None:
    body = json.dumps(UTF8["body"], ensure_ascii=escaped).encode()
    assert read(pushed(body, f"t={UTF8['t']},v1={v1}")) == Notice(
        transaction_id="990001",
        outcome=Outcome.PAID,
        amount_vnd=1_250_000,
        paid_at=datetime(2024, 12, 23, 0, 0, tzinfo=UTC),
        content="HP7A1 240001 T09 học phí",
        payee_account="123456789",
        bank_transaction_id="FT24249000001",
    )


def test_phps_way_with_slashes() -> None:
    body = json.dumps(
        {"error": 0, "data": UTF8["body"]["data"] | {"description": "HP7A1 a/b học"}},
        ensure_ascii=False,
    ).encode()
    ordered = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))
    text = f"{UTF8['t']}.{ordered}".replace("/", "\\/").encode()
    v1 = hmac.new(KEY.encode(), text, hashlib.sha512).hexdigest()
    assert read(pushed(body, f"t={UTF8['t']}, v1={v1}")).content == "HP7A1 a/b học"


@pytest.mark.parametrize(
    ("written", "amount", "outcome"),
    [
        ("15000.0", 15_000, Outcome.PAID),
        ("1.5e4", 15_000, Outcome.PAID),
        ("-15000", 15_000, Outcome.OUTGOING),
        ("-15000.00", 15_000, Outcome.OUTGOING),
    ],
)
def test_numbers_as_they_are_written(written: str, amount: int, outcome: Outcome) -> None:
    text = json.dumps(UTF8["body"], ensure_ascii=False).replace("1250000", written)
    ordered = compact(tokens(text.encode()))
    assert f'"amount":{written},' in ordered
    v1 = hmac.new(KEY.encode(), f"{UTF8['t']}.{ordered}".encode(), hashlib.sha512).hexdigest()
    notice = read(pushed(text.encode(), f"t={UTF8['t']},v1={v1}"))
    assert (notice.amount_vnd, notice.outcome) == (amount, outcome)
    rewritten = text.replace(written, "15000" if outcome is Outcome.PAID else "-15000.0")
    other = pushed(rewritten.encode(), f"t={UTF8['t']},v1={v1}")
    assert refusal(other).reason is Refused.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("amount", "0"),
        ("amount", "0.0"),
        ("amount", "-0"),
        ("amount", "15000.5"),
        ("amount", "-15000.5"),
        ("amount", "1e999999"),
        ("amount", "-1e9999999"),
        ("amount", "1000000000001"),
        ("amount", '"15000"'),
        ("amount", "true"),
        ("amount", "[]"),
        ("id", "1.5"),
        ("id", "[]"),
        ("id", '"a\\u0000"'),
        ("accountNumber", "{}"),
        ("description", "5"),
        ("transactionDateTime", '"2024-12-23T07:00:00"'),
        ("transactionDateTime", "20241223"),
    ],
)
def test_a_bad_field_is_named(name: str, literal: str) -> None:
    data = UTF8["body"]["data"] | {name: "@@"}
    body = json.dumps({"error": 0, "data": data}).replace('"@@"', literal).encode()
    error = refusal(signed(body))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, name)


@pytest.mark.parametrize("name", ["amount", "id", "accountNumber", "transactionDateTime"])
def test_a_missing_field_is_named(name: str) -> None:
    error = refusal(brought(notified(leave_out=name)))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)


@pytest.mark.parametrize("name", ["description", "reference", "virtualAccountNumber", "bankName"])
def test_what_may_be_absent(name: str) -> None:
    assert read(brought(notified(leave_out=name))).amount_vnd == 500_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":0,"data":[{"id":1,"amount":1}]}',  # version 1
        b'{"error":0}',
        b'{"error":0,"data":null}',
        b'{"error":1,"data":{}}',
        b'{"data":{}}',
    ],
)
def test_another_shape_is_refused(body: bytes) -> None:
    assert refusal(signed(body)).field in {"data", "error"}


def test_a_secure_token_opens_no_door() -> None:
    request = replace(
        pushed(json.dumps(UTF8["body"]).encode(), ""),
        headers={"content-type": "application/json", "secure-token": KEY},
    )
    assert refusal(request).reason is Refused.BAD_SIGNATURE


@pytest.mark.parametrize(
    "header",
    ["", f"v1={UTF8['v1']}", f"t={UTF8['t']}", f"t={UTF8['t']},v1=", f"t=,v1={UTF8['v1']}",
     f"t={UTF8['t'] + 1},v1={UTF8['v1']}", f"t=0{UTF8['t']},v1={UTF8['v1']}",
     f"t={UTF8['t']},v1={UTF8['v1'][:-1]}0", f"t={UTF8['t']},v1={UTF8['v1']},v2=x",
     f"t={UTF8['t']},v1={'é' * 128}"],
)  # fmt: skip
def test_a_signature_that_does_not_hold(header: str) -> None:
    body = json.dumps(UTF8["body"], ensure_ascii=False).encode()
    assert refusal(pushed(body, header)).reason is Refused.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("window", "seconds", "fresh"),
    [("", 300, True), ("", -300, True), ("", 301, False), ("", -301, False),
     ("3600", 3600, True), ("60", 61, False)],
)  # fmt: skip
def test_a_signature_is_fresh_for_a_while(window: str, seconds: int, fresh: bool) -> None:
    account = replace(ACCOUNT, settings={"window_s": window})
    request = replace(
        genuine(UTF8["body"]["data"]), received_at=SENT_AT + timedelta(seconds=seconds)
    )
    if fresh:
        assert read(request, account).transaction_id == "990001"
    else:
        assert refusal(request, account).reason is Refused.STALE


@pytest.mark.parametrize(
    ("account", "field"),
    [
        (replace(ACCOUNT, secrets={}), "checksum_key"),
        (replace(ACCOUNT, settings={"window_s": "0"}), "window_s"),
        (replace(ACCOUNT, settings={"window_s": "86401"}), "window_s"),
        (replace(ACCOUNT, settings={"window_s": "x"}), "window_s"),
    ],
)
def test_an_incomplete_account_opens_no_door(account: MerchantAccount, field: str) -> None:
    error = refusal(genuine(UTF8["body"]["data"]), account)
    assert (error.reason, error.field) == (Refused.BUSY, field)


@pytest.mark.parametrize(
    ("listed", "payee"),
    [(("0123456789",), "0123456789"), (("VA1",), "VA1"), (("VA1", "0123456789"), "0123456789"),
     ((), "0123456789")],
)  # fmt: skip
def test_the_account_that_received(listed: tuple[str, ...], payee: str) -> None:
    request = brought(notified(replace(MOVEMENT, virtual_account="VA1")))
    assert read(request, replace(ACCOUNT, bank_accounts=listed)).payee_account == payee


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "GET"}, Refused.NOT_FOUND),
        ({"path": "/x"}, Refused.NOT_FOUND),
        ({"body": b" " * 65_537}, Refused.TOO_LARGE),
        ({"body": b""}, Refused.MALFORMED),
        ({"body": b"[]"}, Refused.MALFORMED),
        ({"body": b'{"error":0,"error":0}'}, Refused.MALFORMED),
        ({"body": b'{"data":{"id":1,"id":2}}'}, Refused.MALFORMED),
        ({"body": b'{"data":NaN}'}, Refused.MALFORMED),
        ({"body": b"\xff"}, Refused.MALFORMED),
    ],
)
def test_what_is_no_webhook(changes: dict[str, Any], reason: Refused) -> None:
    assert refusal(replace(genuine(UTF8["body"]["data"]), **changes)).reason is reason


def test_a_wrong_content_type_is_refused() -> None:
    request = genuine(UTF8["body"]["data"])
    headers = dict(request.headers) | {"content-type": "text/plain"}
    assert refusal(replace(request, headers=headers)).reason is Refused.WRONG_CONTENT_TYPE


def test_a_document_of_any_depth_is_no_crash() -> None:
    for depth in (900, 30_000):
        body = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        with pytest.raises(RefusedError):
            read(pushed(body, f"t={UTF8['t']},v1={UTF8['v1']}"))


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_what_was_committed_is_acknowledged(kind: VerdictKind) -> None:
    reply = casso.acknowledge(brought(notified()), ACCOUNT, [Verdict(kind=kind, record_id="r")])
    assert (reply.status, reply.body) == (200, b'{"success":true}')


@pytest.mark.parametrize("reason", list(Refused))
def test_refusals_are_never_a_success(reason: Refused) -> None:
    reply = casso.refuse(brought(notified()), None, RefusedError(reason, "secret"))
    assert reply.status >= 400
    assert json.loads(reply.body) == {"success": False, "message": str(reason)}


@given(
    sequence=st.integers(1, 10**9),
    amount_vnd=st.integers(1, 10**12) | st.integers(-(10**12), -1),
    content=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    virtual=st.sampled_from(["", "VA1"]),
    minutes=st.integers(0, 10**6),
)
def test_whatever_the_sandbox_notifies_is_read_as_it_moved(
    sequence: int, amount_vnd: int, content: str, virtual: str, minutes: int
) -> None:
    movement = replace(
        MOVEMENT,
        sequence=sequence,
        amount_vnd=amount_vnd,
        content=content,
        virtual_account=virtual,
        at=MOVEMENT.at + timedelta(minutes=minutes),
    )
    notice = read(brought(notified(movement)))
    assert notice.outcome is (Outcome.PAID if amount_vnd > 0 else Outcome.OUTGOING)
    assert (notice.amount_vnd, notice.content) == (abs(amount_vnd), content)
    assert (notice.paid_at, notice.payee_account) == (movement.at, "0123456789")


@given(mark=st.sampled_from(sandbox_casso.SIGNED), at=st.integers(0, 200))
def test_any_changed_signed_symbol_is_refused(mark: str, at: int) -> None:
    assert refusal(brought(altered(notified(), mark, at))).reason is Refused.BAD_SIGNATURE


@given(place=st.integers(0, 2000), byte=st.integers(0, 255))
def test_any_changed_byte_is_refused_or_means_the_same(place: int, byte: int) -> None:
    message = notified()
    place %= len(message.body)
    changed = message.body[:place] + bytes([byte]) + message.body[place + 1 :]
    with contextlib.suppress(RefusedError):
        assert read(brought(replace(message, body=changed))) == read(brought(message))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(UTF8["body"]["data"])), JSON))
def test_any_genuine_json_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    body = json.dumps({"error": 0, "data": UTF8["body"]["data"] | changes}).encode()
    with contextlib.suppress(RefusedError):
        notice = read(signed(body))
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.paid_at.utcoffset() == timedelta(0)
        assert len(notice.fingerprint()) == 32


@given(st.dictionaries(st.text(), JSON))
def test_the_canonical_text_is_the_same_document_whatever_its_order(value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    backwards = json.dumps(dict(reversed(value.items())), indent=1).encode()
    assert compact(tokens(body)) == compact(tokens(backwards))
    assert json.loads(compact(tokens(body))) == json.loads(body)
    assert json.loads(compact(tokens(body), ascii_only=True)) == json.loads(body)


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_and_headers_only_ever_raise_a_refusal(body: bytes, header: str) -> None:
    for claim in (header, f"t={UTF8['t']},v1={UTF8['v1']}"):
        with contextlib.suppress(RefusedError):
            read(pushed(body, claim))
