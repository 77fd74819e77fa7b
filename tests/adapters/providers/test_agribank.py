"""Agribank's getbill and paybill: BIDV's model in variant B, whose codes and forms are told here."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import VECTORS

from adapters import IPN, LOOKUP
from adapters.contract import (
    Bill,
    Debt,
    Lookup,
    MerchantAccount,
    Notices,
    Payee,
    Payer,
    Refused,
    RefusedError,
    Reply,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import agribank, bidv
from sandbox import agribank as bank
from sandbox.provider import Merchant, Movement, altered
from sandbox.pullbill import question

VECTORS = json.loads((VECTORS / "bank_direct.json").read_text(encoding="utf-8"))["bidv"]
TABLE_B = VECTORS["result_codes"]["B (XHNV)"]
NOW = datetime(2024, 9, 5, 1, 30, tzinfo=UTC)
SETTINGS = {"service_id": "347002"}
SECRETS = {"secret": VECTORS["secret"]}
ACCOUNT = MerchantAccount(account_key="k1", secrets=SECRETS, settings=SETTINGS)
MERCHANT = Merchant(
    provider="agribank",
    ipn_url="http://school.test/ipn/agribank/k1",
    account_number="0011",
    settings=SETTINGS,
    secrets=SECRETS,
)
CLIENT = httpx.AsyncClient()
BILL = Bill(
    reference="BILL0001", amount_vnd=1_250_000, description="Hoc phi", due_on=date(2024, 9, 30)
)
DEBT = Debt(
    payer=Payer(name="Trường A Nguyễn Văn B 1.250.000"),
    payee=Payee(
        unit_code="TH01",
        unit_name="TRUONG A",
        bank_bin="970405",
        account_number="0011",
        account_holder="TRUONG A",
    ),
    bills=(BILL,),
    whole=BILL,
)


def call(path: str, body: bytes) -> Request:
    return Request(
        method="POST",
        path=path,
        query=b"",
        headers={"content-type": "application/json"},
        body=body,
        received_at=NOW,
    )


def code(reply: Reply) -> str:
    assert reply.status == 200
    notified = json.loads(reply.body)["result_code"]
    assert notified in TABLE_B
    assert isinstance(notified, str)
    return notified


def test_it_stands_in_both_registries_and_differs_in_what_is_usual() -> None:
    assert IPN["agribank"] is agribank
    assert LOOKUP["agribank"] is agribank
    assert agribank.NAME != bidv.NAME
    assert agribank.USUAL != bidv.USUAL
    assert set(agribank.SETTINGS) == set(bidv.SETTINGS)


def test_the_vectors_of_variant_b() -> None:
    asked = call("/getbill", json.dumps(VECTORS["getbill_request"]).encode())
    assert agribank.read(asked, ACCOUNT) == Lookup("HS240001")
    reply = agribank.answer_lookup(asked, ACCOUNT, DEBT)
    assert (reply.status, json.loads(reply.body)) == (200, VECTORS["getbill_response_B"])
    notified = call("/paybill", json.dumps(VECTORS["paybill_request"]).encode())
    read = agribank.read(notified, ACCOUNT)
    assert isinstance(read, Notices)
    assert read.items[0].amount_vnd == 1_250_000
    verdict = Verdict(kind=VerdictKind.RECORDED, record_id="7")
    reply = agribank.acknowledge(notified, ACCOUNT, [verdict])
    assert (reply.status, json.loads(reply.body)) == (200, VECTORS["paybill_response"])


def test_nobody_and_nothing_owed() -> None:
    asked = call("/getbill", question(MERCHANT, "HS240001").body)
    assert code(agribank.answer_lookup(asked, ACCOUNT, None)) == "017"
    nothing = Debt(payer=DEBT.payer, payee=DEBT.payee, bills=(), whole=None)
    assert code(agribank.answer_lookup(asked, ACCOUNT, nothing)) == "025"


@pytest.mark.parametrize(
    ("kind", "duplicate", "expected"),
    [
        (VerdictKind.RECORDED, False, "000"),
        (VerdictKind.RECORDED, True, "000"),
        (VerdictKind.AMOUNT_DIFFERS, False, "022"),
        (VerdictKind.ALREADY_PAID, False, "025"),
        (VerdictKind.UNKNOWN_REFERENCE, False, "017"),
        (VerdictKind.CONFLICT, False, "022"),
    ],
)
def test_by_code_the_table_is_notified(kind: VerdictKind, duplicate: bool, expected: str) -> None:
    account = MerchantAccount(
        account_key="k1", secrets=SECRETS, settings={**SETTINGS, "replies": "by_code"}
    )
    verdict = Verdict(kind=kind, record_id="7", duplicate=duplicate)
    assert code(agribank.acknowledge(call("/paybill", b"{}"), account, [verdict])) == expected
    if kind is not VerdictKind.CONFLICT:
        accepted = agribank.acknowledge(call("/paybill", b"{}"), ACCOUNT, [verdict])
        assert code(accepted) == "000"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Refused.MISSING_FIELD, "145"),
        (Refused.BAD_FIELD, "145"),
        (Refused.MALFORMED, "145"),
        (Refused.BAD_SIGNATURE, "007"),
        (Refused.UNAUTHENTICATED, "007"),
        (Refused.WRONG_MERCHANT, "020"),
        (Refused.NOT_FOUND, "020"),
        (Refused.BUSY, "096"),
    ],
)
def test_refusals(reason: Refused, expected: str) -> None:
    for account in (ACCOUNT, None):
        reply = agribank.refuse(call("/paybill", b""), account, RefusedError(reason, "x"))
        assert code(reply) == expected


@given(
    st.integers(1, 10**13 - 1),
    st.integers(1, 10**12),
    st.from_regex(r"HP[0-9A-HJKMNP-TV-Z]{10}", fullmatch=True),
    st.sampled_from(bank.SIGNED),
    st.integers(0, 40),
)
async def test_the_counters_word_is_read_and_not_when_altered(
    sequence: int, amount_vnd: int, reference: str, mark: str, at: int
) -> None:
    movement = Movement(
        sequence=sequence, amount_vnd=amount_vnd, at=NOW, merchant_reference=reference
    )
    message = await bank.message(CLIENT, movement, MERCHANT)
    read = agribank.read(call(message.path, message.body), ACCOUNT)
    assert isinstance(read, Notices)
    (notice,) = read.items
    assert (notice.amount_vnd, notice.merchant_reference) == (amount_vnd, reference)
    assert notice.paid_at == NOW
    with pytest.raises(RefusedError) as caught:
        agribank.read(call(message.path, altered(message, mark, at).body), ACCOUNT)
    assert caught.value.reason is Refused.BAD_SIGNATURE
