"""The sandbox signs like the providers: held against their vectors, then against our own doors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from sandbox.bank import MB_BIN, VIETCOMBANK_BIN, VIETNAM, Bank, BankAccount
from sandbox.pushes import basic_credentials, sepay_body, sepay_signature, vietqrvn_body
from sandbox.vnpay import (
    Order,
    OrderRefusedError,
    Terminal,
    Vnpay,
    signed_query,
    verified_fields,
)

VECTORS = Path(__file__).parents[1] / "vectors"
SEPAY = json.loads((VECTORS / "sepay.json").read_text())
VIETQRVN = json.loads((VECTORS / "vietqrvn.json").read_text())
VNPAY = json.loads((VECTORS / "vnpay.json").read_text())
SIGNED = [v for v in VNPAY["vectors"] if v.get("hash_data") and v["name"] != "pay-special"]
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=VIETNAM)


def bank() -> Bank:
    return Bank(
        [
            BankAccount(bin=VIETCOMBANK_BIN, number="001", holder="TRUONG", opening_vnd=5),
            BankAccount(bin=MB_BIN, number="002", holder="TRUONG"),
        ]
    )


def test_sepay_signs_the_published_formula() -> None:
    vector = SEPAY["hmac_vector"]
    body = vector["raw_body"].encode()
    assert (
        sepay_signature(vector["secret"], vector["timestamp"], body) == vector["X-SePay-Signature"]
    )


def test_sepay_body_has_the_documented_fields() -> None:
    entry = bank().book("001", 2_277_000, "chuyen tien", NOON)
    message = json.loads(sepay_body(entry, entry.amount_vnd, "Vietcombank"))
    assert message.keys() == SEPAY["official_doc_payload"].keys()
    assert (message["transferType"], message["transferAmount"]) == ("in", 2_277_000)
    assert message["transactionDate"] == "2026-11-21 12:00:00"
    assert message["referenceCode"] == entry.transaction_id


def test_a_debit_goes_out_as_a_positive_amount() -> None:
    entry = bank().book("001", -11_000, "phi", NOON)
    message = json.loads(sepay_body(entry, entry.amount_vnd, "Vietcombank"))
    assert (message["transferType"], message["transferAmount"]) == ("out", 11_000)
    assert json.loads(vietqrvn_body(entry, entry.amount_vnd))["transType"] == "D"


def test_vietqrvn_asks_and_speaks_as_in_the_vectors() -> None:
    asked = VIETQRVN["token"]["request"]["headers"]["Authorization"]
    assert basic_credentials("school-user", "school-pass") == asked
    entry = bank().book("002", 25_000, "QR VQR712a7d45ea", NOON)
    message = json.loads(vietqrvn_body(entry, entry.amount_vnd))
    assert message.keys() == VIETQRVN["sync"]["request"].keys()
    assert message["transactiontime"] == int(NOON.timestamp()) * 1000


@pytest.mark.parametrize("vector", SIGNED, ids=[v["name"] for v in SIGNED])
def test_vnpay_signs_like_its_own_library(vector: dict[str, Any]) -> None:
    params = {
        name: value
        for name, value in vector["params"].items()
        if name not in ("vnp_SecureHash", "vnp_SecureHashType")
    }
    expected = vector.get("vnp_SecureHash") or vector["params"].get("vnp_SecureHash")
    query = signed_query(params, vector["key"])
    assert query.rpartition("vnp_SecureHash=")[2] == expected
    assert verified_fields(query, vector["key"]) == {k: v for k, v in params.items() if v}
    assert verified_fields(query.replace("vnp_Amount=", "vnp_Amount=1"), vector["key"]) is None


def order_query(**changes: str) -> str:
    fields = {
        "vnp_Amount": "98600000",
        "vnp_Command": "pay",
        "vnp_CreateDate": "20261121120000",
        "vnp_CurrCode": "VND",
        "vnp_ExpireDate": "20261121121500",
        "vnp_IpAddr": "127.0.0.1",
        "vnp_Locale": "vn",
        "vnp_OrderInfo": "Thanh toan HP0123456789",
        "vnp_OrderType": "other",
        "vnp_ReturnUrl": "http://127.0.0.1:8000/pay/abc/return/vnpay",
        "vnp_TmnCode": "HOASEN01",
        "vnp_TxnRef": "HP012345678900",
        "vnp_Version": "2.1.0",
    } | changes
    return signed_query(fields, "secret")


def vnpay() -> Vnpay:
    return Vnpay(
        [Terminal(tmn_code="HOASEN01", ipn_url="http://127.0.0.1:1/ipn", hash_secret="secret")]
    )


def test_vnpay_opens_a_genuine_order() -> None:
    order = vnpay().open_order(order_query(), NOON)
    assert (order.amount_vnd, order.txn_ref) == (986_000, "HP012345678900")


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        (order_query().replace("98600000", "98600001"), NOON, "chữ ký"),
        (order_query(vnp_TmnCode="OTHER"), NOON, "website"),
        (order_query(vnp_Amount="98600050"), NOON, "không hợp lệ"),
        (order_query(vnp_Amount="-5"), NOON, "Số tiền"),
        (order_query(vnp_ReturnUrl=""), NOON, "vnp_ReturnUrl"),
        (order_query(), NOON + timedelta(minutes=16), "quá thời gian"),
    ],
)
def test_vnpay_refuses_what_is_not_genuine(query: str, at: datetime, says: str) -> None:
    with pytest.raises(OrderRefusedError, match=says):
        vnpay().open_order(query, at)


def test_a_second_press_finds_the_first_transaction_and_money_counts_once() -> None:
    counterpart = vnpay()
    order = counterpart.open_order(order_query(), NOON)
    first = counterpart.finish(order, NOON, is_paid=True)
    assert counterpart.finish(order, NOON, is_paid=False) is first
    assert counterpart.collected_vnd() == 986_000
    back = dict(parse_qsl(counterpart.return_url(first).partition("?")[2]))
    assert (back["vnp_ResponseCode"], back["vnp_TransactionStatus"]) == ("00", "00")


def test_a_cancelled_order_collects_nothing() -> None:
    counterpart = vnpay()
    order = counterpart.open_order(order_query(), NOON)
    assert not counterpart.finish(order, NOON, is_paid=False).is_paid
    assert counterpart.collected_vnd() == 0


def test_querydr_tells_what_became_of_an_order() -> None:
    counterpart = vnpay()
    vector = next(v for v in VNPAY["vectors"] if v["name"].startswith("querydr"))
    assert "Invalid terminal" in counterpart.answer_query(b'{"vnp_TmnCode": "X"}')["vnp_Message"]
    assert counterpart.answer_query(b"[")["vnp_ResponseCode"] == "03"
    known = Vnpay(
        [
            Terminal(
                tmn_code=vector["body"]["vnp_TmnCode"],
                ipn_url="http://x",
                hash_secret=vector["key"],
            )
        ]
    )
    order = Order(
        tmn_code=vector["body"]["vnp_TmnCode"],
        txn_ref=vector["body"]["vnp_TxnRef"],
        amount_vnd=10_000,
        info="x",
        return_url="http://x",
        created="20261121120000",
        locale="vn",
    )
    body = json.dumps(vector["body"]).encode()
    assert known.answer_query(body)["vnp_ResponseCode"] == "91"
    known.finish(order, NOON.astimezone(UTC), is_paid=True)
    answer = known.answer_query(body)
    assert (answer["vnp_ResponseCode"], answer["vnp_TransactionStatus"]) == ("00", "00")
    assert answer["vnp_Amount"] == "1000000"
    tampered = json.loads(body) | {"vnp_TxnRef": "another"}
    assert known.answer_query(json.dumps(tampered).encode())["vnp_ResponseCode"] == "97"
