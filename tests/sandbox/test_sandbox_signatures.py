"""The sandbox signs like the providers: held against their vectors, then against our own doors."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from support.paths import VECTORS

from sandbox import sepay, vietqrvn
from sandbox.bank import VIETCOMBANK_BIN, VIETNAM, Bank, BankAccount
from sandbox.pages import movement_of
from sandbox.provider import Call, Merchant, Message, Movement, OrderRefusedError, PayPage
from sandbox.vnpay import VnpayServer, signed_query, verified_fields

SEPAY = json.loads((VECTORS / "sepay.json").read_text())
VIETQRVN = json.loads((VECTORS / "vietqrvn.json").read_text())
VNPAY = json.loads((VECTORS / "vnpay.json").read_text())
SIGNED = [v for v in VNPAY["vectors"] if v.get("hash_data") and v["name"] != "pay-special"]
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=VIETNAM)


def came_in(amount_vnd: int, content: str) -> Movement:
    bank = Bank([BankAccount(bin=VIETCOMBANK_BIN, number="001", holder="TRUONG")])
    return movement_of(bank.book("001", amount_vnd, content, NOON))


def school_at(provider: str, **secrets: str) -> Merchant:
    return Merchant(
        provider=provider,
        ipn_url="http://school.test/ipn",
        account_number="001",
        settings={},
        secrets=secrets,
    )


async def sepay_message(movement: Movement) -> Message:
    async with httpx.AsyncClient() as client:
        return await sepay.message(client, movement, school_at("sepay", hmac_secret="secret"))


async def vietqrvn_message(movement: Movement, seen: list[httpx.Request]) -> Message:
    """What is told under a token of a school that gives "tok" to whoever asks; `seen` is who asked."""

    def give(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"access_token": "tok"})

    school = school_at("vietqrvn", username="school-user", password="school-pass")
    async with httpx.AsyncClient(transport=httpx.MockTransport(give)) as client:
        return await vietqrvn.message(client, movement, school)


def test_sepay_signs_the_published_formula() -> None:
    vector = SEPAY["hmac_vector"]
    said = sepay.signature(vector["secret"], vector["timestamp"], vector["raw_body"].encode())
    assert said == vector["X-SePay-Signature"]


async def test_sepay_sends_the_signature_of_the_body_it_sends() -> None:
    sent = await sepay_message(came_in(1_000, "Nộp học phí"))
    headers = dict(sent.headers)
    said = sepay.signature("secret", headers["X-SePay-Timestamp"], sent.body)
    assert headers["X-SePay-Signature"] == said


async def test_sepay_body_has_the_documented_fields() -> None:
    movement = came_in(2_277_000, "chuyen tien")
    message = json.loads((await sepay_message(movement)).body)
    assert message.keys() == SEPAY["official_doc_payload"].keys()
    assert (message["transferType"], message["transferAmount"]) == ("in", 2_277_000)
    assert message["transactionDate"] == "2026-11-21 12:00:00"
    assert message["referenceCode"] == movement.bank_transaction_id != ""


async def test_a_debit_goes_out_as_a_positive_amount() -> None:
    debit = replace(came_in(11_000, "phi"), amount_vnd=-11_000)
    message = json.loads((await sepay_message(debit)).body)
    assert (message["transferType"], message["transferAmount"]) == ("out", 11_000)
    message = json.loads((await vietqrvn_message(debit, [])).body)
    assert (message["transType"], message["amount"]) == ("D", 11_000)


async def test_vietqrvn_asks_and_speaks_as_in_the_vectors() -> None:
    seen: list[httpx.Request] = []
    sent = await vietqrvn_message(came_in(25_000, "QR VQR712a7d45ea"), seen)
    token, sync = VIETQRVN["token"]["request"], VIETQRVN["sync"]
    [asked] = seen
    assert (asked.method, asked.url.path) == (token["method"], f"/ipn{token['path']}")
    assert asked.headers["Authorization"] == token["headers"]["Authorization"]
    assert asked.content == token["body"].encode()
    assert (sent.path, dict(sent.headers)["authorization"]) == (sync["request_path"], "Bearer tok")
    message = json.loads(sent.body)
    assert message.keys() == sync["request"].keys()
    assert (message["transType"], message["amount"]) == ("C", 25_000)
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


def order_query(hash_secret: str = "secret", **changes: str) -> str:
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
    return signed_query(fields, hash_secret)


def server_of(tmn_code: str, hash_secret: str) -> VnpayServer:
    school = school_at("vnpay", hash_secret=hash_secret)
    return VnpayServer([replace(school, settings={"tmn_code": tmn_code})])


def opened(server: VnpayServer, query: str, at: datetime = NOON) -> PayPage:
    return server.open_order(Call(method="GET", path="/pay", query=query, headers={}, body=b""), at)


def asked(server: VnpayServer, body: bytes, at: datetime = NOON) -> dict[str, str]:
    reply = server.answer(Call(method="POST", path="/query", query="", headers={}, body=body), at)
    assert reply.status == 200
    answer: dict[str, str] = json.loads(reply.body)
    return answer


def test_vnpay_opens_a_genuine_order() -> None:
    shown = opened(server_of("HOASEN01", "secret"), order_query())
    assert (shown.amount_vnd, shown.info) == (986_000, "Thanh toan HP0123456789")
    assert "HP012345678900" in shown.order_id


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
    server = server_of("HOASEN01", "secret")
    with pytest.raises(OrderRefusedError, match=says):
        opened(server, query, at)
    assert not server.held


def test_a_second_press_finds_the_first_transaction_and_money_counts_once() -> None:
    server = server_of("HOASEN01", "secret")
    order = opened(server, order_query()).order_id
    first = server.decide(order, is_paid=True, at=NOON)
    assert server.decide(order, is_paid=False, at=NOON + timedelta(seconds=1)) == first
    assert server.movements == [first.movement]
    assert first.movement.amount_vnd == 986_000
    back = dict(parse_qsl(urlsplit(first.return_url).query))
    assert (back["vnp_ResponseCode"], back["vnp_TransactionStatus"]) == ("00", "00")


def test_a_cancelled_order_collects_nothing() -> None:
    server = server_of("HOASEN01", "secret")
    order = opened(server, order_query()).order_id
    decided = server.decide(order, is_paid=False, at=NOON)
    assert server.movements == []
    back = dict(parse_qsl(urlsplit(decided.return_url).query))
    assert (back["vnp_ResponseCode"], back["vnp_TransactionStatus"]) == ("24", "02")


def test_querydr_notifies_what_became_of_an_order() -> None:
    vector = next(v for v in VNPAY["vectors"] if v["name"].startswith("querydr"))
    question = vector["body"]
    body = json.dumps(question).encode()
    server = server_of(question["vnp_TmnCode"], vector["key"])
    assert "Invalid terminal" in asked(server, b'{"vnp_TmnCode": "X"}')["vnp_Message"]
    assert asked(server, b"[")["vnp_ResponseCode"] == "03"
    assert asked(server, body)["vnp_ResponseCode"] == "91"
    query = order_query(
        vector["key"],
        vnp_TmnCode=question["vnp_TmnCode"],
        vnp_TxnRef=question["vnp_TxnRef"],
        vnp_CreateDate=str(question["vnp_TransactionDate"]),
        vnp_Amount="1000000",
    )
    server.decide(opened(server, query).order_id, is_paid=True, at=NOON)
    assert asked(server, body)["vnp_ResponseCode"] == "94"
    tomorrow = NOON + timedelta(days=1)  # a vnp_RequestId is used up for its day
    answer = asked(server, body, tomorrow)
    assert (answer["vnp_ResponseCode"], answer["vnp_TransactionStatus"]) == ("00", "00")
    assert answer["vnp_Amount"] == "1000000"
    tampered = json.dumps(question | {"vnp_TxnRef": "another"}).encode()
    assert asked(server, tampered, tomorrow)["vnp_ResponseCode"] == "97"
