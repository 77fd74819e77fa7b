"""VietinBank: what its signature holds and what it does not, the signed replies, the question before."""

import asyncio
import contextlib
import itertools
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import IPN, LOOKUP
from adapters.contract import (
    Bill,
    Debt,
    Lookup,
    MerchantAccount,
    Notice,
    Notices,
    Outcome,
    Payee,
    Payer,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import vietinbank
from adapters.virtual import virtual_account
from core.kit.reference import make_reference
from sandbox import vietinbank as bank
from sandbox.keys import BANK, SCHOOL
from sandbox.provider import Merchant, Message, Movement, MovementState, altered, span

VECTORS = json.loads((VECTORS / "bank_direct.json").read_text(encoding="utf-8"))["vietinbank"]
DOCUMENTED = {vector["name"]: vector for vector in VECTORS["vectors"]}
SAMPLE = DOCUMENTED["doc-sample"]["request"]
NOW = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)
REFERENCE = make_reference(42, b"k" * 16)
PREFIX = "2NDV"
ACCOUNT = MerchantAccount(
    account_key="k1",
    secrets={
        "client_id": "the-bank",
        "client_secret": "a-secret-of-the-bank",
        "bank_public_keys": BANK.public_pem,
        "private_key": SCHOOL.private_pem,
    },
    settings={"provider_id": "9111", "va_prefix": PREFIX},
)
OPEN = replace(ACCOUNT, settings={**ACCOUNT.settings, "networks": "10.0.0.0/8"})
CERTAIN = replace(ACCOUNT, settings={**ACCOUNT.settings, "amount_boundary": "remark"})
DOCUMENTED_KEYS = replace(
    OPEN, secrets={**ACCOUNT.secrets, "bank_public_keys": VECTORS["test_public_key_pem"]}
)
MERCHANT = Merchant(
    provider="vietinbank",
    ipn_url="http://school.test/ipn/vietinbank/k1",
    account_number="116002680669",
    settings=ACCOUNT.settings,
    secrets=ACCOUNT.secrets,
)
MOVEMENT = Movement(
    sequence=1,
    amount_vnd=500_000,
    at=NOW,
    content="CK HOC PHI",
    account_number="116002680669",
    virtual_account=virtual_account(PREFIX, REFERENCE),
    bank_transaction_id="164T24200GKAJ7BY",
)
RECORDED = Verdict(kind=VerdictKind.RECORDED, record_id="7")
CLIENT = httpx.AsyncClient()


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


def flat(fields: dict[str, Any]) -> Request:
    headers = {
        "content-type": "application/json",
        "x-ibm-client-id": "the-bank",
        "x-ibm-client-secret": "a-secret-of-the-bank",
    }
    return request(Message(headers=tuple(headers.items()), body=json.dumps(fields).encode()))


def resigned(**changes: Any) -> Request:
    """The documented notice on our virtual account with changes, signed after them."""
    fields = {**SAMPLE, "custCode": PREFIX + REFERENCE} | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    text = "".join(str(fields.get(name, "")) for name in vietinbank.SIGNED_FIELDS)
    return flat(fields | {"signature": BANK.sign(text.encode())})


async def notified(movement: Movement = MOVEMENT, leave_out: str = "") -> Message:
    return await bank.message(CLIENT, movement, MERCHANT, leave_out=leave_out)


def say(movement: Movement) -> Message:
    """The notifier's message in a test that hypothesis runs many times over."""
    return asyncio.run(notified(movement))


def read(asked: Request, account: MerchantAccount = ACCOUNT) -> Notice:
    notices = vietinbank.read(asked, account)
    assert isinstance(notices, Notices)
    (notice,) = notices.items
    return notice


