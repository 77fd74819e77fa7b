"""The portal, both ways: vectors in both hash modes, every reply, every state, nothing unsigned trusted."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import SECRETS as world_secrets  # noqa: N811 - this module has its own
from support.factories import SETTINGS as world_settings  # noqa: N811
from support.factories import make_world
from support.paths import VECTORS
from support.serving import gateway_client

from adapters import CREATE, IPN, LOOKUP, QUERY, RECEIPT
from adapters.contract import (
    Answer,
    Bill,
    BillLine,
    Debt,
    Lookup,
    MerchantAccount,
    Notice,
    Notices,
    Order,
    OrderQuery,
    Outcome,
    OutgoingRequest,
    Payee,
    Payer,
    Procedure,
    Refused,
    RefusedError,
    Request,
    Verdict,
    VerdictKind,
)
from adapters.providers import dvcqg
from adapters.providers.dvcqg.inward import LOOKUP_FIELDS, RESULT_FIELDS
from adapters.providers.dvcqg.message import code_of
from adapters.providers.dvcqg.outward import FINES_ONLY, INIT_FIELDS
from core.kit.database import transaction
from sandbox import dvcqg as portal
from sandbox.provider import (
    Call,
    CallReply,
    Merchant,
    Message,
    Movement,
    MovementState,
    OrderRefusedError,
    altered,
)

VECTORS = json.loads((VECTORS / "dvcqg.json").read_text(encoding="utf-8"))
BY_NAME = {row["name"]: row for row in VECTORS["vectors"]}
MODES = ("sha256_suffix", "hmac_sha256")
RECEIVED = datetime(2026, 8, 15, 2, 41, tzinfo=UTC)
SETTINGS = {
    "partner_code": "PARTNER01",
    "api_url": "http://127.0.0.1:8000/sandbox/dvcqg/api",
    "return_field": "returnUrl",
    "ma_tthc": "1.005090",
    "ten_tthc": "Thu học phí",
    "allow_http": "yes",
}
ACCOUNT = MerchantAccount(
    account_key="k1",
    secrets={"secret_key": VECTORS["meta"]["secret"], "bearer": "TOKEN"},
    settings=SETTINGS,
)
PAYEE = Payee(
    unit_code="TH01",
    unit_name="Trường Tiểu học Hoa Sen",
    bank_bin="970436",
    account_number="1000000001",
    account_holder="TRUONG TH HOA SEN",
)
BILL = Bill(
    reference="HP7K2M9QX4TB",
    amount_vnd=1_500_000,
    description="THANH TOAN HOC PHI HS0001",
    due_on=date(2026, 9, 20),
    file_code="HS0001",
    lines=(
        BillLine(code="AN", description="Tiền ăn", amount_vnd=900_000),
        BillLine(code="BT", description="Bán trú", amount_vnd=600_000),
    ),
    procedure=Procedure(
        code="2.002481", name="Tuyển sinh", service_code="2.002481.07", service_name="Xét tuyển"
    ),
)
ORDER = Order(
    merchant_reference="HP0001202608150930",
    amount_vnd=1_500_000,
    description="THANH TOAN HOC PHI HS0001",
    return_url="https://fees.example.vn/pay/t/return/dvcqg?a=1",
    ipn_url="https://fees.example.vn/ipn/dvcqg/k1",
    client_ip="10.0.0.1",
    locale="vi",
    created_at=datetime(2026, 8, 15, 2, 30, tzinfo=UTC),
    expires_at=datetime(2026, 8, 15, 2, 45, tzinfo=UTC),
    bill=BILL,
    payer=Payer(name="Nguyễn Văn A", personal_id="001090000001", address="12 Lý Thường Kiệt"),
    payee=PAYEE,
)
QUESTION = OrderQuery(
    request_id="0" * 32,
    merchant_reference=ORDER.merchant_reference,
    provider_reference="",
    amount_vnd=1_500_000,
    ordered_at=ORDER.created_at,
    asked_at=RECEIVED,
    client_ip="127.0.0.1",
)
MERCHANT = Merchant(
    provider="dvcqg",
    ipn_url="http://127.0.0.1:8000/ipn/dvcqg/k1",
    account_number="1000000001",
    settings=SETTINGS,
    secrets=ACCOUNT.secrets,
)
CONFIRM: dict[str, Any] = BY_NAME["confirm"]["fields"]
RESULT: dict[str, Any] = BY_NAME["result"]["fields"]
LOOKUP_: dict[str, Any] = BY_NAME["lookup"]["fields"]


def speaks(**settings: str) -> MerchantAccount:
    return replace(ACCOUNT, settings=SETTINGS | settings)


def signed(fields: Mapping[str, object], mode: str = "sha256_suffix", **extra: object) -> bytes:
    """A message whose code covers `fields` in their order; written out here, apart from the code."""
    joined = "|".join("" if value is None else str(value) for value in fields.values())
    code = (
        hashlib.sha256(f"{joined}|SECRET".encode("utf-8", "surrogatepass")).hexdigest()
        if mode == "sha256_suffix"
        else hmac.new(b"SECRET", joined.encode(), hashlib.sha256).hexdigest()
    )
    return json.dumps({**fields, **extra, "MaXacThuc": code}).encode()


def request(body: bytes, path: str = "", **changes: Any) -> Request:
    return replace(
        Request(
            method="POST",
            path=path,
            query=b"",
            headers={"content-type": "application/json; charset=utf-8"},
            body=body,
            received_at=RECEIVED,
            remote_ip="203.0.113.7",
        ),
        **changes,
    )


def arrived(message: Message) -> Request:
    return request(message.body, message.path, headers=dict(message.headers))


def read(incoming: Request, account: MerchantAccount = ACCOUNT) -> Notice:
    notices = dvcqg.read(incoming, account)
    assert isinstance(notices, Notices)
    (notice,) = notices.items
    return notice


def confirm(**changes: object) -> Notice:
    return read(request(signed(CONFIRM | changes)))


def refusal(incoming: Request, account: MerchantAccount = ACCOUNT) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        dvcqg.read(incoming, account)
    return caught.value


def answer(body: object, *, status: int = 200, content_type: str = "application/json") -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, content_type=content_type, body=data)


def notified_by_query(
    state: str | None = "1", mode: str = "sha256_suffix", **changes: object
) -> Answer:
    fields = CONFIRM | {"LoaiBanTin": "QUERY"} | changes
    extra = {} if state is None else {"TrangThaiGD": state}
    return answer(signed(fields, mode, **extra))


def verdict(kind: VerdictKind, *, duplicate: bool = False) -> Verdict:
    return Verdict(kind=kind, record_id="r1", duplicate=duplicate)


def at_server(server: portal.Dvcqg, call: OutgoingRequest, at: datetime = RECEIVED) -> Answer:
    """Bring a call of ours to the portal's server."""
    parts = urlsplit(call.url)
    assert parts.path.startswith("/sandbox/dvcqg")
    reply: CallReply = server.answer(
        Call(
            method=call.method,
            path=parts.path.removeprefix("/sandbox/dvcqg"),
            query=parts.query,
            headers=call.headers,
            body=call.body,
        ),
        at,
    )
    return Answer(status=reply.status, content_type=reply.content_type, body=reply.body)


