"""BVBank: entries alone and in batches, under a signature whose kind is a setting."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import IPN
from adapters.contract import (
    MerchantAccount,
    Notice,
    Notices,
    Outcome,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import bvbank
from adapters.virtual import virtual_account
from core.kit.reference import make_reference
from sandbox import bvbank as bank
from sandbox.keys import BANK, SCHOOL
from sandbox.provider import Merchant, Message, Movement, MovementState, altered

NOW = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)
REFERENCE = make_reference(42, b"k" * 16)
KEY = "a-shared-key"
ACCOUNT = MerchantAccount(
    account_key="k1",
    secrets={"bank_public_keys": BANK.public_pem, "hmac_secret": KEY},
    settings={"va_prefix": "BV77", "networks": "10.0.0.0/8"},
)
MERCHANT = Merchant(
    provider="bvbank",
    ipn_url="http://school.test/ipn/bvbank/k1",
    account_number="8007041000001",
    settings=ACCOUNT.settings,
    secrets={},
)
MOVEMENT = Movement(
    sequence=7,
    amount_vnd=500_000,
    at=NOW,
    content="CK HOC PHI",
    account_number="8007041000001",
    virtual_account=virtual_account("BV77", REFERENCE),
    bank_transaction_id="FT26253000007",
)
OK = Verdict(kind=VerdictKind.RECORDED, record_id="7")


def say(movement: Movement = MOVEMENT, leave_out: str = "") -> Message:
    async def notified() -> Message:
        async with httpx.AsyncClient() as client:
            return await bank.message(client, movement, MERCHANT, leave_out=leave_out)

    return asyncio.run(notified())


SAID = say()


def request(message: Message) -> Request:
    return Request(
        method=message.method,
        path=message.path,
        query=b"",
        headers=dict(message.headers),
        body=message.body,
        received_at=NOW.replace(hour=5),
        remote_ip="10.1.2.3",
    )


def resigned(value: object, path: str = "/notify-trans") -> Request:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    headers = (("content-type", "application/json"), ("signature", BANK.sign(body)))
    return request(Message(path=path, headers=headers, body=body))


def entry(**changes: Any) -> Request:
    message = json.loads(SAID.body)
    data = message["data"] | changes
    message["data"] = {name: value for name, value in data.items() if value is not None}
    return resigned(message)


def read(asked: Request, account: MerchantAccount = ACCOUNT) -> Notice:
    (notice,) = bvbank.read(asked, account).items
    return notice


def refusal(asked: Request, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        bvbank.read(asked, account)
    return caught.value


def configured(**changes: str) -> MerchantAccount:
    return replace(ACCOUNT, settings={**ACCOUNT.settings, **changes})


def test_it_stands_in_the_registry() -> None:
    assert IPN["bvbank"] is bvbank


def test_an_entry_on_our_virtual_account() -> None:
    assert read(request(SAID)) == Notice(
        transaction_id="FT26253000007",
        outcome=Outcome.PAID,
        amount_vnd=500_000,
        paid_at=NOW,
        content="CK HOC PHI",
        merchant_reference=REFERENCE,
        bank_transaction_id="FT26253000007",
        is_provisional=True,
    )


movements = st.builds(
    Movement,
    sequence=st.integers(0, 2**32 - 1),
    amount_vnd=st.integers(1, 10**12),
    at=st.integers(10**9, 4 * 10**9).map(lambda s: datetime.fromtimestamp(s, UTC)),
    content=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=100),
    virtual_account=st.sampled_from(["", "8007041000001", MOVEMENT.virtual_account]),
    bank_transaction_id=st.from_regex(r"FT[0-9]{1,12}", fullmatch=True),
)


@settings(max_examples=40)
@given(st.lists(movements, max_size=4))
def test_alone_and_in_a_batch_it_is_the_same_notice(notified: list[Movement]) -> None:
    batch = bvbank.read(request(bank.batch(notified)), ACCOUNT)
    assert batch == Notices(tuple(read(request(say(movement))) for movement in notified))
    for notice, movement in zip(batch.items, notified, strict=True):
        assert notice.amount_vnd == movement.amount_vnd
        assert notice.paid_at == movement.at
        assert notice.content == movement.content


@settings(max_examples=50)
@given(mark=st.sampled_from(bank.SIGNED), at=st.integers(0, 400))
def test_a_changed_signed_character_is_refused_with_400(mark: str, at: int) -> None:
    asked = request(altered(SAID, mark, at))
    error = refusal(asked)
    assert error.reason is Refused.BAD_SIGNATURE
    reply = bvbank.refuse(asked, ACCOUNT, error)
    assert (reply.status, json.loads(reply.body)["connectorCode"]) == (400, "52")
    assert not bank.is_final(httpx.Response(reply.status, content=reply.body))


@pytest.mark.parametrize(
    ("algorithm", "signature"),
    [
        ("rsa_sha256_base64", BANK.sign(SAID.body)),
        (
            "hmac_sha256_base64",
            base64.b64encode(hmac.digest(KEY.encode(), SAID.body, hashlib.sha256)).decode(),
        ),
        ("hmac_sha256_hex", hmac.digest(KEY.encode(), SAID.body, hashlib.sha256).hex()),
        ("hmac_sha256_hex", hmac.digest(KEY.encode(), SAID.body, hashlib.sha256).hex().upper()),
    ],
)
def test_algorithm_and_header_are_settings(algorithm: str, signature: str) -> None:
    account = configured(algorithm=algorithm, signature_header="X-BVB-Sign")
    headers = {"content-type": "application/json", "x-bvb-sign": signature}
    asked = replace(request(SAID), headers=headers)
    assert read(asked, account) == read(request(SAID))
    for wrong in ("", signature[:-1], SCHOOL.sign(SAID.body), "é"):
        error = refusal(replace(asked, headers=headers | {"x-bvb-sign": wrong}), account)
        assert error.reason is Refused.BAD_SIGNATURE
    assert refusal(replace(asked, body=asked.body + b" "), account).reason is Refused.BAD_SIGNATURE
    keyless = replace(account, secrets={})
    assert refusal(asked, keyless).reason is Refused.BUSY


def test_an_unknown_algorithm_is_our_fault() -> None:
    error = refusal(request(SAID), configured(algorithm="md5"))
    assert (error.reason, error.field) == (Refused.BUSY, "algorithm")
    assert bvbank.refuse(request(SAID), ACCOUNT, error).status == 503


def test_it_comes_only_from_the_banks_network() -> None:
    for asked, account in (
        (replace(request(SAID), remote_ip="192.0.2.1"), ACCOUNT),
        (replace(request(SAID), remote_ip=""), ACCOUNT),
        (request(SAID), configured(networks="")),
    ):
        error = refusal(asked, account)
        assert error.reason is Refused.FOREIGN_NETWORK
        assert bvbank.refuse(asked, account, error).status == 403


@pytest.mark.parametrize(
    ("direction", "outcome", "identity"),
    [
        ("C", Outcome.PAID, "FT26253000007"),
        ("D", Outcome.OUTGOING, "FT26253000007.outgoing"),
        ("X", Outcome.PENDING, "FT26253000007.pending"),
    ],
)
def test_directions(direction: str, outcome: Outcome, identity: str) -> None:
    notice = read(entry(drcr=direction))
    assert (notice.outcome, notice.transaction_id) == (outcome, identity)
    assert notice.unmapped_status == ("X" if outcome is Outcome.PENDING else "")


@pytest.mark.parametrize("amount", [500_000, "500000", "500000.00", 500_000.0])
def test_amounts_as_number_or_text(amount: object) -> None:
    assert read(entry(lcyAmount=amount)).amount_vnd == 500_000


@pytest.mark.parametrize(
    "amount", [0, "0", -1, "-1", 0.5, "500000.5", "5e5", " 500000", "５", True, 10**12 + 1, [], {}]
)
def test_what_is_no_amount(amount: object) -> None:
    error = refusal(entry(lcyAmount=amount))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, "lcyAmount")


@pytest.mark.parametrize("field", ["externalRefNo", "lcyAmount", "drcr", "ccy"])
def test_a_forgotten_field_is_refused(field: str) -> None:
    error = refusal(request(say(leave_out=field)))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, field)


@pytest.mark.parametrize("field", ["narrative", "relatedAccount", "accNo", "trnRefNo", "valueDt"])
def test_what_may_be_absent(field: str) -> None:
    assert read(request(say(leave_out=field))).amount_vnd == 500_000


def test_another_currency_is_no_money_here() -> None:
    assert refusal(entry(ccy="USD")).field == "ccy"


@pytest.mark.parametrize(
    "when", [None, "", 5, "10/09/2026", "99-99-2026 00:00:00:000", "10-09-1026 09:00:00:000"]
)
def test_an_unreadable_time_is_the_time_of_arrival(when: object) -> None:
    notice = read(entry(txnInitDt=when))
    assert notice.paid_at == NOW.replace(hour=5)
    assert notice.fingerprint() == read(request(SAID)).fingerprint()


def test_the_account_number_is_never_used() -> None:
    assert read(entry(accNo="999")) == read(request(SAID))


def test_one_broken_entry_refuses_its_batch() -> None:
    content = json.loads(bank.batch([MOVEMENT, MOVEMENT]).body)["content"]
    content[1]["amount"] = -1
    error = refusal(resigned({"content": content}, "/notify-trans-batch"))
    assert (error.reason, error.field) == (Refused.BAD_FIELD, "amount")


@pytest.mark.parametrize("content", [None, {}, "x", 5])
def test_a_batch_needs_its_list(content: object) -> None:
    error = refusal(resigned({"content": content}, "/notify-trans-batch"))
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, "content")
    error = refusal(resigned({"content": [content]}, "/notify-trans-batch"))
    assert error.field == ("ccy" if content == {} else "data")


def test_doors_that_are_not_there() -> None:
    good = request(SAID)
    assert refusal(replace(good, method="GET")).reason is Refused.NOT_FOUND
    assert refusal(replace(good, path="")).reason is Refused.NOT_FOUND
    assert refusal(replace(good, body=b" " * 65_537)).reason is Refused.TOO_LARGE
    plain = {**good.headers, "content-type": "text/plain"}
    assert refusal(replace(good, headers=plain)).reason is Refused.WRONG_CONTENT_TYPE


@pytest.mark.parametrize("kind", list(VerdictKind))
@pytest.mark.parametrize("duplicate", [False, True])
def test_whatever_was_committed_is_taken(kind: VerdictKind, duplicate: bool) -> None:
    verdict = replace(OK, kind=kind, duplicate=duplicate)
    reply = bvbank.acknowledge(request(SAID), ACCOUNT, [verdict])
    assert (reply.status, json.loads(reply.body)["connectorCode"]) == (200, "00")
    assert bank.is_final(httpx.Response(reply.status, content=reply.body))


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Refused.MALFORMED, 400),
        (Refused.MISSING_FIELD, 400),
        (Refused.WRONG_CONTENT_TYPE, 400),
        (Refused.NOT_FOUND, 404),
        (Refused.TOO_LARGE, 413),
        (Refused.BUSY, 503),
    ],
)
def test_refusals(reason: Refused, status: int) -> None:
    reply = bvbank.refuse(request(SAID), None, RefusedError(reason, "hmac_secret"))
    assert (reply.status, json.loads(reply.body)["connectorCode"]) == (status, "01")
    assert b"hmac_secret" not in reply.body


def test_the_bank_notifies_only_of_money_that_moved() -> None:
    with pytest.raises(ValueError, match="happened"):
        say(replace(MOVEMENT, state=MovementState.PENDING))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(json.loads(SAID.body)["data"])), JSON))
def test_any_signed_json_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    with contextlib.suppress(RefusedError):
        notice = read(entry(**changes))
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.transaction_id
        assert len(notice.fingerprint()) == 32


@given(JSON, st.binary(max_size=200), st.text(max_size=60))
def test_any_bytes_and_headers_only_ever_raise_a_refusal(
    value: Any, body: bytes, header: str
) -> None:
    good = request(SAID)
    for asked in (
        resigned({"data": value}),
        resigned({"content": value}, "/notify-trans-batch"),
        resigned({"content": [value]}, "/notify-trans-batch"),
        resigned(body),
        replace(good, headers={**good.headers, "signature": header}),
    ):
        with contextlib.suppress(RefusedError):
            bvbank.read(asked, ACCOUNT)