def refusal(asked: Request, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        vietinbank.read(asked, account)
    return caught.value


def test_it_stands_in_the_registry() -> None:
    assert IPN["vietinbank"] is vietinbank
    assert LOOKUP["vietinbank"] is vietinbank


@pytest.mark.parametrize("name", ["doc-sample", "missing-bankTransId"])
def test_the_documented_notices(name: str) -> None:
    vector = DOCUMENTED[name]
    assert vietinbank.signed_text(vector["request"]) == vector["signed_string"].encode()
    assert read(flat(vector["request"]), DOCUMENTED_KEYS) == Notice(
        transaction_id="501690869",
        outcome=Outcome.PAID,
        amount_vnd=875_800,
        paid_at=datetime(2024, 2, 1, 7, 6, 34, tzinfo=UTC),
        content="CT DEN:164T24200GKAJ7BY CK",
        bank_transaction_id=vector["request"].get("bankTransId", ""),
        is_provisional=True,
    )
    assert refusal(flat(vector["request"])).reason is Refused.BAD_SIGNATURE  # not the sandbox's key


def test_the_documented_reply_is_what_we_sign() -> None:
    vector = DOCUMENTED["ack-success"]
    reply = vietinbank.acknowledge(resigned(), ACCOUNT, [RECORDED])
    ours = json.loads(reply.body)
    assert list(ours) == list(vector["response"])
    assert ours | {"signature": ""} == vector["response"] | {"signature": ""}
    assert SCHOOL.has_signed(vector["signed_string"].encode(), ours["signature"])
    documented = replace(
        ACCOUNT,
        secrets={**ACCOUNT.secrets, "bank_public_keys": VECTORS["test_public_key_pem"]},
    )
    assert vietinbank.is_signed(
        documented, vector["signed_string"].encode(), vector["response"]["signature"]
    )


async def test_a_notice_on_our_virtual_account() -> None:
    assert read(request(await notified())) == Notice(
        transaction_id="500000001",
        outcome=Outcome.PAID,
        amount_vnd=500_000,
        paid_at=NOW,
        content="CT DEN:164T24200GKAJ7BY CK HOC PHI",
        merchant_reference=REFERENCE,
        bank_transaction_id="164T24200GKAJ7BY",
        is_provisional=True,
    )


movements = st.builds(
    Movement,
    sequence=st.integers(0, 2**32 - 1),
    amount_vnd=st.integers(1, 10**12),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001
        lambda when: when.replace(microsecond=0, tzinfo=UTC)
    ),
    content=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=150),
    virtual_account=st.integers(0, 2**40 - 1).map(
        lambda number: virtual_account(PREFIX, make_reference(number, b"k" * 16))
    ),
    bank_transaction_id=st.from_regex(r"[0-9A-Z]{0,16}", fullmatch=True),
)


@settings(max_examples=50)
@given(movements)
def test_what_the_bank_says_is_what_is_read(movement: Movement) -> None:
    notice = read(request(say(movement)), CERTAIN)
    assert notice.amount_vnd == movement.amount_vnd
    assert notice.paid_at == movement.at
    assert PREFIX + notice.merchant_reference == movement.virtual_account
    assert notice.content.endswith(movement.content)
    assert not notice.is_provisional


@given(mark=st.sampled_from(bank.SIGNED), at=st.integers(0, 400))
def test_a_changed_signed_character_is_refused(mark: str, at: int) -> None:
    changed = refusal(request(altered(say(MOVEMENT), mark, at)))
    assert changed.reason in (Refused.BAD_SIGNATURE, Refused.UNAUTHENTICATED)


@given(mark=st.sampled_from(bank.UNSIGNED), at=st.integers(0, 40))
def test_a_changed_unsigned_character_changes_nothing(mark: str, at: int) -> None:
    assert read(request(altered(say(MOVEMENT), mark, at))) == read(request(say(MOVEMENT)))