def test_it_stands_in_every_table_that_it_fits() -> None:
    for table in (IPN, LOOKUP, CREATE, QUERY, RECEIPT):
        assert table["dvcqg"] is dvcqg
    assert timedelta(minutes=30) == dvcqg.FIRST_ASK


# What is signed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row", VECTORS["vectors"], ids=lambda row: row["name"])
def test_codes_of_the_vectors(row: dict[str, Any], mode: str) -> None:
    values = [str(value) for value in row["fields"].values()]
    assert "|".join(values) == row["signed"]
    assert code_of(values, speaks(hash_mode=mode)) == row[mode]


@pytest.mark.parametrize(
    ("name", "fields"),
    [("init", INIT_FIELDS), ("lookup", LOOKUP_FIELDS), ("result", RESULT_FIELDS)],
)
def test_fields_are_signed_in_the_order_of_the_vectors(name: str, fields: tuple[str, ...]) -> None:
    assert tuple(BY_NAME[name]["fields"]) == fields


@pytest.mark.parametrize("mode", MODES)
def test_calls_carry_the_code_of_the_vectors(mode: str) -> None:
    account = speaks(hash_mode=mode)
    for name, call in (
        ("init", dvcqg.create(ORDER, account)),
        ("query", dvcqg.ask(QUESTION, account)),
        ("get_bill", dvcqg.ask_receipt(QUESTION, account)),
    ):
        body = json.loads(call.body)
        assert body["MaXacThuc"] == BY_NAME[name][mode]
        assert BY_NAME[name]["fields"].items() <= body.items()
        assert (call.method, call.url) == ("POST", SETTINGS["api_url"])
        assert call.headers == {
            "content-type": "application/json",
            "authorization": "Bearer TOKEN",
        }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["confirm", "lookup", "result"])
def test_messages_are_taken_in_the_accounts_mode_only(name: str, mode: str) -> None:
    row = BY_NAME[name]
    body = json.dumps(row["fields"] | {"MaXacThuc": row[mode].upper()}).encode()
    incoming = request(body, "" if name == "confirm" else f"/{name}")
    assert dvcqg.read(incoming, speaks(hash_mode=mode))
    (other,) = set(MODES) - {mode}
    assert refusal(incoming, speaks(hash_mode=other)).reason is Refused.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("secrets", "settings"),
    [
        ({}, {}),
        ({"secret_key": ""}, {}),
        (None, {"hash_mode": "md5"}),
        (None, {"confirm_order": "any"}),
        (None, {"partner_code": ""}),
    ],
)
def test_an_incomplete_account_takes_nothing(
    secrets: dict[str, str] | None, settings: dict[str, str]
) -> None:
    account = speaks(**settings)
    if secrets is not None:
        account = replace(account, secrets=secrets)
    assert refusal(request(signed(CONFIRM)), account).reason is Refused.BUSY


def test_the_other_order_of_confirms_last_fields() -> None:
    swapped = {name: CONFIRM[name] for name in CONFIRM if name != "ThoiGianGD"}
    body = signed(swapped | {"ThoiGianGD": CONFIRM["ThoiGianGD"]})
    assert refusal(request(body)).reason is Refused.BAD_SIGNATURE
    assert read(request(body), speaks(confirm_order="text_time")) == confirm()


# INIT


def test_an_order_says_all_that_the_receipt_needs() -> None:
    body = json.loads(dvcqg.create(ORDER, ACCOUNT).body)
    receipt = body["ThongTinBienLai"]
    assert {name: receipt.pop(name) for name in FINES_ONLY} == dict.fromkeys(FINES_ONLY, "")
    assert receipt == {
        "MaDichVu": "2",
        "MaDVC": "2.002481.07",
        "TenDVC": "Xét tuyển",
        "MaTTHC": "2.002481",
        "TenTTHC": "Tuyển sinh",
        "MaDonVi": "TH01",
        "TenDonVi": "Trường Tiểu học Hoa Sen",
        "MaHoSo": "HS0001",
        "TKThuHuong": "1000000001",
        "MaNHThuHuong": "970436",
        "TenTKThuHuong": "TRUONG TH HOA SEN",
        "NoiDungThanhToan": "THANH TOAN HOC PHI HS0001",
        "HoTenNguoiNop": "Nguyễn Văn A",
        "SoCMNDNguoiNop": "001090000001",
        "DiaChiNguoiNop": "12 Lý Thường Kiệt",
        "HuyenNguoiNop": "",
        "TinhNguoiNop": "",
        "PhiLePhi": [
            {
                "LoaiPhiLePhi": "Phi",
                "MaPhiLePhi": "AN",
                "TenPhiLePhi": "Tiền ăn",
                "SoTien": "900000",
            },
            {
                "LoaiPhiLePhi": "Phi",
                "MaPhiLePhi": "BT",
                "TenPhiLePhi": "Bán trú",
                "SoTien": "600000",
            },
        ],
        "DSKhoanNop": [
            {"NoiDung": "Tiền ăn", "SoTien": "900000"},
            {"NoiDung": "Bán trú", "SoTien": "600000"},
        ],
    }
    assert body["returnUrl"] == ORDER.return_url
    assert set(body) == {*INIT_FIELDS, "ThongTinBienLai", "MaXacThuc", "returnUrl"}


def test_the_accounts_procedure_stands_in_and_lines_must_add_up() -> None:
    part = replace(
        ORDER, amount_vnd=700_000, bill=replace(BILL, procedure=Procedure(), file_code="")
    )
    account = speaks(ma_don_vi="G22", ma_nh_thu_huong="VCB", loai_phi_le_phi="2", return_field="")
    body = json.loads(dvcqg.create(replace(part, payer=Payer()), account).body)
    receipt = body["ThongTinBienLai"]
    assert "returnUrl" not in body
    assert (receipt["MaTTHC"], receipt["TenTTHC"]) == ("1.005090", "Thu học phí")
    assert (receipt["MaDVC"], receipt["TenDVC"]) == ("1.005090.01", "Thu học phí")
    assert (receipt["MaDonVi"], receipt["MaNHThuHuong"]) == ("G22", "VCB")
    assert receipt["MaHoSo"] == BILL.reference
    assert receipt["SoCMNDNguoiNop"] == "000000000"
    assert receipt["DSKhoanNop"] == [{"NoiDung": BILL.description, "SoTien": "700000"}]
    assert [line["SoTien"] for line in receipt["PhiLePhi"]] == ["700000"]
    assert receipt["PhiLePhi"][0]["LoaiPhiLePhi"] == "2"


