"""What strangers with the public documents tried: proofs of their own making, and bytes that break replies."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from support.review_school import NOW, ORDER, account_of, received

from adapters.contract import (
    MerchantAccount,
    Outcome,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import dvcqg, momo, onepay, payos, viettelmoney
from adapters.providers.dvcqg.message import code_of, confirmed_values
from adapters.wire import expect_network, json_reply
from sandbox.provider import Message

REFERENCE = "HP7K2M9QX4TB"


def posted(fields: dict[str, str], path: str = "") -> Request:
    """A form, as Viettel Money posts it."""
    return Request(
        method="POST",
        path=path,
        query=b"",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode(fields).encode(),
        received_at=NOW,
    )


@pytest.mark.parametrize("path", ["", "/confirm"])
@pytest.mark.parametrize("reason", list(Refused))
def test_a_refusal_of_viettel_money_signs_nothing_for_a_stranger(
    reason: Refused, path: str
) -> None:
    """A signed refusal is code + merchant + order_id: with the right order_id, a whole paid result."""
    account = account_of("viettelmoney")
    merchant = account.settings["merchant_code"]
    for code in ("01", "02", "03"):
        order = f"{code}{merchant}{REFERENCE}"
        bill = viettelmoney.bill_code(order, 50_000)
        rest = f"{bill}{merchant}{order}1500001"
        wanted = rest.removeprefix(code + merchant)
        assert len(wanted) <= 64
        reply = viettelmoney.refuse(
            posted({"order_id": wanted, "check_sum": "AAAA"}, path), account, RefusedError(reason)
        )
        result = {
            "billcode": bill,
            "merchant_code": merchant,
            "order_id": order,
            "payment_status": "1",
            "trans_amount": "50000",
            "vt_transaction_id": "1",
            "check_sum": json.loads(reply.body)["check_sum"],
        }
        with pytest.raises(RefusedError) as caught:
            viettelmoney.read(posted(result), account)
        assert caught.value.reason is Refused.BAD_SIGNATURE


def test_a_lone_surrogate_under_a_genuine_code_does_not_break_the_answer() -> None:
    account = account_of("dvcqg")
    message = {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": "00",
        "MaDoiTac": account.settings["partner_code"],
        "MaThamChieu": "HP7K2M9QX4TB00",
        "SoTien": "1000",
        "MaTienTe": "VND",
        "MaGiaoDich": "1",
        "MaNganHang": "X",
        "ThoiGianGD": "\ud800",
        "ThongTinGiaoDich": "",
    }
    message["MaXacThuc"] = code_of(confirmed_values(message, account), account)
    body = json.dumps(message).encode()
    request = received(Message(headers=(("content-type", "application/json"),), body=body))
    dvcqg.read(request, account)
    verdict = Verdict(kind=VerdictKind.RECORDED, record_id="1")
    reply = dvcqg.acknowledge(request, account, [verdict])
    assert json.loads(reply.body)["ThoiGianGD"] == "\ud800"
    assert json_reply(200, {"a": "\ud800ệ"}).body == '{"a":"\\ud800ệ"}'.encode()


@pytest.mark.parametrize("command", ["refund", "Refund", "captureRefund", "voidPurchase"])
def test_what_onepay_says_of_a_refund_is_no_payment(command: str) -> None:
    account = account_of("onepay")
    fields = {
        "vpc_Command": command,
        "vpc_MerchTxnRef": "HP7K2M9QX4TB00",
        "vpc_Merchant": account.settings["merchant"],
        "vpc_Amount": "100000",
        "vpc_TransactionNo": "77",
        "vpc_TxnResponseCode": "0",
    }
    fields["vpc_SecureHash"] = onepay.secure_hash(fields, account)
    request = Request(
        method="GET",
        path="",
        query=urlencode(fields).encode(),
        headers={},
        body=b"",
        received_at=NOW,
    )
    (notice,) = onepay.read(request, account).items
    assert (notice.outcome, notice.unmapped_status) == (Outcome.PENDING, f"{command}/0")
    assert notice.transaction_id == "HP7K2M9QX4TB00.77.pending"


def test_a_name_of_payos_that_holds_other_names_is_refused() -> None:
    """The raw join lets a name swallow its neighbours, as a value could."""
    account = account_of("payos")
    key = account.secrets["checksum_key"]
    genuine = {
        "accountNumber": "1",
        "amount": 3_000,
        "code": "05",
        "description": "x&orderCode=9&paymentLinkId=L",
        "orderCode": 1,
        "paymentLinkId": "K",
    }
    forged = {
        "accountNumber": "1",
        "amount": 3_000,
        "code": "05",
        "description": "x",
        "orderCode": 9,
        "paymentLinkId": "L",
        "paymentLinkId=L&orderCode": 1,
    }
    for data in (genuine, {**genuine, "description": "x", "note&amount": 1}, forged):
        signature = hmac.new(
            key.encode(),
            "&".join(f"{name}={value}" for name, value in sorted(data.items())).encode(),
            hashlib.sha256,
        ).hexdigest()
        body = json.dumps({"data": data, "signature": signature}).encode()
        message = Message(headers=(("content-type", "application/json"),), body=body)
        with pytest.raises(RefusedError) as caught:
            payos.read(received(message), account)
        assert caught.value.reason is Refused.MALFORMED


def test_a_long_reference_of_momo_is_refused_at_once() -> None:
    """Nested repetition would try 2**48 ways to read it."""
    with pytest.raises(ValueError, match="merchant_reference"):
        momo.create(replace(ORDER, merchant_reference="a" * 49 + "!"), account_of("momo"))
    for reference in ("a" * 50, "a-b_c.d", "a--b", "A"):
        assert momo.create(replace(ORDER, merchant_reference=reference), account_of("momo"))
    with pytest.raises(ValueError, match="merchant_reference"):
        momo.create(replace(ORDER, merchant_reference="-a"), account_of("momo"))


@pytest.mark.parametrize(
    ("sender", "is_taken"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("::ffff:11.1.2.3", False), ("", False)],
)
def test_a_network_is_known_by_a_socket_of_both_families(sender: str, is_taken: bool) -> None:
    asked = Request(
        method="POST",
        path="",
        query=b"",
        headers={},
        body=b"",
        received_at=datetime(2026, 9, 10, tzinfo=UTC),
        remote_ip=sender,
    )
    account = MerchantAccount(account_key="k", secrets={}, settings={"networks": "10.0.0.0/8"})
    if is_taken:
        expect_network(asked, account)
    else:
        with pytest.raises(RefusedError):
            expect_network(asked, account)