@pytest.mark.parametrize(
    "changes",
    [
        {"recvAcctId": "999"},
        {"recvVirtualAcctId": "2NDVHP0000000000"},
        {"recvAcctName": "X"},
        {"transType": "C"},
        {"transType": "O"},
        {"sendBankId": "970436"},
    ],
)
def test_unsigned_fields_are_never_used(changes: dict[str, str]) -> None:
    notice = read(resigned(**changes))
    assert notice == read(resigned())
    assert notice.payee_account == ""


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"providerId": "9112"}, Refused.WRONG_MERCHANT, "providerId"),
        ({"currencyCode": "USD"}, Refused.BAD_FIELD, "currencyCode"),
        ({"transType": "D"}, Refused.BAD_FIELD, "transType"),
        ({"msgId": None}, Refused.MISSING_FIELD, "msgId"),
        ({"providerId": None}, Refused.MISSING_FIELD, "providerId"),
        ({"transId": None}, Refused.MISSING_FIELD, "transId"),
        ({"transTime": None}, Refused.MISSING_FIELD, "transTime"),
        ({"transType": None}, Refused.MISSING_FIELD, "transType"),
        ({"amount": None}, Refused.MISSING_FIELD, "amount"),
        ({"remark": None}, Refused.MISSING_FIELD, "remark"),
        ({"currencyCode": None}, Refused.MISSING_FIELD, "currencyCode"),
        ({"transId": "50169 869"}, Refused.BAD_FIELD, "transId"),
        ({"transId": "A01690869"}, Refused.BAD_FIELD, "transId"),
        ({"transId": "5" * 51}, Refused.BAD_FIELD, "transId"),
        ({"transTime": "2024020114063"}, Refused.BAD_FIELD, "transTime"),
        ({"transTime": "202402011406345"}, Refused.BAD_FIELD, "transTime"),
        ({"transTime": "20241301140634"}, Refused.BAD_FIELD, "transTime"),
        ({"transTime": "２0240201140634"}, Refused.BAD_FIELD, "transTime"),
        ({"amount": "0"}, Refused.BAD_FIELD, "amount"),
        ({"amount": "0875800"}, Refused.BAD_FIELD, "amount"),
        ({"amount": "-875800"}, Refused.BAD_FIELD, "amount"),
        ({"amount": "875800.00"}, Refused.BAD_FIELD, "amount"),
        ({"amount": "８75800"}, Refused.BAD_FIELD, "amount"),
        ({"amount": str(10**12 + 1)}, Refused.BAD_FIELD, "amount"),
    ],
)
def test_a_signed_notice_with_a_broken_field_is_refused_and_the_reply_signed(
    changes: dict[str, Any], reason: Refused, field: str
) -> None:
    asked = resigned(**changes)
    error = refusal(asked)
    assert (error.reason, error.field) == (reason, field)
    reply = vietinbank.refuse(asked, ACCOUNT, error)
    assert reply.status == 400
    assert json.loads(reply.body)["errorCode"] == "99"
    assert bank.is_signed_reply(reply.body, SCHOOL)


@pytest.mark.parametrize("name", ["x-ibm-client-id", "x-ibm-client-secret"])
@pytest.mark.parametrize("value", ["", "wrong", "é"])
def test_nobody_without_the_credentials(name: str, value: str) -> None:
    good = resigned()
    error = refusal(replace(good, headers={**good.headers, name: value}))
    assert error.reason is Refused.UNAUTHENTICATED


@pytest.mark.parametrize("name", vietinbank.SECRETS)
@pytest.mark.parametrize("value", ["", "no key"])
def test_an_incomplete_account_opens_no_door(name: str, value: str) -> None:
    account = replace(ACCOUNT, secrets={**ACCOUNT.secrets, name: value})
    error = refusal(resigned(), account)
    expected = Refused.UNAUTHENTICATED if value and name.startswith("client") else Refused.BUSY
    assert error.reason is expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("provider_id", ""),
        ("va_prefix", "TOO-LONG-A-PREFIX"),
        ("trans_id_length", "nine"),
        ("amount_boundary", "perhaps"),
    ],
)
def test_a_wrong_setting_is_our_fault(name: str, value: str) -> None:
    account = replace(ACCOUNT, settings={**ACCOUNT.settings, name: value})
    error = refusal(resigned(), account)
    assert (error.reason, error.field) == (Refused.BUSY, name)
    assert vietinbank.refuse(resigned(), account, error).status == 503