def test_afternoons_are_notified_on_a_24_hour_clock_and_narrations_are_cut() -> None:
    late = replace(
        ORDER, created_at=datetime(2026, 8, 15, 16, 59, 58, tzinfo=UTC), description="A " * 150
    )
    body = json.loads(dvcqg.create(late, ACCOUNT).body)
    assert body["ThoiGianGD"] == "20260815235958"
    assert body["ThongTinGiaoDich"] == ("A " * 105).rstrip()


def test_each_call_may_have_its_own_address() -> None:
    account = speaks(
        init_url="https://a.vn/i", query_url="https://a.vn/q", bill_url="https://a.vn/b"
    )
    account = replace(account, secrets={"secret_key": "SECRET"})
    calls = (
        dvcqg.create(ORDER, account),
        dvcqg.ask(QUESTION, account),
        dvcqg.ask_receipt(QUESTION, account),
    )
    assert [call.url[-1] for call in calls] == ["i", "q", "b"]
    assert all("authorization" not in call.headers for call in calls)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_vnd": 0},
        {"amount_vnd": 10**12 + 1},
        {"merchant_reference": ""},
        {"merchant_reference": "HP.1"},
        {"merchant_reference": "H" * 21},
        {"description": ""},
        {"description": "học phí"},
        {"description": "a|b"},
        {"description": " a"},
        {"client_ip": "nowhere"},
        {"payee": replace(PAYEE, account_number="1" * 20)},
    ],
)
def test_an_order_that_the_portal_could_not_read_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not"):
        dvcqg.create(replace(ORDER, **change), ACCOUNT)


@pytest.mark.parametrize("name", ["ma_tthc", "partner_code", "api_url"])
def test_no_order_from_an_incomplete_account(name: str) -> None:
    order = replace(ORDER, bill=replace(BILL, procedure=Procedure()))
    with pytest.raises(RefusedError) as caught:
        dvcqg.create(order, speaks(**{name: ""}))
    assert (caught.value.reason, caught.value.field) == (Refused.BUSY, name)


URL = "https://thanhtoan.dichvucong.gov.vn/p?id=1"


@pytest.mark.parametrize(
    "body",
    [
        {"MaLoi": "00", "UrlThanhToan": URL},
        {"MaLoi": "00", "UrlThanhToan": URL, "MaThamChieu": ORDER.merchant_reference},
        {"error_code": "0", "message": json.dumps({"UrlThanhToan": URL})},
        {"error_code": 0, "message": {"MaLoi": "00", "UrlThanhToan": URL}},
    ],
)
def test_both_shapes_of_the_answer_lead_to_the_page(body: dict[str, Any]) -> None:
    checkout = dvcqg.read_created(ORDER, answer(body), speaks(allow_http=""))
    assert (checkout.url, dict(checkout.fields)) == (URL, {})


@pytest.mark.parametrize(
    ("notified", "reason"),
    [
        (answer(b""), Refused.BUSY),
        (answer(b"<html>", content_type="text/html"), Refused.BUSY),
        (answer({"MaLoi": "00", "UrlThanhToan": URL}, status=502), Refused.BUSY),
        (answer({"MaLoi": "00", "UrlThanhToan": URL}, status=429), Refused.BUSY),
        (answer(b"<html>"), Refused.MALFORMED),
        (answer(b"[]"), Refused.MALFORMED),
        (answer(b" " * 70_000), Refused.TOO_LARGE),
        (answer({"MaLoi": "99", "MoTaLoi": "x"}), Refused.BUSY),
        (answer({"MaLoi": "02", "UrlThanhToan": URL}), Refused.BAD_FIELD),
        (answer({"MaLoi": "00"}), Refused.BAD_FIELD),
        (answer({}, status=401), Refused.BAD_FIELD),
        (answer({"error_code": "1", "message": ""}), Refused.BAD_FIELD),
        (answer({"error_code": "0", "message": None}), Refused.MALFORMED),
        (answer({"error_code": "0", "message": "nothing"}), Refused.MALFORMED),
        (answer({"MaThamChieu": "OTHER", "UrlThanhToan": URL}), Refused.BAD_FIELD),
    ],
)
def test_answers_that_lead_nowhere(notified: Answer, reason: Refused) -> None:
    with pytest.raises(RefusedError) as caught:
        dvcqg.read_created(ORDER, notified, ACCOUNT)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "url",
    [
        "http://thanhtoan.gov.vn/",
        "javascript:alert(1)",
        "https://",
        "https://[::1",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://a.vn:0/",
        "https://a.vn:x/",
        "https://good.vn@evil.vn/",
        "https://good.vn\\@evil.vn/",
        "https://a.vn/ b",
        "https://a.vn/\n",
        'https://a.vn/"x',
        "https://a.vn/é",
        "https://a.vn/" + "a" * 2048,
        17,
        None,
    ],
)
def test_addresses_that_are_not_followed(url: object) -> None:
    account = speaks(allow_http="")
    with pytest.raises(RefusedError) as caught:
        dvcqg.read_created(ORDER, answer({"MaLoi": "00", "UrlThanhToan": url}), account)
    assert (caught.value.reason, caught.value.field) == (Refused.BAD_FIELD, "UrlThanhToan")
    bill = answer({"MaLoi": "00", "UrlBienLai": url})
    if url is None:
        assert dvcqg.read_receipt(QUESTION, bill, account) is None
        return
    with pytest.raises(RefusedError):
        dvcqg.read_receipt(QUESTION, bill, account)


def test_hosts_may_be_fixed() -> None:
    account = speaks(pay_hosts="x.vn, thanhtoan.dichvucong.gov.vn", receipt_hosts="bienlai.gov.vn")
    notified = answer({"MaLoi": "00", "UrlThanhToan": URL})
    assert dvcqg.read_created(ORDER, notified, account).url == URL
    with pytest.raises(RefusedError):
        dvcqg.read_created(ORDER, notified, speaks(pay_hosts="gov.vn"))
    call = dvcqg.read_receipt(QUESTION, answer({"UrlBienLai": "https://bienlai.gov.vn/1"}), account)
    assert isinstance(call, OutgoingRequest)
    with pytest.raises(RefusedError):
        dvcqg.read_receipt(QUESTION, answer({"UrlBienLai": "https://evil.vn/1"}), account)


def test_the_browser_proves_nothing() -> None:
    assert dvcqg.read_return(b"MaLoi=00&MaThamChieu=x", ACCOUNT) is Outcome.PENDING


# CONFIRM


def test_a_confirmed_payment() -> None:
    assert confirm() == Notice(
        transaction_id="HP0001202608150930.TT000000000042",
        outcome=Outcome.PAID,
        amount_vnd=1_500_000,
        paid_at=datetime(2026, 8, 15, 2, 35, 12, tzinfo=UTC),
        merchant_reference="HP0001202608150930",
        bank_transaction_id="TT000000000042",
    )
    assert confirm(SoTien="1500000") == confirm()


