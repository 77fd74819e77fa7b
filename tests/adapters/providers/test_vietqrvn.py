"""VietQR.VN: the token, the push under it, its replies word for word."""

import base64
import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import IPN
from adapters.contract import (
    MerchantAccount,
    Notice,
    Notices,
    Outcome,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import vietqrvn

VECTORS = json.loads((VECTORS / "vietqrvn.json").read_text(encoding="utf-8"))
SYNC = VECTORS["sync"]
SAMPLE = SYNC["request"]
NOW = datetime(2026, 1, 8, 4, 0, tzinfo=UTC)
SECRET = "s" * 32
ACCOUNT = MerchantAccount(
    account_key="k1",
    secrets={"username": "school-user", "password": "school-pass", "jwt_secret": SECRET},
)
OK = Verdict(kind=VerdictKind.RECORDED, record_id="our-id-0001")


def asked() -> Request:
    """The vector's request for a token."""
    wanted = VECTORS["token"]["request"]
    return Request(
        method=wanted["method"],
        path=wanted["path"],
        query=b"",
        headers={name.lower(): value for name, value in wanted["headers"].items()},
        body=wanted["body"].encode(),
        received_at=NOW,
    )


def pushed(message: dict[str, Any] | bytes, token: str | None = None) -> Request:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    if token is None:
        token = vietqrvn.issue_token(ACCOUNT, NOW)
    return Request(
        method="POST",
        path=SYNC["request_path"],
        query=b"",
        headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
        body=body,
        received_at=NOW,
    )


def read(request: Request) -> Notice:
    notices = vietqrvn.read(request, ACCOUNT)
    assert isinstance(notices, Notices)
    (notice,) = notices.items
    return notice


def refusal(request: Request, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        vietqrvn.read(request, account)
    return caught.value


def test_it_stands_in_the_registry() -> None:
    assert IPN["vietqrvn"] is vietqrvn


def test_the_token_of_the_vector_opens_the_push() -> None:
    reply = vietqrvn.read(asked(), ACCOUNT)
    assert isinstance(reply, Reply)
    assert reply.status == 200
    body = json.loads(reply.body)
    assert body | {"access_token": "<jwt>"} == VECTORS["token"]["response"]
    assert list(body) == ["access_token", "token_type", "expires_in"]
    assert read(pushed(SAMPLE, body["access_token"])).amount_vnd == 25_000


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_token_needs_no_body(body: bytes) -> None:
    assert isinstance(vietqrvn.read(replace(asked(), body=body), ACCOUNT), Reply)


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "Basic",
        "Basic ???",
        "Basic c2Nob29s",
        "Basic " + base64.b64encode(b"school-user:wrong").decode(),
        "Basic " + base64.b64encode(b"school-user:school-pass\n").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic é",
        "Bearer c2Nob29sLXVzZXI6c2Nob29sLXBhc3M=",
    ],
)
def test_no_token_without_the_credentials(credentials: str) -> None:
    request = replace(asked(), headers={"authorization": credentials})
    assert refusal(request).reason is Refused.UNAUTHENTICATED
    assert refusal(replace(asked(), headers={})).reason is Refused.UNAUTHENTICATED


@pytest.mark.parametrize("name", ["username", "password", "jwt_secret"])
@pytest.mark.parametrize("value", ["", "short"])
def test_an_incomplete_account_opens_no_door(name: str, value: str) -> None:
    account = replace(ACCOUNT, secrets={**ACCOUNT.secrets, name: value})
    error = refusal(asked(), account)
    if value == "short" and name != "jwt_secret":
        assert error.reason is Refused.UNAUTHENTICATED
    else:
        assert (error.reason, error.field) == (Refused.BUSY, name)


def test_a_token_lives_five_minutes_by_the_requests_clock() -> None:
    request = pushed(SAMPLE)
    assert read(replace(request, received_at=NOW + timedelta(seconds=299)))
    late = refusal(replace(request, received_at=NOW + timedelta(seconds=300)))
    assert late.reason is Refused.STALE