def test_any_key_of_the_bank_holds_while_it_changes_them() -> None:
    both = VECTORS["test_public_key_pem"] + "\n" + BANK.public_pem
    account = replace(OPEN, secrets={**ACCOUNT.secrets, "bank_public_keys": both})
    assert read(resigned(), account).merchant_reference == REFERENCE
    assert read(flat(SAMPLE), account).amount_vnd == 875_800
    half = both.replace("-----END PUBLIC KEY-----", "", 1)
    broken = replace(OPEN, secrets={**ACCOUNT.secrets, "bank_public_keys": half})
    assert refusal(resigned(), broken).field == "bank_public_keys"


def test_our_own_key_is_not_the_banks() -> None:
    fields = json.loads(resigned().body)
    text = "".join(fields.get(name, "") for name in vietinbank.SIGNED_FIELDS)
    forged = flat(fields | {"signature": SCHOOL.sign(text.encode())})
    assert refusal(forged).reason is Refused.BAD_SIGNATURE


# Moved boundaries: the signature holds, the meaning must not change.


def moved(fields: dict[str, str], left: str, right: str, by: int) -> dict[str, str]:
    """`by` characters given from `left` to its neighbour (below zero: taken from it)."""
    both = fields.get(left, "") + fields.get(right, "")
    cut = len(fields.get(left, "")) - by
    return fields | {left: both[:cut], right: both[cut:]}


@pytest.mark.parametrize("by", [n for n in range(-14, 15) if n])
@pytest.mark.parametrize(
    ("left", "right"), [("transId", "transTime"), ("transTime", "custCode"), ("custCode", "amount")]
)
@pytest.mark.parametrize("account", [ACCOUNT, CERTAIN])
def test_what_stands_before_the_amount_cannot_be_moved(
    left: str, right: str, by: int, account: MerchantAccount
) -> None:
    genuine = json.loads(resigned().body)
    changed = moved(genuine, left, right, by)
    assert vietinbank.signed_text(changed) == vietinbank.signed_text(genuine)
    if changed != genuine:
        refusal(flat(changed), account)


@settings(max_examples=300)
@given(st.data())
def test_no_way_to_cut_the_signed_text_gives_another_reading(data: st.DataObject) -> None:
    """Cut the signed text anywhere: what is read has our transId, time and code; the amount alone may
    differ, and then it is provisional."""
    genuine = json.loads(resigned().body)
    text = vietinbank.signed_text(genuine).decode()
    lengths = [len(genuine[name]) for name in vietinbank.SIGNED_FIELDS]
    places = [sum(lengths[:n]) for n in range(1, 6)]
    cuts = sorted(
        data.draw(st.one_of(st.just(place), st.integers(place - 3, place + 3), st.integers(0, len(text))))
        for place in places
    )  # fmt: skip
    edges = [0, *(max(0, min(cut, len(text))) for cut in cuts), len(text)]
    parts = [text[a:b] for a, b in itertools.pairwise(edges)]
    changed = genuine | dict(zip(vietinbank.SIGNED_FIELDS, parts, strict=True))
    true = read(flat(genuine))
    for account in (ACCOUNT, CERTAIN):
        try:
            notice = read(flat(changed), account)
        except RefusedError:
            continue
        assert notice.transaction_id == true.transaction_id
        assert notice.paid_at == true.paid_at
        assert notice.merchant_reference == true.merchant_reference
        assert notice.amount_vnd == true.amount_vnd or notice.is_provisional


def test_a_memo_that_imitates_a_notice_is_only_a_memo() -> None:
    memo = f"20260910090000{PREFIX}{REFERENCE}99000000X ck"
    genuine = json.loads(resigned(remark=memo, bankTransId="").body)
    text = vietinbank.signed_text(genuine).decode()
    at = text.index(memo)
    forged = genuine | {
        "transId": text[:at],
        "transTime": memo[:14],
        "custCode": PREFIX + REFERENCE,
        "amount": "99000000",
        "bankTransId": "",
        "remark": "X ck",
    }
    assert vietinbank.signed_text(forged) == vietinbank.signed_text(genuine)
    assert refusal(flat(forged)).field == "transId"