@pytest.mark.parametrize(
    ("code", "failed_codes", "outcome", "unmapped"),
    [
        ("00", "99", Outcome.PAID, ""),
        ("00", "00", Outcome.PAID, ""),
        ("99", "", Outcome.PENDING, "99"),
        ("99", "24, 99", Outcome.FAILED, ""),
        ("0", "", Outcome.PENDING, "0"),
        ("x" * 60, "", Outcome.PENDING, "x" * 32),
    ],
)
def test_only_two_zeros_are_money(
    code: str, failed_codes: str, outcome: Outcome, unmapped: str
) -> None:
    body = signed(CONFIRM | {"MaLoi": code, "MaGiaoDich": ""} if code != "00" else CONFIRM)
    notice = read(request(body), speaks(failed_codes=failed_codes))
    assert (notice.outcome, notice.unmapped_status) == (outcome, unmapped)
    suffix = "" if outcome is Outcome.PAID else f".{outcome}"
    number = "TT000000000042" if outcome is Outcome.PAID else "0"
    assert notice.transaction_id == f"HP0001202608150930.{number}{suffix}"


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"SoTien": None}, Refused.MISSING_FIELD, "SoTien"),
        ({"SoTien": 0}, Refused.BAD_FIELD, "SoTien"),
        ({"SoTien": -5}, Refused.BAD_FIELD, "SoTien"),
        ({"SoTien": "1e6"}, Refused.BAD_FIELD, "SoTien"),
        ({"SoTien": "０1"}, Refused.BAD_FIELD, "SoTien"),
        ({"SoTien": 10**12 + 1}, Refused.BAD_FIELD, "SoTien"),
        ({"MaLoi": ""}, Refused.MISSING_FIELD, "MaLoi"),
        ({"MaThamChieu": ""}, Refused.MISSING_FIELD, "MaThamChieu"),
        ({"MaThamChieu": "a\x00b"}, Refused.BAD_FIELD, "MaThamChieu"),
        ({"MaGiaoDich": ""}, Refused.MISSING_FIELD, "MaGiaoDich"),
        ({"MaTienTe": "USD"}, Refused.BAD_FIELD, "MaTienTe"),
        ({"MaDoiTac": "OTHER"}, Refused.WRONG_MERCHANT, "MaDoiTac"),
        ({"LoaiBanTin": "QUERY"}, Refused.BAD_FIELD, "LoaiBanTin"),
        ({"MaGiaoDich": "1|VCB", "MaNganHang": ""}, Refused.MALFORMED, ""),
        ({"ThongTinGiaoDich": "a|b"}, Refused.MALFORMED, ""),
    ],
)
def test_signed_nonsense_is_refused(
    changes: dict[str, object], reason: Refused, field: str
) -> None:
    error = refusal(request(signed(CONFIRM | changes)))
    assert (error.reason, error.field) == (reason, field)


def test_a_separator_inside_a_value_cannot_shift_the_meaning() -> None:
    honest = CONFIRM | {"ThongTinGiaoDich": "x|y"}
    parts = "|".join(str(value) for value in honest.values()).split("|")
    shifted = dict(zip(CONFIRM, [*parts[:6], f"{parts[6]}|{parts[7]}", *parts[8:]], strict=True))
    code = json.loads(signed(honest))["MaXacThuc"]
    assert json.loads(signed(shifted))["MaXacThuc"] == code
    for fields in (honest, shifted):
        body = json.dumps(fields | {"MaXacThuc": code}).encode()
        assert refusal(request(body)).reason is Refused.MALFORMED


@pytest.mark.parametrize("text", ["", "2026-08-15 09:35:12", "20260815996070", "19000101000000"])
def test_money_is_not_refused_for_a_broken_clock(text: str) -> None:
    assert confirm(ThoiGianGD=text).paid_at == RECEIVED


def test_what_is_not_signed_is_not_read() -> None:
    extra = {"UrlBienLai": "https://evil.vn", "TrangThaiGD": "4", "TKThuHuong": "999", "Token": 1}
    assert read(request(signed(CONFIRM, **extra))) == confirm()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "GET"}, Refused.NOT_FOUND),
        ({"path": "/"}, Refused.NOT_FOUND),
        ({"path": "/lookup/"}, Refused.NOT_FOUND),
        ({"headers": {}}, Refused.WRONG_CONTENT_TYPE),
        ({"headers": {"content-type": "text/plain"}}, Refused.WRONG_CONTENT_TYPE),
        ({"body": b" " * 70_000}, Refused.TOO_LARGE),
        ({"body": b""}, Refused.MALFORMED),
        ({"body": b'{"MaLoi":"00","MaLoi":"99"}'}, Refused.MALFORMED),
        ({"body": b"{}"}, Refused.BAD_SIGNATURE),
        ({"body": json.dumps(CONFIRM | {"MaXacThuc": ""}).encode()}, Refused.BAD_SIGNATURE),
        ({"body": json.dumps(CONFIRM | {"MaXacThuc": 1}).encode()}, Refused.BAD_SIGNATURE),
        ({"body": json.dumps(CONFIRM | {"SoTien": True}).encode()}, Refused.BAD_FIELD),
        ({"body": json.dumps(CONFIRM | {"SoTien": 1.5}).encode()}, Refused.BAD_FIELD),
    ],
)
def test_what_is_no_message_of_the_portal(changes: dict[str, Any], reason: Refused) -> None:
    assert refusal(replace(request(signed(CONFIRM)), **changes)).reason is reason


@pytest.mark.parametrize(
    ("path", "fields"), [("", CONFIRM), ("/result", RESULT), ("/lookup", LOOKUP_)]
)
def test_networks_are_a_further_check(path: str, fields: dict[str, Any]) -> None:
    incoming = request(signed(fields), path)
    assert dvcqg.read(incoming, speaks(networks="203.0.113.0/24"))
    assert refusal(incoming, speaks(networks="198.51.100.0/24")).reason is Refused.FOREIGN_NETWORK


@pytest.mark.parametrize("kind", VerdictKind)
def test_all_that_is_kept_is_acknowledged_and_a_conflict_is_not(kind: VerdictKind) -> None:
    incoming = request(signed(CONFIRM))
    said = dvcqg.acknowledge(incoming, ACCOUNT, [verdict(kind)])
    is_kept = kind is not VerdictKind.CONFLICT
    assert said.status == 200
    assert json.loads(said.body) == {
        "MaLoi": "00" if is_kept else "99",
        "MoTaLoi": "Thành công" if is_kept else "Các lỗi khác",
        "MaDoiTac": "PARTNER01",
        "MaThamChieu": "HP0001202608150930",
        "ThoiGianGD": "20260815093512",
        "MaXacThuc": BY_NAME["confirm"]["sha256_suffix"],
    }
    again = dvcqg.acknowledge(incoming, ACCOUNT, [verdict(kind, duplicate=True)])
    assert again == said
    notified = dvcqg.acknowledge(request(signed(RESULT), "/result"), ACCOUNT, [verdict(kind)])
    assert json.loads(notified.body) == (
        {"error_code": "0", "message": "Thành công"}
        if is_kept
        else {"error_code": "-1", "message": "Các lỗi khác"}
    )


