"""MB: the twin of VietQR.VN's push, and the push of the merchant service under its checkSum."""

import asyncio
import contextlib
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
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
from adapters.providers import mb, vietqrvn
from adapters.virtual import virtual_account
from core.kit.reference import make_reference
from sandbox import mb as bank
from sandbox import vietqrvn as vietqrvn_notifier
from sandbox.provider import Merchant, Message, Movement, MovementState, altered

VECTOR = json.loads((VECTORS / "bank_direct.json").read_text(encoding="utf-8"))["mb"]["mms"]
NOW = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)
REFERENCE = make_reference(42, b"k" * 16)
SECRETS = {
    "username": "mb-user",
    "password": "mb-pass",
    "jwt_secret": "b" * 32,
    "access_key": "dummy_secret",
}
SYNC = MerchantAccount(account_key="k1", secrets=SECRETS, settings={"va_prefix": "MB77"})
MMS = replace(SYNC, settings={"push": "mms", "networks": "10.0.0.0/8"})
MOVEMENT = Movement(
    sequence=7,
    amount_vnd=500_000,
    at=NOW,
    content=f"QR {REFERENCE} Ma giao dich Trace756759",
    account_number="0123456789",
    bank_transaction_id="FT26253000007",
)
ORDERED = replace(MOVEMENT, merchant_reference=REFERENCE, content="")
OK = Verdict(kind=VerdictKind.RECORDED, record_id="our-id-1")


def merchant(account: MerchantAccount) -> Merchant:
    return Merchant(
        provider="mb",
        ipn_url="http://school.test/ipn/mb/k1",
        account_number="0123456789",
        settings=account.settings,
        secrets=account.secrets,
    )


def request(message: Message) -> Request:
    return Request(
        method=message.method,
        path=message.path,
        query=b"",
        headers=dict(message.headers),
        body=message.body,
        received_at=NOW,
        remote_ip="10.1.2.3",
    )


def client_of(account: MerchantAccount) -> httpx.AsyncClient:
    """The school as MB meets it when it asks for a token."""

    def answer(asked: httpx.Request) -> httpx.Response:
        below = asked.url.path.removeprefix("/ipn/mb/k1")
        arrived = Request(
            method=asked.method,
            path=below,
            query=b"",
            headers={name.lower(): value for name, value in asked.headers.items()},
            body=asked.content,
            received_at=NOW,
        )
        try:
            reply = mb.read(arrived, account)
        except RefusedError as error:
            reply = mb.refuse(arrived, account, error)
        assert isinstance(reply, Reply)
        return httpx.Response(reply.status, content=reply.body)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


def pushed(
    movement: Movement = MOVEMENT, leave_out: str = "", account: MerchantAccount = SYNC
) -> Message:
    async def push() -> Message:
        async with client_of(SYNC) as client:
            return await bank.message(client, movement, merchant(account), leave_out=leave_out)

    return asyncio.run(push())


def paid_qr(movement: Movement = ORDERED, leave_out: str = "") -> Message:
    return bank.mms_message(movement, merchant(MMS), leave_out=leave_out)


def flat(fields: dict[str, Any]) -> Request:
    headers = (("content-type", "application/json"),)
    body = json.dumps(fields).encode()
    return request(Message(path="/transaction-mms", headers=headers, body=body))


def read(asked: Request, account: MerchantAccount = SYNC) -> Notice:
    notices = mb.read(asked, account)
    assert isinstance(notices, Notices)
    (notice,) = notices.items
    return notice


def refusal(asked: Request, account: MerchantAccount = SYNC) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        mb.read(asked, account)
    return caught.value


def test_it_stands_in_the_registry() -> None:
    assert IPN["mb"] is mb


def test_a_push_under_a_token_of_ours() -> None:
    assert read(request(pushed())) == Notice(
        transaction_id="c0e43e2c-0000-4000-8000-000000000007",
        outcome=Outcome.PAID,
        amount_vnd=500_000,
        paid_at=NOW,
        content=MOVEMENT.content,
        payee_account="0123456789",
        bank_transaction_id="FT26253000007",
    )


