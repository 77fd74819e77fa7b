"""The portal's words: the authentication code, the result of a payment, what a receipt must say.

Shared by both directions. See the package's docstring for sources and choices.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from adapters.contract import (
    Bill,
    MerchantAccount,
    Notice,
    Outcome,
    Payee,
    Payer,
    Procedure,
    Refused,
    RefusedError,
)
from adapters.wire import (
    MAX_AMOUNT_VND,
    VIETNAM,
    hmac_hex,
    identity,
    same,
    secret,
    vietnam_time,
)

TIME: Final = "%Y%m%d%H%M%S"
NO_PERSONAL_ID: Final = "000000000"
MAX_NAME: Final = 250
_CONFIRM_HEAD: Final = (
    "LoaiBanTin",
    "MaLoi",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "MaTienTe",
    "MaGiaoDich",
    "MaNganHang",
)
_CONFIRM_TAILS: Final = {
    "time_text": ("ThoiGianGD", "ThongTinGiaoDich"),
    "text_time": ("ThongTinGiaoDich", "ThoiGianGD"),
}


def local(when: datetime) -> str:
    """yyyyMMddHHmmss on a 24-hour clock in GMT+7."""
    return when.astimezone(VIETNAM).strftime(TIME)


def code_of(values: Iterable[str], account: MerchantAccount) -> str:
    """MaXacThuc over values joined by "|", in the account's `hash_mode`; lower-case hex.

    Raises RefusedError(BUSY) for a missing secret or an unknown mode.
    """
    key = secret(account, "secret_key")
    joined = "|".join(values)
    match account.settings.get("hash_mode", "sha256_suffix"):
        case "sha256_suffix":
            return hashlib.sha256(f"{joined}|{key}".encode("utf-8", "surrogatepass")).hexdigest()
        case "hmac_sha256":
            return hmac_hex("sha256", key, joined.encode("utf-8", "surrogatepass"))
        case _:
            raise RefusedError(Refused.BUSY, "hash_mode")


def signed_text(message: Mapping[str, Any], name: str) -> str:
    """A value as it was signed: a whole number as written, absent or null as "".

    Raises RefusedError(BAD_FIELD) for anything else than text.
    """
    value = message.get(name)
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise RefusedError(Refused.BAD_FIELD, name)
    return value


def expect_genuine(
    message: Mapping[str, Any], values: Sequence[str], account: MerchantAccount
) -> None:
    """Compare MaXacThuc in constant time. Raises RefusedError: BAD_SIGNATURE, or MALFORMED for a
    separator inside a value, which would let one code stand for two readings.
    """
    expected = code_of(values, account)
    given = message.get("MaXacThuc")
    if not isinstance(given, str) or not same(given.lower(), expected):
        raise RefusedError(Refused.BAD_SIGNATURE, "MaXacThuc")
    if any("|" in value for value in values):
        raise RefusedError(Refused.MALFORMED)


def confirmed_values(message: Mapping[str, Any], account: MerchantAccount) -> list[str]:
    """The values of a CONFIRM in the order in which this account's portal signs them."""
    tail = _CONFIRM_TAILS.get(account.settings.get("confirm_order", "time_text"))
    if tail is None:
        raise RefusedError(Refused.BUSY, "confirm_order")
    return [signed_text(message, name) for name in (*_CONFIRM_HEAD, *tail)]


def amount_of(message: Mapping[str, Any]) -> int:
    """SoTien, a JSON number or its digits, in VND. Raises RefusedError."""
    text = identity(message, "SoTien")
    if not re.fullmatch(r"[1-9][0-9]{0,12}", text) or int(text) > MAX_AMOUNT_VND:
        raise RefusedError(Refused.BAD_FIELD, "SoTien")
    return int(text)


def time_of(message: Mapping[str, Any], otherwise: datetime) -> datetime:
    """ThoiGianGD, or `otherwise` where it is absent or unreadable: money is not refused for a clock."""
    try:
        return vietnam_time(identity(message, "ThoiGianGD"), TIME, "ThoiGianGD")
    except RefusedError:
        return otherwise


def payment_notice(
    message: Mapping[str, Any], outcome: Outcome, unmapped_status: str, otherwise: datetime
) -> Notice:
    """The notice of an order of ours, from a CONFIRM or from the answer to a QUERY alike."""
    if signed_text(message, "MaTienTe") != "VND":
        raise RefusedError(Refused.BAD_FIELD, "MaTienTe")
    reference = identity(message, "MaThamChieu")
    number = identity(message, "MaGiaoDich", required=outcome is Outcome.PAID)
    transaction_id = f"{reference}.{number or '0'}"
    return Notice(
        transaction_id=transaction_id if outcome is Outcome.PAID else f"{transaction_id}.{outcome}",
        outcome=outcome,
        amount_vnd=amount_of(message),
        paid_at=time_of(message, otherwise),
        merchant_reference=reference,
        bank_transaction_id=number,
        unmapped_status=unmapped_status[:32],
    )


def fee_information(
    bill: Bill,
    payer: Payer,
    payee: Payee,
    account: MerchantAccount,
    *,
    amount_vnd: int,
    file_code: str,
) -> dict[str, object]:
    """What both a receipt (ThongTinBienLai) and the answer to a look-up say of a fee.

    The lines are named only where they add up to `amount_vnd`: part of a bill may be paid already.
    """
    settings = account.settings
    procedure = procedure_of(bill, account)
    lines = [(line.code, line.description, line.amount_vnd) for line in bill.lines]
    if sum(amount for _, _, amount in lines) != amount_vnd:
        lines = [(procedure.service_code, bill.description, amount_vnd)]
    kind = settings.get("loai_phi_le_phi") or "Phi"
    return {
        "MaDichVu": settings.get("ma_dich_vu") or "2",
        "MaDVC": procedure.service_code,
        "TenDVC": procedure.service_name[:MAX_NAME],
        "MaTTHC": procedure.code,
        "TenTTHC": procedure.name[:MAX_NAME],
        "MaDonVi": settings.get("ma_don_vi") or payee.unit_code,
        "TenDonVi": payee.unit_name,
        "MaHoSo": file_code,
        "TKThuHuong": payee.account_number,
        "MaNHThuHuong": settings.get("ma_nh_thu_huong") or payee.bank_bin,
        "TenTKThuHuong": payee.account_holder,
        "NoiDungThanhToan": bill.description,
        "HoTenNguoiNop": payer.name,
        "SoCMNDNguoiNop": payer.personal_id or NO_PERSONAL_ID,
        "DiaChiNguoiNop": payer.address,
        "HuyenNguoiNop": "",
        "TinhNguoiNop": "",
        "PhiLePhi": [
            {"LoaiPhiLePhi": kind, "MaPhiLePhi": code, "TenPhiLePhi": name, "SoTien": str(amount)}
            for code, name, amount in lines
        ],
        "DSKhoanNop": [{"NoiDung": name, "SoTien": str(amount)} for _, name, amount in lines],
    }


def procedure_of(bill: Bill, account: MerchantAccount) -> Procedure:
    """The bill's own procedure, or the account's where the bill names none."""
    if bill.procedure.code:
        own = bill.procedure
    else:
        own = Procedure(
            code=account.settings.get("ma_tthc", ""),
            name=account.settings.get("ten_tthc", ""),
            service_code=account.settings.get("ma_dvc", ""),
            service_name=account.settings.get("ten_dvc", ""),
        )
    return Procedure(
        code=own.code,
        name=own.name,
        service_code=own.service_code or (f"{own.code}.01" if own.code else ""),
        service_name=own.service_name or own.name,
    )