def test_a_token_of_another_account_or_key_is_worth_nothing() -> None:
    other = vietqrvn.issue_token(replace(ACCOUNT, account_key="k2"), NOW)
    assert refusal(pushed(SAMPLE, other)).reason is Refused.UNAUTHENTICATED
    secrets = {**ACCOUNT.secrets, "jwt_secret": "t" * 32}
    forged = vietqrvn.issue_token(replace(ACCOUNT, secrets=secrets), NOW)
    assert refusal(pushed(SAMPLE, forged)).reason is Refused.UNAUTHENTICATED


LATER = int(NOW.timestamp()) + 100


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "é.é.é",
        "x" * 5000,
        jwt.encode({"sub": "k1", "exp": LATER}, None, algorithm="none"),
        jwt.encode({"sub": "k1"}, SECRET),
        jwt.encode({"exp": LATER}, SECRET),
        jwt.encode({"sub": "k1", "exp": "soon"}, SECRET),
        jwt.encode({"sub": "k1", "exp": 1e300}, SECRET),
        base64.urlsafe_b64encode(b"[" * 700).decode() + ".e30.AAAA",
    ],
)
def test_what_is_no_token_of_ours(token: str) -> None:
    assert refusal(pushed(SAMPLE, token)).reason is Refused.UNAUTHENTICATED


def test_authentication_comes_before_the_body() -> None:
    assert refusal(pushed(b"not json", "x")).reason is Refused.UNAUTHENTICATED


def test_the_push_of_the_vector() -> None:
    assert read(pushed(SAMPLE)) == Notice(
        transaction_id="c0e43e2c-0000-4000-8000-000000000001",
        outcome=Outcome.PAID,
        amount_vnd=25_000,
        paid_at=datetime(2026, 1, 8, 3, 56, tzinfo=UTC),
        content="QR VQR712a7d45ea DU5gUz Ma giao dich Trace756759 Trace 756759",
        merchant_reference="HP240001",
        payee_account="0123456789",
        bank_transaction_id="FT26008507756020",
    )


@pytest.mark.parametrize("literal", ["25000", "25000.0", "2.5e4", "25000.000"])
def test_the_same_amount_however_written_is_the_same_fact(literal: str) -> None:
    body = json.dumps(SAMPLE).replace("25000", literal, 1)
    assert read(pushed(body.encode())).fingerprint() == read(pushed(SAMPLE)).fingerprint()


@pytest.mark.parametrize("when", [1767844560000, 1767844560, "1767844560000", 1767844560.0])
def test_milliseconds_or_seconds(when: object) -> None:
    notice = read(pushed(SAMPLE | {"transactiontime": when}))
    assert notice.paid_at == datetime(2026, 1, 8, 3, 56, tzinfo=UTC)


def test_a_debit_is_outgoing() -> None:
    assert read(pushed(SAMPLE | {"transType": "D"})).outcome is Outcome.OUTGOING


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("amount", "002"),
        ("transType", "003"),
        ("transactiontime", "004"),
        ("transactionid", "007"),
        ("bankaccount", "010"),
    ],
)
def test_a_missing_field_is_named_in_their_code(name: str, code: str) -> None:
    request = pushed({key: value for key, value in SAMPLE.items() if key != name})
    error = refusal(request)
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, name)
    reply = vietqrvn.refuse(request, ACCOUNT, error)
    assert reply.status == 400
    assert json.loads(reply.body) == {
        "error": True, "errorReason": code, "toastMessage": f"invalid {name}", "object": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["orderId", "referencenumber", "content", "sign", "terminalCode"])
def test_what_may_be_absent(name: str) -> None:
    assert read(pushed({key: value for key, value in SAMPLE.items() if key != name}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 0),
        ("amount", -25000),
        ("amount", 25000.5),
        ("amount", 10**12 + 1),
        ("amount", "25000"),
        ("amount", True),
        ("transType", "X"),
        ("transactiontime", 0),
        ("transactiontime", -1),
        ("transactiontime", 10**14),
        ("transactiontime", 1),
        ("transactiontime", True),
        ("transactiontime", "soon"),
        ("transactiontime", 1767844560000.5),
        ("transactionid", "x" * 129),
        ("transactionid", ["x"]),
        ("bankaccount", {}),
        ("orderId", "a\nb"),
        ("content", 5),
        ("referencenumber", []),
    ],
)
def test_a_bad_field_is_named(name: str, value: object) -> None:
    error = refusal(pushed(SAMPLE | {name: value}))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, name)