def test_the_virtual_account_gives_our_reference_and_an_order_goes_first() -> None:
    number = virtual_account("MB77", REFERENCE)
    notified = replace(MOVEMENT, virtual_account=number)
    assert read(request(pushed(notified))).merchant_reference == REFERENCE
    ordered = replace(notified, merchant_reference="ORDER1")
    assert read(request(pushed(ordered))).merchant_reference == "ORDER1"
    foreign = replace(notified, virtual_account="MB78" + REFERENCE)
    assert read(request(pushed(foreign))).merchant_reference == ""
    without = replace(SYNC, settings={})
    assert read(request(pushed(notified)), without).merchant_reference == ""


@settings(max_examples=30)
@given(
    st.builds(
        Movement,
        sequence=st.integers(0, 2**32 - 1),
        amount_vnd=st.integers(1, 10**12),
        at=st.integers(10**9, 4 * 10**9).map(lambda s: datetime.fromtimestamp(s, UTC)),
        content=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=100),
        account_number=st.from_regex(r"[0-9]{6,19}", fullmatch=True),
        bank_transaction_id=st.from_regex(r"FT[0-9]{1,12}", fullmatch=True),
    )
)
def test_what_the_bank_says_is_what_is_read(movement: Movement) -> None:
    notice = read(request(pushed(movement)))
    assert notice.amount_vnd == movement.amount_vnd
    assert notice.paid_at == movement.at
    assert notice.content == movement.content
    assert notice.payee_account == movement.account_number
    assert notice.outcome is Outcome.PAID


@settings(max_examples=40)
@given(at=st.integers(0, 300))
def test_an_altered_token_opens_nothing(at: int) -> None:
    assert refusal(request(altered(PUSHED, bank.SIGNED[0], at))).reason is Refused.UNAUTHENTICATED


PUSHED = pushed()


def test_every_character_of_a_token_counts_to_the_last() -> None:
    header = dict(PUSHED.headers)["authorization"]
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        if last != header[-1]:
            good = request(PUSHED)
            spelled = {**good.headers, "authorization": header[:-1] + last}
            wrong = refusal(replace(good, headers=spelled))
            assert wrong.reason is Refused.UNAUTHENTICATED


def test_no_token_with_a_wrong_password() -> None:
    wrong = replace(SYNC, secrets={**SECRETS, "password": "other"})
    assert refusal(request(pushed(account=wrong))).reason is Refused.UNAUTHENTICATED


def test_the_words_of_a_sync_are_vietqrvns() -> None:
    asked = request(PUSHED)
    for verdict in (OK, replace(OK, kind=VerdictKind.CONFLICT), replace(OK, duplicate=True)):
        reply = mb.acknowledge(asked, SYNC, [verdict])
        assert reply == vietqrvn.acknowledge(asked, SYNC, [verdict])
        assert bank.is_final(httpx.Response(reply.status, content=reply.body))
    asked = request(pushed(leave_out="amount"))
    error = refusal(asked)
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, "amount")
    assert json.loads(mb.refuse(asked, SYNC, error).body)["errorReason"] == "002"


def test_the_vietqrvn_notifier_and_adapter_agree() -> None:
    async def push() -> Message:
        async with client_of(SYNC) as client:  # the same token door
            return await vietqrvn_notifier.message(client, MOVEMENT, merchant(SYNC))

    message = asyncio.run(push())
    notices = vietqrvn.read(request(message), SYNC)
    assert notices == Notices((read(request(PUSHED)),))