@pytest.mark.parametrize("reason", Refused)
@pytest.mark.parametrize("account", [ACCOUNT, None])
def test_refusals_in_the_words_of_each_path(
    reason: Refused, account: MerchantAccount | None
) -> None:
    body = signed(CONFIRM)
    status = 413 if reason is Refused.TOO_LARGE else 200
    said = {
        path: dvcqg.refuse(request(body, path), account, RefusedError(reason))
        for path in ("", "/lookup", "/result", "/else")
    }
    assert {reply.status for reply in said.values()} == {status}
    confirmed = json.loads(said[""].body)
    assert confirmed.pop("MoTaLoi")
    assert confirmed == {
        "MaLoi": "99",
        "MaDoiTac": "PARTNER01" if account else "",
        "MaThamChieu": "",
        "ThoiGianGD": "",
        "MaXacThuc": "",
    }
    assert json.loads(said["/lookup"].body) == {"error_code": "ERR", "message": []}
    assert json.loads(said["/result"].body)["error_code"] == "-1"
    assert said["/else"].body == said[""].body


# QUERY


@pytest.mark.parametrize("mode", MODES)
def test_confirm_and_query_are_one_fact(mode: str) -> None:
    account = speaks(hash_mode=mode)
    pushed = read(request(signed(CONFIRM, mode)), account)
    notified = notified_by_query(mode=mode, ThongTinGiaoDich="Truy van", MaNganHang="X")
    assert dvcqg.read_answer(QUESTION, notified, account) == (pushed,)
    unsigned = answer(CONFIRM | {"TrangThaiGD": "1"})
    trusting = speaks(hash_mode=mode, answer_hash="none")
    assert dvcqg.read_answer(QUESTION, unsigned, trusting) == (pushed,)


def test_failed_by_confirm_and_by_query_are_one_fact() -> None:
    pushed = read(request(signed(CONFIRM | {"MaLoi": "99"})), speaks(failed_codes="99"))
    assert dvcqg.read_answer(QUESTION, notified_by_query("4", MaLoi="99"), ACCOUNT) == (pushed,)


@pytest.mark.parametrize(
    ("code", "state", "outcome", "unmapped"),
    [
        ("00", "1", Outcome.PAID, ""),
        ("00", "3", Outcome.PENDING, ""),
        ("00", "4", Outcome.FAILED, ""),
        ("99", "1", Outcome.PENDING, "1 (99)"),
        ("99", "3", Outcome.PENDING, ""),
        ("99", "4", Outcome.FAILED, ""),
        ("00", "2", Outcome.PENDING, "2"),
        ("00", "thành công", Outcome.PENDING, "thành công"),
    ],
)
def test_states_of_a_query(code: str, state: str, outcome: Outcome, unmapped: str) -> None:
    (notice,) = dvcqg.read_answer(QUESTION, notified_by_query(state, MaLoi=code), ACCOUNT)
    assert (notice.outcome, notice.unmapped_status) == (outcome, unmapped)


def test_paid_after_pending_or_failed_is_another_fact() -> None:
    ids = {
        dvcqg.read_answer(QUESTION, notified_by_query(state), ACCOUNT)[0].transaction_id
        for state in "134"
    }
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("notified", "reason"),
    [
        (answer(b""), Refused.BUSY),
        (answer(b"<html>", content_type="text/html"), Refused.BUSY),
        (answer({"MaLoi": "99", "MoTaLoi": "?"}), Refused.BUSY),
        (answer({}), Refused.MISSING_FIELD),
        (notified_by_query(None), Refused.MISSING_FIELD),
        (answer(CONFIRM | {"TrangThaiGD": "1"}), Refused.BAD_SIGNATURE),
        (answer(notified_by_query().body.replace(b"1500000", b"9500000")), Refused.BAD_SIGNATURE),
        (notified_by_query(MaThamChieu="OTHER"), Refused.BAD_FIELD),
        (notified_by_query(MaDoiTac="OTHER"), Refused.WRONG_MERCHANT),
        (notified_by_query(ThongTinGiaoDich="a|b"), Refused.MALFORMED),
        (answer(b" " * 70_000), Refused.TOO_LARGE),
    ],
)
def test_answers_that_prove_nothing(notified: Answer, reason: Refused) -> None:
    with pytest.raises(RefusedError) as caught:
        dvcqg.read_answer(QUESTION, notified, ACCOUNT)
    assert caught.value.reason is reason


# GET_BILL


@pytest.mark.parametrize("name", ["UrlBienLai", "URLBienLai"])
def test_a_receipts_address_is_fetched_without_our_token(name: str) -> None:
    notified = answer({"MaLoi": "00", name: "https://bienlai.gov.vn/x?y=1"})
    assert dvcqg.read_receipt(QUESTION, notified, ACCOUNT) == OutgoingRequest(
        method="GET", url="https://bienlai.gov.vn/x?y=1", headers={}, body=b""
    )


PDF = b"%PDF-1.4\n..."


@pytest.mark.parametrize("content_type", ["application/pdf", "application/octet-stream", ""])
def test_a_receipt_in_the_answer_itself(content_type: str) -> None:
    assert dvcqg.read_receipt(QUESTION, answer(PDF, content_type=content_type), ACCOUNT) == PDF


@pytest.mark.parametrize(
    "notified",
    [
        answer({"MaLoi": "99", "MoTaLoi": "Chưa có"}),
        answer({"MaLoi": "99", "UrlBienLai": "https://a.vn/1"}),
        answer({"MaLoi": "00", "UrlBienLai": ""}),
        answer(b"", status=404),
    ],
)
def test_no_receipt_yet(notified: Answer) -> None:
    assert dvcqg.read_receipt(QUESTION, notified, ACCOUNT) is None


@pytest.mark.parametrize(
    ("notified", "reason"),
    [
        (answer(b"<html>", content_type="application/pdf"), Refused.MALFORMED),
        (answer(PDF + bytes(10 * 1024 * 1024), content_type="application/pdf"), Refused.TOO_LARGE),
        (answer(PDF, status=500), Refused.BUSY),
        (answer(b"", content_type="application/pdf"), Refused.BUSY),
        (answer(b"<html>", content_type="text/html"), Refused.BUSY),
        (answer(b"nothing"), Refused.MALFORMED),
    ],
)
def test_what_is_no_receipt(notified: Answer, reason: Refused) -> None:
    with pytest.raises(RefusedError) as caught:
        dvcqg.read_receipt(QUESTION, notified, ACCOUNT)
    assert caught.value.reason is reason


# The pull flow


@pytest.mark.parametrize("body", [LOOKUP_, {n: v for n, v in LOOKUP_.items() if n != "MaDoiTac"}])
def test_a_signed_question(body: dict[str, Any]) -> None:
    code = BY_NAME["lookup"]["sha256_suffix"]
    incoming = request(json.dumps(body | {"MaXacThuc": code}).encode(), "/lookup")
    assert dvcqg.read(incoming, ACCOUNT) == Lookup("HS0001")