def test_the_amounts_end_is_provisional_until_the_remark_repeats_the_banks_number() -> None:
    genuine = json.loads(resigned().body)
    inflated = moved(genuine, "amount", "bankTransId", -3)
    assert inflated["amount"] == "875800164"
    assert read(flat(inflated)).is_provisional
    assert read(flat(genuine)).is_provisional
    assert read(flat(inflated), CERTAIN).is_provisional
    assert not read(flat(genuine), CERTAIN).is_provisional
    # the same transaction, so that the second of the two is a contradiction, never a second payment
    assert read(flat(inflated)).transaction_id == read(flat(genuine)).transaction_id
    assert read(flat(inflated)).fingerprint() != read(flat(genuine)).fingerprint()


@pytest.mark.parametrize(
    "changes",
    [
        {"bankTransId": ""},
        {"remark": "CK"},
        {"remark": "CT DEN:164T24200GKAJ7B CK"},
        {"remark": "CT DEN:164T24200GKAJ7BYCK"},
        {"remark": " CT DEN:164T24200GKAJ7BY"},
        {"bankTransId": "A B", "remark": "CT DEN:A B CK"},
        {"bankTransId": "A:B", "remark": "CT DEN:A:B CK"},
    ],
)
def test_a_remark_of_another_form_makes_nothing_certain(changes: dict[str, str]) -> None:
    assert read(resigned(**changes), CERTAIN).is_provisional


def test_letters_in_transid_only_where_its_length_is_fixed() -> None:
    account = replace(ACCOUNT, settings={**ACCOUNT.settings, "trans_id_length": "9"})
    assert read(resigned(transId="A01690869"), account).transaction_id == "A01690869"
    for wrong in ("A0169086", "A016908690", "A0169086!"):
        assert refusal(resigned(transId=wrong), account).field == "transId"


# Without a custCode of ours nothing signed tells the direction.


@pytest.mark.parametrize(
    "code", [None, "", "2NDVNDV24012358711", PREFIX + "HOCPHITHANG9", REFERENCE]
)
def test_a_foreign_code_is_believed_only_from_the_banks_network(code: str | None) -> None:
    asked = resigned(custCode=code)
    error = refusal(asked)
    assert error.reason is Refused.FOREIGN_NETWORK
    assert vietinbank.refuse(asked, ACCOUNT, error).status == 403
    assert refusal(replace(asked, remote_ip="192.0.2.1"), OPEN).reason is Refused.FOREIGN_NETWORK
    notice = read(asked, replace(OPEN, settings={**OPEN.settings, "amount_boundary": "remark"}))
    assert notice.merchant_reference == ""
    assert notice.is_provisional


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("C", Outcome.PAID),
        ("3", Outcome.PAID),
        ("COLLECTION", Outcome.PAID),
        ("D", Outcome.OUTGOING),
        ("O", Outcome.PENDING),
        ("1", Outcome.PENDING),
        ("2", Outcome.PENDING),
        ("c", Outcome.PENDING),
    ],
)
def test_types_outside_virtual_accounts(kind: str, outcome: Outcome) -> None:
    notice = read(resigned(custCode=None, transType=kind), OPEN)
    assert notice.outcome is outcome
    assert notice.unmapped_status == (kind if outcome is Outcome.PENDING else "")
    paid = read(resigned(custCode=None, transType="C"), OPEN)
    assert (notice.transaction_id == paid.transaction_id) is (outcome is Outcome.PAID)


# Replies.


@pytest.mark.parametrize("kind", [kind for kind in VerdictKind if kind is not VerdictKind.CONFLICT])
def test_codes_of_the_reply(kind: VerdictKind) -> None:
    for verdict, code in (
        (replace(RECORDED, kind=kind), "00"),
        (replace(RECORDED, kind=kind, duplicate=True), "05"),
    ):
        reply = vietinbank.acknowledge(resigned(), ACCOUNT, [verdict])
        assert (reply.status, json.loads(reply.body)["errorCode"]) == (200, code)
        assert bank.is_signed_reply(reply.body, SCHOOL)
        assert reply == vietinbank.acknowledge(resigned(), ACCOUNT, [verdict])
        assert bank.is_final(httpx.Response(reply.status, content=reply.body))