def test_only_the_push_that_was_chosen_has_a_door() -> None:
    assert refusal(request(PUSHED), MMS).reason is Refused.NOT_FOUND
    assert refusal(request(paid_qr()), SYNC).reason is Refused.NOT_FOUND
    assert refusal(replace(request(PUSHED), method="GET")).reason is Refused.NOT_FOUND
    assert refusal(replace(request(PUSHED), path="")).reason is Refused.NOT_FOUND
    other = replace(SYNC, settings={"push": "both"})
    error = refusal(request(PUSHED), other)
    assert (error.reason, error.field) == (Refused.BUSY, "push")


# The merchant service.


def test_the_documented_checksum() -> None:
    fields = VECTOR["request"]
    assert mb.checksum(fields, "dummy_secret") == fields["checkSum"]
    digest = hashlib.md5(VECTOR["signed_string"].encode(), usedforsecurity=False).hexdigest()
    assert digest == fields["checkSum"]
    assert read(flat(fields), MMS) == Notice(
        transaction_id="TRACE0001BILL0001",
        outcome=Outcome.PAID,
        amount_vnd=1_250_000,
        paid_at=datetime(2024, 9, 5, 1, 20, 31, tzinfo=UTC),
        merchant_reference="BILL0001",
        bank_transaction_id="FT24249000001",
        is_provisional=True,
    )


@given(amount_vnd=st.integers(1, 10**12), number=st.integers(0, 2**40 - 1))
def test_a_paid_qr_is_what_is_read(amount_vnd: int, number: int) -> None:
    reference = make_reference(number, b"k" * 16)
    notified = replace(ORDERED, amount_vnd=amount_vnd, merchant_reference=reference)
    notice = read(request(paid_qr(notified)), MMS)
    assert (notice.amount_vnd, notice.merchant_reference) == (amount_vnd, reference)
    assert notice.is_provisional
    assert notice.payee_account == ""


SIGNED_MMS = ('"traceTransfer":', '"billNumber":', '"payDate":', '"debitAmount":', '"checkSum":')


@given(mark=st.sampled_from(SIGNED_MMS), at=st.integers(0, 40))
def test_a_changed_signed_character_is_refused(mark: str, at: int) -> None:
    asked = request(altered(paid_qr(), mark, at))
    error = refusal(asked, MMS)
    assert error.reason is Refused.BAD_SIGNATURE
    assert json.loads(mb.refuse(asked, MMS, error).body)["resCode"] == "12"


@pytest.mark.parametrize(
    "mark", ['"realAmount":', '"storeLabel":', '"terminalLabel":', '"rate":', '"respDesc":']
)
def test_unsigned_fields_are_never_used(mark: str) -> None:
    assert read(request(altered(paid_qr(), mark)), MMS) == read(request(paid_qr()), MMS)


def test_what_was_not_paid_is_pending_and_stands_in_nobodys_way() -> None:
    failed = read(request(paid_qr(replace(ORDERED, state=MovementState.FAILED))), MMS)
    paid = read(request(paid_qr()), MMS)
    assert (failed.outcome, failed.unmapped_status) == (Outcome.PENDING, "99")
    assert failed.transaction_id == paid.transaction_id + ".pending"


def test_characters_moved_between_trace_and_bill_are_the_same_transaction() -> None:
    fields = json.loads(paid_qr().body)
    both = fields["traceTransfer"] + fields["billNumber"]
    true = read(flat(fields), MMS)
    for cut in range(1, len(both)):
        moved = fields | {"traceTransfer": both[:cut], "billNumber": both[cut:]}
        assert read(flat(moved), MMS).transaction_id == true.transaction_id


def test_digits_moved_between_date_and_amount_make_no_date() -> None:
    fields = json.loads(paid_qr().body)
    joined = fields["billNumber"] + fields["payDate"] + fields["debitAmount"]
    start = len(fields["billNumber"])
    for by in (-3, -2, -1, 1, 2, 3):
        cut = start + by
        moved = fields | {
            "billNumber": joined[:cut],
            "payDate": joined[cut : cut + 14],
            "debitAmount": joined[cut + 14 :],
        }
        assert mb.checksum(moved, "dummy_secret") == fields["checkSum"]
        assert refusal(flat(moved), MMS).reason is Refused.BAD_FIELD