@pytest.mark.parametrize("late_s", [-301, -300, 300, 301])
def test_a_question_is_good_for_five_minutes(late_s: int) -> None:
    asked = datetime(2026, 8, 15, 2, 40, tzinfo=UTC)
    incoming = request(signed(LOOKUP_), "/lookup", received_at=asked + timedelta(seconds=late_s))
    if abs(late_s) > 300:
        assert refusal(incoming).reason is Refused.STALE
        assert dvcqg.read(incoming, speaks(lookup_window_s="301")) == Lookup("HS0001")
    else:
        assert dvcqg.read(incoming, ACCOUNT) == Lookup("HS0001")
        assert refusal(incoming, speaks(lookup_window_s="299")).reason is Refused.STALE
    assert refusal(incoming, speaks(lookup_window_s="long")).reason is Refused.BUSY


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"MaHoSo": ""}, Refused.MISSING_FIELD),
        ({"MaHoSo": "a|b"}, Refused.MALFORMED),
        ({"MaHoSo": "x" * 200}, Refused.BAD_FIELD),
        ({"ThoiGianGD": ""}, Refused.MISSING_FIELD),
        ({"ThoiGianGD": "yesterday"}, Refused.BAD_FIELD),
        ({"MaDoiTac": "OTHER"}, Refused.WRONG_MERCHANT),
    ],
)
def test_questions_that_are_not_answered(changes: dict[str, str], reason: Refused) -> None:
    assert refusal(request(signed(LOOKUP_ | changes), "/lookup")).reason is reason


WHOLE = replace(BILL, procedure=Procedure())
DEBT = Debt(
    payer=Payer(name="Nguyễn V** A", personal_id="001090000001", address="12 Lý Thường Kiệt"),
    payee=PAYEE,
    bills=(WHOLE,),
    whole=WHOLE,
)


def test_what_is_owed_is_notified_as_one_sum_and_no_more_of_the_payer_than_a_masked_name() -> None:
    asked = request(signed(LOOKUP_ | {"MaHoSo": "hp7k2m9qx4tb"}), "/lookup")
    reply = dvcqg.answer_lookup(asked, ACCOUNT, DEBT)
    said = json.loads(reply.body)
    assert (reply.status, said["error_code"]) == (200, "TT")
    notified = said["message"]
    assert notified["MaTraCuuTT"] == "HP7K2M9QX4TB20260815094100"
    assert notified["MaHoSo"] == "hp7k2m9qx4tb"
    assert (notified["HoTenNguoiNop"], notified["SoCMNDNguoiNop"]) == ("Nguyễn V** A", "000000000")
    assert (notified["DiaChiNguoiNop"], notified["MaTTHC"]) == ("", "1.005090")
    assert sum(int(line["SoTien"]) for line in notified["PhiLePhi"]) == 1_500_000
    assert sum(int(line["SoTien"]) for line in notified["DSKhoanNop"]) == 1_500_000
    assert (notified["TKThuHuong"], notified["TenTKThuHuong"]) == (
        "1000000001",
        "TRUONG TH HOA SEN",
    )
    text = reply.body.decode()
    assert "HS0001" not in text.replace(BILL.description, "")
    assert "001090000001" not in text
    assert "Lý Thường Kiệt" not in text
    assert set(notified) == {
        "MaTraCuuTT", "MaDichVu", "MaDVC", "TenDVC", "MaTTHC", "TenTTHC", "MaDonVi", "TenDonVi",
        "MaHoSo", "PhiLePhi", "TKThuHuong", "MaNHThuHuong", "TenTKThuHuong", "NoiDungThanhToan",
        "HoTenNguoiNop", "SoCMNDNguoiNop", "DiaChiNguoiNop", "HuyenNguoiNop", "TinhNguoiNop",
        "DSKhoanNop",
    }  # fmt: skip


def test_an_unknown_code_and_a_paid_one_sound_alike() -> None:
    asked = request(signed(LOOKUP_), "/lookup")
    unknown = dvcqg.answer_lookup(asked, ACCOUNT, None)
    paid = dvcqg.answer_lookup(asked, ACCOUNT, replace(DEBT, bills=(), whole=None))
    assert unknown == paid
    assert json.loads(paid.body) == {"error_code": "NONE", "message": []}


def result(**changes: object) -> Notice:
    return read(request(signed(RESULT | changes), "/result"))


def test_a_reported_payment() -> None:
    assert result() == Notice(
        transaction_id="tracuu:HP7K2M9QX4TB20260815094000.TC000000000043",
        outcome=Outcome.PAID,
        amount_vnd=1_500_000,
        paid_at=datetime(2026, 8, 15, 2, 41, 30, tzinfo=UTC),
        merchant_reference="HP7K2M9QX4TB",
        bank_transaction_id="TC000000000043",
    )


@pytest.mark.parametrize(
    ("number", "reference"),
    [
        ("HP7K2M9QX4TB20260815094000", "HP7K2M9QX4TB"),
        ("HP7K2M9QX4TB", "HP7K2M9QX4TB"),
        ("20260815094000", "20260815094000"),
        ("020260815094000", "0"),
    ],
)
def test_money_under_any_number_is_kept(number: str, reference: str) -> None:
    assert result(MaTraCuuTT=number).merchant_reference == reference


@pytest.mark.parametrize(
    ("status", "outcome", "unmapped"),
    [
        ("1", Outcome.PAID, ""),
        (1, Outcome.PAID, ""),
        ("3", Outcome.PENDING, ""),
        ("4", Outcome.FAILED, ""),
        ("00", Outcome.PENDING, "00"),
        ("2", Outcome.PENDING, "2"),
    ],
)
def test_states_of_a_result(status: object, outcome: Outcome, unmapped: str) -> None:
    notice = result(TrangThaiThanhToan=status)
    assert (notice.outcome, notice.unmapped_status) == (outcome, unmapped)
    assert notice.transaction_id.endswith("43" if outcome is Outcome.PAID else f".{outcome}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"MaTraCuuTT": ""}, Refused.MISSING_FIELD),
        ({"MaGiaoDich": ""}, Refused.MISSING_FIELD),
        ({"TrangThaiThanhToan": ""}, Refused.MISSING_FIELD),
        ({"SoTien": "1.500.000"}, Refused.BAD_FIELD),
        ({"MaDoiTac": "OTHER"}, Refused.WRONG_MERCHANT),
        ({"MaGiaoDich": "1|2"}, Refused.MALFORMED),
    ],
)
def test_results_that_are_refused(changes: dict[str, object], reason: Refused) -> None:
    assert refusal(request(signed(RESULT | changes), "/result")).reason is reason