def test_a_contradiction_and_no_verdict() -> None:
    conflict = replace(RECORDED, kind=VerdictKind.CONFLICT)
    reply = vietinbank.acknowledge(resigned(), ACCOUNT, [conflict])
    assert (reply.status, json.loads(reply.body)["errorCode"]) == (200, "99")
    assert bank.is_signed_reply(reply.body, SCHOOL)
    assert vietinbank.acknowledge(resigned(), ACCOUNT, []).status == 503


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        (Refused.BAD_SIGNATURE, 401, "01"),
        (Refused.UNAUTHENTICATED, 401, "99"),
        (Refused.MALFORMED, 400, "99"),
        (Refused.NOT_FOUND, 404, "99"),
        (Refused.TOO_LARGE, 413, "99"),
        (Refused.WRONG_CONTENT_TYPE, 415, "99"),
        (Refused.BUSY, 503, "99"),
    ],
)
def test_nobody_but_the_bank_gets_our_signature(reason: Refused, status: int, code: str) -> None:
    fields = json.loads(resigned().body)
    forged = flat(fields | {"transId": "50169086900"})
    for account in (ACCOUNT, None):
        reply = vietinbank.refuse(forged, account, RefusedError(reason, "signature"))
        body = json.loads(reply.body)
        assert (reply.status, body["errorCode"], body["signature"]) == (status, code, "")


def test_doors_that_are_not_there() -> None:
    good = resigned()
    assert refusal(replace(good, method="GET")).reason is Refused.NOT_FOUND
    assert refusal(replace(good, path="/notify")).reason is Refused.NOT_FOUND
    assert refusal(replace(good, body=b" " * 65_537)).reason is Refused.TOO_LARGE
    plain = {**good.headers, "content-type": "text/plain"}
    assert refusal(replace(good, headers=plain)).reason is Refused.WRONG_CONTENT_TYPE


async def test_a_forgotten_field_is_refused() -> None:
    for field in ("amount", "transId", "transTime", "remark", "providerId", "currencyCode"):
        asked = request(await notified(leave_out=field))
        assert refusal(asked).reason is Refused.MISSING_FIELD


async def test_the_bank_notifies_only_of_money_that_moved() -> None:
    with pytest.raises(ValueError, match="happened"):
        await notified(replace(MOVEMENT, state=MovementState.FAILED))


# The question before the payment.

BILL = Bill(
    reference=REFERENCE, amount_vnd=500_000, description="Hoc phi thang 9", due_on=date(2026, 9, 20)
)
DEBT = Debt(
    payer=Payer(name="NGUYEN M*** A***"),
    payee=Payee(
        unit_code="TH01",
        unit_name="Truong TH Hoa Sen",
        bank_bin="970415",
        account_number="116002680669",
        account_holder="TRUONG TH HOA SEN",
    ),
    bills=(BILL,),
    whole=BILL,
)


def question(number: str = PREFIX + REFERENCE) -> Request:
    return request(bank.question(MERCHANT, number, NOW))


def test_the_question_names_the_code() -> None:
    assert vietinbank.read(question(), ACCOUNT) == Lookup(REFERENCE)


@pytest.mark.parametrize("number", [PREFIX + "HS00017", REFERENCE, "2NDW" + REFERENCE, "x"])
def test_a_number_whose_money_could_not_be_placed_is_nobodys(number: str) -> None:
    assert vietinbank.read(question(number), ACCOUNT) == Lookup("")