def test_an_mms_push_comes_only_from_the_banks_network() -> None:
    asked = request(paid_qr())
    error = refusal(replace(asked, remote_ip="192.0.2.1"), MMS)
    assert error.reason is Refused.FOREIGN_NETWORK
    assert mb.refuse(asked, MMS, error).status == 403
    nobody = replace(MMS, settings={"push": "mms"})
    assert refusal(asked, nobody).reason is Refused.FOREIGN_NETWORK


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (OK, "00"),
        (replace(OK, kind=VerdictKind.UNKNOWN_REFERENCE), "00"),
        (replace(OK, kind=VerdictKind.AMOUNT_DIFFERS), "00"),
        (replace(OK, duplicate=True), "20"),
        (replace(OK, kind=VerdictKind.CONFLICT), "99"),
    ],
)
def test_codes_of_the_reply(verdict: Verdict, code: str) -> None:
    reply = mb.acknowledge(request(paid_qr()), MMS, [verdict])
    notified = json.loads(reply.body)
    assert (reply.status, notified["resCode"]) == (200, code)
    assert list(notified) == list(VECTOR["response"])
    if code == "00":
        assert notified == VECTOR["response"]
    assert mb.acknowledge(request(paid_qr()), MMS, []).status == 503


@pytest.mark.parametrize(
    ("reason", "field", "status", "code"),
    [
        (Refused.BAD_SIGNATURE, "checkSum", 200, "12"),
        (Refused.NOT_FOUND, "account_key", 200, "07"),
        (Refused.MISSING_FIELD, "billNumber", 200, "02"),
        (Refused.BAD_FIELD, "billNumber", 200, "02"),
        (Refused.BAD_FIELD, "payDate", 400, "99"),
        (Refused.MALFORMED, "", 400, "99"),
        (Refused.WRONG_CONTENT_TYPE, "", 400, "99"),
        (Refused.TOO_LARGE, "", 413, "99"),
        (Refused.BUSY, "access_key", 503, "99"),
    ],
)
def test_refusals(reason: Refused, field: str, status: int, code: str) -> None:
    reply = mb.refuse(request(paid_qr()), None, RefusedError(reason, field))
    assert (reply.status, json.loads(reply.body)["resCode"]) == (status, code)


@pytest.mark.parametrize(
    "field", ["traceTransfer", "billNumber", "payDate", "debitAmount", "respCode"]
)
def test_a_forgotten_field_is_refused(field: str) -> None:
    error = refusal(request(paid_qr(leave_out=field)), MMS)
    assert (error.reason, error.field) == (Refused.MISSING_FIELD, field)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*sorted(VECTOR["request"]), "checkSum"]), JSON))
def test_any_signed_json_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    fields = VECTOR["request"] | changes
    with contextlib.suppress(RefusedError):
        fields["checkSum"] = mb.checksum(fields, "dummy_secret")
    with contextlib.suppress(RefusedError):
        notice = read(flat(fields), MMS)
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.transaction_id
        assert len(notice.fingerprint()) == 32


@given(st.dictionaries(st.sampled_from(sorted([*json.loads(PUSHED.body), "va"])), JSON))
def test_any_sync_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    body = json.dumps(json.loads(PUSHED.body) | changes).encode()
    with contextlib.suppress(RefusedError):
        notice = read(replace(request(PUSHED), body=body))
        assert 1 <= notice.amount_vnd <= 10**12
        assert len(notice.fingerprint()) == 32


@given(st.binary(max_size=300))
def test_any_bytes_only_ever_raise_a_refusal(body: bytes) -> None:
    for asked, account in ((request(PUSHED), SYNC), (request(paid_qr()), MMS)):
        with contextlib.suppress(RefusedError):
            mb.read(replace(asked, body=body), account)