def test_one_messages_code_is_worth_nothing_at_another_path() -> None:
    for path, fields in (("", RESULT), ("/result", CONFIRM), ("/lookup", RESULT), ("", LOOKUP_)):
        assert refusal(request(signed(fields), path)).reason is Refused.BAD_SIGNATURE


# The sandbox's portal against the adapter


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("number", [1, 2])
def test_an_order_from_init_to_its_receipt(number: int, mode: str) -> None:
    """Orders of both parities: both shapes of the answer, both ways of the receipt."""
    account = speaks(hash_mode=mode)
    merchant = replace(MERCHANT, settings=account.settings)
    server = portal.Dvcqg([merchant])
    for index in range(number - 1):
        at_server(server, dvcqg.create(replace(ORDER, merchant_reference=f"OTHER{index}"), account))
    call = dvcqg.create(ORDER, account)
    checkout = dvcqg.read_created(ORDER, at_server(server, call), account)
    assert checkout == dvcqg.read_created(ORDER, at_server(server, call), account)
    page = urlsplit(checkout.url)
    assert f"{page.scheme}://{page.netloc}{page.path}" == "http://127.0.0.1:8000/sandbox/dvcqg/pay"
    shown = server.open_order(
        Call(method="GET", path="/pay", query=page.query, headers={}, body=b""), RECEIVED
    )
    assert (shown.amount_vnd, shown.info) == (ORDER.amount_vnd, ORDER.description)

    ask = dvcqg.ask(QUESTION, account)
    (waiting,) = dvcqg.read_answer(QUESTION, at_server(server, ask), account)
    assert (waiting.outcome, waiting.unmapped_status) == (Outcome.PENDING, "")
    bill = dvcqg.ask_receipt(QUESTION, account)
    assert dvcqg.read_receipt(QUESTION, at_server(server, bill), account) is None

    decided = server.decide(shown.order_id, is_paid=True, at=RECEIVED)
    assert server.decide(shown.order_id, is_paid=False, at=RECEIVED) == decided
    assert server.movements == [decided.movement]
    back = urlsplit(decided.return_url)
    assert parse_qs(back.query) == {
        "a": ["1"], "MaThamChieu": [ORDER.merchant_reference], "MaLoi": ["00"],
    }  # fmt: skip
    (paid,) = dvcqg.read_answer(QUESTION, at_server(server, ask), account)
    assert (paid.outcome, paid.amount_vnd) == (Outcome.PAID, ORDER.amount_vnd)

    receipt = dvcqg.read_receipt(QUESTION, at_server(server, bill), account)
    assert isinstance(receipt, bytes) == (number % 2 == 1)
    if isinstance(receipt, OutgoingRequest):
        fetched = at_server(server, receipt, RECEIVED + timedelta(minutes=4))
        late = at_server(server, receipt, RECEIVED + timedelta(minutes=5))
        assert dvcqg.read_receipt(QUESTION, late, account) is None
        receipt = dvcqg.read_receipt(QUESTION, fetched, account)
    assert isinstance(receipt, bytes)
    assert receipt.startswith(b"%PDF-1.4")
    assert b"1500000 VND" in receipt
    start = int(receipt.split(b"startxref\n")[1].split(b"\n")[0])
    assert receipt[start:].startswith(b"xref")


async def test_what_the_portal_pushes_is_what_it_answers() -> None:
    server = portal.Dvcqg([MERCHANT])
    at_server(server, dvcqg.create(ORDER, ACCOUNT))
    (order_id,) = server.orders
    decided = server.decide(order_id, is_paid=False, at=RECEIVED)
    assert server.movements == []
    async with httpx.AsyncClient() as client:
        notified = await portal.message(client, decided.movement, decided.merchant)
    pushed = read(arrived(notified), speaks(failed_codes="99"))
    assert pushed.outcome is Outcome.FAILED
    asked = at_server(server, dvcqg.ask(QUESTION, ACCOUNT))
    assert dvcqg.read_answer(QUESTION, asked, ACCOUNT) == (pushed,)


def test_the_server_refuses_what_the_portal_would() -> None:
    server = portal.Dvcqg([MERCHANT])
    call = dvcqg.create(ORDER, ACCOUNT)
    said = json.loads(call.body)

    def code(message: object, **headers: str) -> object:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        answered = at_server(server, replace(call, body=data, headers={**call.headers, **headers}))
        return json.loads(answered.body)["MaLoi"]

    assert code(b"[]") == "99"
    assert code(said | {"MaDoiTac": "NOBODY"}) == "01"
    assert code(said | {"SoTien": "1"}) == "97"
    assert code(said, authorization="Bearer OTHER") == "99"
    assert code(said | {"ThongTinBienLai": None}) == "02"
    assert code(said | {"ThongTinBienLai": said["ThongTinBienLai"] | {"PhiLePhi": [1]}}) == "02"
    assert server.orders == {}
    with pytest.raises(OrderRefusedError):
        server.decide("PARTNER01.X", is_paid=True, at=RECEIVED)
    with pytest.raises(RefusedError) as caught:
        dvcqg.read_answer(QUESTION, at_server(server, dvcqg.ask(QUESTION, ACCOUNT)), ACCOUNT)
    assert caught.value.reason is Refused.BUSY
    at_server(server, call)
    other = dvcqg.create(replace(ORDER, amount_vnd=2_000), ACCOUNT)
    assert json.loads(at_server(server, other).body)["MaLoi"] == "02"


@pytest.mark.parametrize("mode", MODES)
async def test_a_citizen_looks_up_pays_and_the_school_is_notified(mode: str) -> None:
    account = speaks(hash_mode=mode)
    merchant = replace(MERCHANT, settings=account.settings)
    server = portal.Dvcqg([merchant])
    notices: list[Notice] = []

    def school(arriving: httpx.Request) -> httpx.Response:
        incoming = request(
            arriving.content,
            arriving.url.path.removeprefix("/portal/k1"),
            headers={k.lower(): v for k, v in arriving.headers.items()},
        )
        outcome = dvcqg.read(incoming, account)
        if isinstance(outcome, Lookup):
            reply = dvcqg.answer_lookup(
                incoming, account, DEBT if outcome.code == "HS0001" else None
            )
        else:
            notices.extend(outcome.items)
            reply = dvcqg.acknowledge(incoming, account, [verdict(VerdictKind.RECORDED)])
        return httpx.Response(reply.status, content=reply.body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(school)) as client:
        nobody = await portal.look_up(client, merchant, "HS0002", RECEIVED)
        assert nobody.json()["error_code"] == "NONE"
        notified = (await portal.look_up(client, merchant, "HS0001", RECEIVED)).json()
        movement = server.pay_looked_up(notified["message"], merchant, RECEIVED)
        assert portal.PULL.is_final(await portal.report(client, merchant, movement))
    (notice,) = notices
    assert (notice.outcome, notice.amount_vnd) == (Outcome.PAID, 1_500_000)
    assert notice.merchant_reference == BILL.reference
    assert server.movements == [movement]