def test_the_answer_says_what_is_owed() -> None:
    reply = vietinbank.answer_lookup(question(), ACCOUNT, DEBT)
    notified = json.loads(reply.body)
    assert reply.status == 200
    assert notified["header"]["msgType"] == "1110"
    assert notified["header"]["msgId"] == f"{1:032x}"
    assert notified["data"]["errors"]["errorCode"] == "00"
    assert notified["data"]["details"] == {
        "transId": "700000001",
        "transTime": "20260910090000",
        "custCode": PREFIX + REFERENCE,
        "custName": "NGUYEN M*** A***",
        "billId": REFERENCE,
        "amount": "500000",
        "amountMin": "500000",
        "currencyCode": "VND",
    }
    assert bank.is_signed_answer(reply.body, SCHOOL)


@pytest.mark.parametrize("debt", [None, replace(DEBT, bills=(), whole=None)])
def test_nobody_and_nothing_owed_are_the_same_answer(debt: Debt | None) -> None:
    reply = vietinbank.answer_lookup(question(), ACCOUNT, debt)
    notified = json.loads(reply.body)
    assert (reply.status, notified["data"]["errors"]["errorCode"]) == (200, "02")
    assert notified["data"]["details"]["custName"] == ""
    assert bank.is_signed_answer(reply.body, SCHOOL)
    assert reply == vietinbank.answer_lookup(question(), ACCOUNT, None)


def test_a_question_is_signed_too() -> None:
    good = bank.question(MERCHANT, PREFIX + REFERENCE, NOW)
    for mark in ('"transId":', '"transTime":', '"custCode":', '"signature":'):
        _, start, end = span(good, mark)
        for at in range(end - start):
            asked = request(altered(good, mark, at))
            error = refusal(asked)
            assert error.reason is Refused.BAD_SIGNATURE
            reply = vietinbank.refuse(asked, ACCOUNT, error)
            assert reply.status == 401
            assert json.loads(reply.body)["data"]["errors"]["errorCode"] == "01"
    other = replace(MERCHANT, settings={**MERCHANT.settings, "provider_id": "9112"})
    foreign = request(bank.question(other, PREFIX + REFERENCE, NOW))
    assert refusal(foreign).reason is Refused.WRONG_MERCHANT


def test_a_question_is_no_notice() -> None:
    asked = question()
    assert refusal(replace(asked, path="")).reason is Refused.BAD_SIGNATURE
    assert refusal(replace(resigned(), path="/inq-customer")).reason is Refused.MALFORMED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(SAMPLE)), JSON))
def test_any_signed_json_is_a_sound_notice_or_refused(changes: dict[str, Any]) -> None:
    fields = json.loads(resigned().body) | changes
    with contextlib.suppress(RefusedError):
        fields["signature"] = BANK.sign(vietinbank.signed_text(fields))
    asked = flat(fields)
    try:
        notice = read(asked, OPEN)
    except RefusedError as error:
        vietinbank.refuse(asked, OPEN, error)
        return
    assert 1 <= notice.amount_vnd <= 10**12
    assert notice.transaction_id
    assert len(notice.fingerprint()) == 32


@given(JSON, st.sampled_from(["header", "data"]), st.text(max_size=20))
def test_any_question_only_ever_raises_a_refusal(value: Any, part: str, name: str) -> None:
    good = json.loads(question().body)
    for message in (good | {part: value}, good | {part: good[part] | {name: value}}):
        asked = replace(question(), body=json.dumps(message).encode())
        try:
            assert isinstance(vietinbank.read(asked, ACCOUNT), Lookup)
        except RefusedError as error:
            vietinbank.refuse(asked, ACCOUNT, error)
        else:
            assert bank.is_signed_answer(
                vietinbank.answer_lookup(asked, ACCOUNT, DEBT).body, SCHOOL
            )


@given(st.binary(max_size=300), st.text(max_size=60), st.sampled_from(["", "/inq-customer"]))
def test_any_bytes_and_headers_only_ever_raise_a_refusal(
    body: bytes, header: str, path: str
) -> None:
    good = replace(resigned(), path=path)
    for asked in (
        replace(good, body=body),
        replace(good, headers={**good.headers, "x-ibm-client-secret": header}),
    ):
        try:
            vietinbank.read(asked, ACCOUNT)
        except RefusedError as error:
            vietinbank.refuse(asked, ACCOUNT, error)