def test_doors_that_are_not_there() -> None:
    good = pushed(SAMPLE)
    assert refusal(replace(good, method="GET")).reason is Refused.NOT_FOUND
    assert refusal(replace(good, path="")).reason is Refused.NOT_FOUND
    assert refusal(replace(good, body=b" " * 65_537)).reason is Refused.TOO_LARGE
    plain = {**good.headers, "content-type": "text/plain"}
    assert refusal(replace(good, headers=plain)).reason is Refused.WRONG_CONTENT_TYPE


@pytest.mark.parametrize("kind", [kind for kind in VerdictKind if kind is not VerdictKind.CONFLICT])
@pytest.mark.parametrize("duplicate", [False, True])
def test_success_carries_our_record_and_a_replay_the_same(
    kind: VerdictKind, duplicate: bool
) -> None:
    verdict = replace(OK, kind=kind, duplicate=duplicate)
    reply = vietqrvn.acknowledge(pushed(SAMPLE), ACCOUNT, [verdict])
    expected = SYNC["duplicate" if duplicate else "success"]
    assert reply.status == expected["status"]
    assert reply.body == json.dumps(expected["body"], separators=(",", ":")).encode()


def test_a_conflict_is_a_duplicated_transactionid() -> None:
    verdict = replace(OK, kind=VerdictKind.CONFLICT)
    reply = vietqrvn.acknowledge(pushed(SAMPLE), ACCOUNT, [verdict])
    assert reply.status == 400
    assert json.loads(reply.body)["errorReason"] == "006"


def test_the_bad_body_of_the_vector() -> None:
    error = refusal(pushed(b"{"))
    reply = vietqrvn.refuse(pushed(b"{"), ACCOUNT, error)
    assert reply.status == SYNC["bad"]["status"]
    assert reply.body == json.dumps(SYNC["bad"]["body"], separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Refused.UNAUTHENTICATED, 401),
        (Refused.STALE, 401),
        (Refused.MALFORMED, 400),
        (Refused.WRONG_CONTENT_TYPE, 400),
        (Refused.NOT_FOUND, 404),
        (Refused.TOO_LARGE, 413),
        (Refused.BUSY, 503),
    ],
)
def test_refusals(reason: Refused, status: int) -> None:
    reply = vietqrvn.refuse(pushed(SAMPLE), None, RefusedError(reason, "jwt_secret"))
    body = json.loads(reply.body)
    assert (reply.status, body["error"], body["object"]) == (status, True, None)
    assert b"jwt_secret" not in reply.body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(SAMPLE)), JSON))
def test_any_authentic_json_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    with contextlib.suppress(RefusedError):
        notice = read(pushed(SAMPLE | changes))
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.transaction_id
        assert notice.paid_at.utcoffset() == timedelta(0)
        assert len(notice.fingerprint()) == 32


@given(st.binary(max_size=300), st.text(max_size=60))
def test_any_bytes_and_headers_only_ever_raise_a_refusal(body: bytes, header: str) -> None:
    for request in (
        pushed(body),
        pushed(body, header),
        replace(asked(), headers={"authorization": header}),
        replace(asked(), headers={"authorization": f"Basic {header}"}),
    ):
        with contextlib.suppress(RefusedError):
            vietqrvn.read(request, ACCOUNT)


@given(at=st.integers(0, 10_000), character=st.characters(min_codepoint=33, max_codepoint=126))
def test_an_altered_token_opens_nothing(at: int, character: str) -> None:
    token = vietqrvn.issue_token(ACCOUNT, NOW)
    at %= len(token) - 1  # the last character holds two spare bits
    altered = token[:at] + character + token[at + 1 :]
    if altered != token:
        assert refusal(pushed(SAMPLE, altered)).reason is Refused.UNAUTHENTICATED