async def test_through_the_door_a_looked_up_invoice_is_paid_once(
    engine: AsyncEngine, database_url: str
) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [500_000, 700_000])
    merchant = Merchant(
        provider="dvcqg",
        ipn_url=f"/ipn/dvcqg/{world.merchants['dvcqg'][1]}",
        account_number=world.bank_number,
        settings=world_settings["dvcqg"],
        secrets=world_secrets["dvcqg"],
    )
    server = portal.Dvcqg([merchant])
    invoice = world.invoices[0]
    async with gateway_client(database_url) as client:
        now = datetime.now(UTC)
        asked = (await portal.look_up(client, merchant, invoice.reference, now)).json()
        assert asked["error_code"] == "TT"
        message = asked["message"]
        assert message["HoTenNguoiNop"] != "Nguyễn Minh Anh"
        assert "HS00000" not in json.dumps(message)
        movement = server.pay_looked_up(message, merchant, now)
        for _ in range(2):
            reported = await portal.report(client, merchant, movement)
            assert reported.json()["error_code"] == "0"
        nothing_owed = await portal.look_up(client, merchant, invoice.reference, now)
        unknown = await portal.look_up(client, merchant, "NOBODY", now)
        assert nothing_owed.json() == unknown.json() == {"error_code": "NONE", "message": []}
        assert nothing_owed.content == unknown.content
    async with transaction(engine) as db:
        paid = await db.raw.fetch("SELECT paid_vnd FROM invoice ORDER BY id")
    assert [row["paid_vnd"] for row in paid] == [500_000, 0]


MOVEMENTS = st.builds(
    Movement,
    sequence=st.integers(1, 10**9),
    amount_vnd=st.integers(1, 10**12),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001 - made aware
        lambda at: at.replace(microsecond=0, tzinfo=UTC)
    ),
    state=st.sampled_from(MovementState),
    merchant_reference=st.from_regex(r"HP[0-9A-Z]{12}", fullmatch=True),
    content=st.text(st.characters(codec="ascii", exclude_characters='|"\\,&}]'), min_size=1),
)
NOTIFIERS = st.sampled_from([portal, portal.PULL])


async def notified(notifier: Any, movement: Movement, mode: str, leave_out: str = "") -> Message:
    merchant = replace(MERCHANT, settings=SETTINGS | {"hash_mode": mode})
    async with httpx.AsyncClient() as client:
        message: Message = await notifier.message(client, movement, merchant, leave_out=leave_out)
    return message


@given(notifier=NOTIFIERS, movement=MOVEMENTS, mode=st.sampled_from(MODES))
async def test_what_the_sandbox_says_is_what_is_read(
    notifier: Any, movement: Movement, mode: str
) -> None:
    incoming = arrived(await notified(notifier, movement, mode))
    notice = read(incoming, speaks(hash_mode=mode, failed_codes="99"))
    assert notice.outcome == movement.state.value
    assert (notice.amount_vnd, notice.paid_at) == (movement.amount_vnd, movement.at)
    assert movement.merchant_reference.startswith(notice.merchant_reference)
    assert (notice.payee_account, notice.content, notice.is_provisional) == ("", "", False)


@given(
    notifier=NOTIFIERS,
    movement=MOVEMENTS,
    mode=st.sampled_from(MODES),
    which=st.integers(0, 50),
    at=st.integers(0, 80),
)
async def test_a_changed_signed_byte_is_refused_and_an_unsigned_one_means_nothing(
    notifier: Any, movement: Movement, mode: str, which: int, at: int
) -> None:
    message = await notified(notifier, movement, mode)
    account = speaks(hash_mode=mode)
    mark = notifier.SIGNED[which % len(notifier.SIGNED)]
    changed = altered(message, mark, at)
    assert refusal(arrived(changed), account).reason is Refused.BAD_SIGNATURE
    mark = notifier.UNSIGNED[which % len(notifier.UNSIGNED)]
    changed = altered(message, mark, at)
    assert changed.body != message.body
    assert read(arrived(changed), account) == read(arrived(message), account)


@given(
    notifier=NOTIFIERS,
    movement=MOVEMENTS,
    field=st.sampled_from(["SoTien", "MaGiaoDich", "MaThamChieu", "MaLoi", "MaTraCuuTT"]),
)
async def test_a_field_forgotten_before_signing_is_never_money(
    notifier: Any, movement: Movement, field: str
) -> None:
    paid = replace(movement, state=MovementState.PAID)
    message = await notified(notifier, paid, "sha256_suffix", leave_out=field)
    if message == await notified(notifier, paid, "sha256_suffix"):
        assert f'"{field}":' not in message.body.decode()  # a field of the other notifier's
    else:
        assert refusal(arrived(message)).reason is Refused.MISSING_FIELD


BODIES = st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*CONFIRM, *RESULT, *LOOKUP_, "MaXacThuc", "TrangThaiGD"])
            | st.sampled_from(["error_code", "message", "UrlThanhToan", "UrlBienLai"]),
            inner,
            max_size=8,
        )
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


@given(BODIES, st.sampled_from(["", "/lookup", "/result"]))
def test_any_bytes_are_refused(body: bytes, path: str) -> None:
    with contextlib.suppress(RefusedError):
        dvcqg.read(request(body, path), ACCOUNT)
        pytest.fail("unsigned bytes were believed")


@given(BODIES, st.sampled_from([200, 404, 500]), st.sampled_from(["application/json", ""]))
def test_any_answer_is_read_or_refused(body: bytes, status: int, content_type: str) -> None:
    answered = Answer(status=status, content_type=content_type, body=body)
    with contextlib.suppress(RefusedError):
        assert dvcqg.read_created(ORDER, answered, ACCOUNT).url.startswith("http")
    with contextlib.suppress(RefusedError):
        dvcqg.read_receipt(QUESTION, answered, ACCOUNT)
    with contextlib.suppress(RefusedError):
        dvcqg.read_answer(QUESTION, answered, speaks(answer_hash="none"))
    with contextlib.suppress(RefusedError):
        dvcqg.read_answer(QUESTION, answered, ACCOUNT)
        pytest.fail("unsigned bytes became an answer")


VALUES = st.text(max_size=20) | st.integers(-5, 10**13) | st.none() | st.sampled_from(["00", "1"])


@given(
    st.dictionaries(st.sampled_from([*CONFIRM, *RESULT]), VALUES), st.sampled_from(["", "/result"])
)
def test_any_signed_fields_are_a_sound_notice_or_refused(
    changes: dict[str, object], path: str
) -> None:
    base = RESULT if path else CONFIRM
    fields = {name: changes.get(name, value) for name, value in base.items()}
    with contextlib.suppress(RefusedError):
        notice = read(request(signed(fields), path))
        assert 1 <= notice.amount_vnd <= 10**12
        assert notice.paid_at.utcoffset() == timedelta(0)
        assert notice.merchant_reference
        assert notice.transaction_id.isprintable()
        assert len(notice.fingerprint()) == 32
