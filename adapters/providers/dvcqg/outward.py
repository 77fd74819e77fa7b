"""From us to the portal: an order (INIT), what became of it (QUERY), its receipt (GET_BILL).

See the package's docstring for sources and choices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from adapters.contract import (
    Answer,
    Checkout,
    MerchantAccount,
    Notice,
    Order,
    OrderQuery,
    Outcome,
    OutgoingRequest,
    Refused,
    RefusedError,
)
from adapters.providers.dvcqg.message import (
    code_of,
    confirmed_values,
    expect_genuine,
    fee_information,
    local,
    payment_notice,
    procedure_of,
    signed_text,
)
from adapters.wire import MAX_AMOUNT_VND, expect_bounded, identity, json_object, setting

INIT_FIELDS: Final = (  # signed in this order
    "LoaiBanTin",
    "PhienBan",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "LoaiHinhThanhToan",
    "MaKenhThanhToan",
    "MaThietBi",
    "NgonNgu",
    "MaTienTe",
    "MaNganHang",
    "ThongTinGiaoDich",
    "ThoiGianGD",
    "Ip",
)
MAX_NARRATION: Final = 210
MAX_RECEIPT_BYTES: Final = 10 * 1024 * 1024
FINES_ONLY: Final = (  # of ThongTinBienLai; an integrator sends them empty for any other fee
    "MaLoaiHinhThuPhat",
    "TenLoaiHinhThuPhat",
    "MaCoQuanQD",
    "TenCoQuanQD",
    "KhoBac",
    "NgayQD",
    "SoQD",
    "ThoiGianViPham",
    "DiaDiemViPham",
    "TenNguoiViPham",
    "TaiKhoanThuNSNN",
)


def create(order: Order, account: MerchantAccount) -> OutgoingRequest:
    """A signed INIT. See CreateAdapter.create."""
    _expect_payable(order)
    if not procedure_of(order.bill, account).code:
        raise RefusedError(Refused.BUSY, "ma_tthc")
    fields = {
        "LoaiBanTin": "INIT",
        "PhienBan": _version(account),
        "MaDoiTac": setting(account, "partner_code"),
        "MaThamChieu": order.merchant_reference,
        "SoTien": str(order.amount_vnd),
        "LoaiHinhThanhToan": "PAY",
        "MaKenhThanhToan": "1",
        "MaThietBi": "1",
        "NgonNgu": "vi-VN",
        "MaTienTe": "VND",
        "MaNganHang": "PAYMENT",
        "ThongTinGiaoDich": order.description[:MAX_NARRATION].rstrip(),
        "ThoiGianGD": local(order.created_at),
        "Ip": order.client_ip,
    }
    signed = code_of((fields[name] for name in INIT_FIELDS), account)
    receipt = fee_information(
        order.bill,
        order.payer,
        order.payee,
        account,
        amount_vnd=order.amount_vnd,
        file_code=order.bill.file_code or order.bill.reference,
    )
    message = {**fields, "ThongTinBienLai": receipt | dict.fromkeys(FINES_ONLY, "")}
    if return_field := account.settings.get("return_field"):
        message[return_field] = order.return_url
    return _post("init_url", {**message, "MaXacThuc": signed}, account)


def read_created(order: Order, answer: Answer, account: MerchantAccount) -> Checkout:
    """UrlThanhToan, from either shape of the answer. See CreateAdapter.read_created."""
    message = _spoken(answer)
    _expect_taken(message)
    if identity(message, "MaThamChieu", required=False) not in ("", order.merchant_reference):
        raise RefusedError(Refused.BAD_FIELD, "MaThamChieu")
    url = message.get("UrlThanhToan")
    return Checkout(url=_address(url, "UrlThanhToan", account, hosts="pay_hosts"))


def read_return(query: bytes, account: MerchantAccount) -> Outcome:  # noqa: ARG001 - the contract's shape
    """The portal signs nothing in the browser: only CONFIRM or QUERY can tell."""
    return Outcome.PENDING


def ask(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed QUERY; ThoiGianGD is the order's, as in its INIT. See QueryAdapter.ask."""
    return _post("query_url", _question("QUERY", query, account), account)


def read_answer(query: OrderQuery, answer: Answer, account: MerchantAccount) -> tuple[Notice, ...]:
    """The same notice as the CONFIRM of the same transaction. See QueryAdapter.read_answer."""
    message = _spoken(answer)
    code = identity(message, "MaLoi")
    state = identity(message, "TrangThaiGD", required=False)
    if not state and code != "00":
        raise RefusedError(Refused.BUSY, "MaLoi")  # no code is known to mean "no such order"
    match account.settings.get("answer_hash", "confirm"):
        case "confirm":
            expect_genuine(message, confirmed_values(message, account), account)
        case "none":
            pass
        case _:
            raise RefusedError(Refused.BUSY, "answer_hash")
    if signed_text(message, "MaDoiTac") != setting(account, "partner_code"):
        raise RefusedError(Refused.WRONG_MERCHANT, "MaDoiTac")
    if signed_text(message, "MaThamChieu") != query.merchant_reference:
        raise RefusedError(Refused.BAD_FIELD, "MaThamChieu")
    outcome, unmapped = _outcome(code, identity(message, "TrangThaiGD"))
    return (payment_notice(message, outcome, unmapped, query.asked_at),)


def ask_receipt(query: OrderQuery, account: MerchantAccount) -> OutgoingRequest:
    """A signed GET_BILL. See ReceiptAdapter.ask_receipt."""
    return _post("bill_url", _question("GET_BILL", query, account), account)


def read_receipt(
    query: OrderQuery,  # noqa: ARG001 - the contract's shape
    answer: Answer,
    account: MerchantAccount,
) -> bytes | OutgoingRequest | None:
    """The PDF itself, or the fetch of its five-minute address. See ReceiptAdapter.read_receipt."""
    if answer.status == 404:
        return None
    _expect_answered(answer)
    if answer.content_type == "application/pdf" or answer.body.startswith(b"%PDF-"):
        if len(answer.body) > MAX_RECEIPT_BYTES:
            raise RefusedError(Refused.TOO_LARGE)
        if not answer.body.startswith(b"%PDF-"):
            raise RefusedError(Refused.MALFORMED)
        return answer.body
    message = _unwrapped(answer)
    url = message.get("UrlBienLai") or message.get("URLBienLai")
    if not url or identity(message, "MaLoi", required=False) not in ("", "00"):
        return None
    address = _address(url, "UrlBienLai", account, hosts="receipt_hosts")
    # without the portal's credentials: the address may lead to another host
    return OutgoingRequest(method="GET", url=address, headers={}, body=b"")


def _version(account: MerchantAccount) -> str:
    return account.settings.get("version") or "1.0.6"


def _question(kind: str, query: OrderQuery, account: MerchantAccount) -> dict[str, object]:
    fields = {
        "LoaiBanTin": kind,
        "PhienBan": _version(account),
        "MaDoiTac": setting(account, "partner_code"),
        "MaThamChieu": query.merchant_reference,
        "ThoiGianGD": local(query.ordered_at),
    }
    return {**fields, "MaXacThuc": code_of(fields.values(), account)}


def _post(which: str, message: Mapping[str, object], account: MerchantAccount) -> OutgoingRequest:
    headers = {"content-type": "application/json"}
    if bearer := account.secrets.get("bearer"):
        headers["authorization"] = f"Bearer {bearer}"
    return OutgoingRequest(
        method="POST",
        url=account.settings.get(which) or setting(account, "api_url"),
        headers=headers,
        body=json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(),
    )


def _expect_payable(order: Order) -> None:
    rules = {
        "merchant_reference": (r"[0-9A-Za-z]{1,20}", order.merchant_reference),
        "description": (r"(?! )[ -{}~]+", order.description),  # unaccented, without "|"
        "account_number": (r"[0-9A-Za-z]{1,19}", order.payee.account_number),
    }
    for name, (rule, value) in rules.items():
        if not re.fullmatch(rule, value):
            raise ValueError(f"{name} does not fit the portal's field")
    if not 1 <= order.amount_vnd <= MAX_AMOUNT_VND:
        raise ValueError("amount_vnd does not fit the portal's field")
    ip_address(order.client_ip)


def _spoken(answer: Answer) -> dict[str, Any]:
    _expect_answered(answer)
    return _unwrapped(answer)


def _expect_answered(answer: Answer) -> None:
    """Raise RefusedError(BUSY) for nothing, a page for people, or a portal that is down."""
    is_down = answer.status >= 500 or answer.status in (408, 429)
    if is_down or not answer.body or answer.content_type == "text/html":
        raise RefusedError(Refused.BUSY)


def _unwrapped(answer: Answer) -> dict[str, Any]:
    """The message as the portal said it: bare, or inside a province's {error_code, message}."""
    expect_bounded(answer.body)
    message = json_object(answer.body)
    if "error_code" not in message:
        return message
    if identity(message, "error_code") != "0":
        raise RefusedError(Refused.BAD_FIELD, "error_code")
    inner = message.get("message")
    if isinstance(inner, str):
        return json_object(inner.encode("utf-8", "surrogatepass"))
    if not isinstance(inner, dict):
        raise RefusedError(Refused.MALFORMED, "message")
    return inner


def _expect_taken(message: Mapping[str, Any]) -> None:
    """Raise unless the order was taken: BUSY for the code of "other errors", which may pass."""
    match identity(message, "MaLoi", required=False):
        case "00" | "":
            return
        case "99":
            raise RefusedError(Refused.BUSY, "MaLoi")
        case _:
            raise RefusedError(Refused.BAD_FIELD, "MaLoi")


def _outcome(code: str, state: str) -> tuple[Outcome, str]:
    """TrangThaiGD as an outcome; "1" counts only with MaLoi 00, the one that is signed."""
    match (code, state):
        case ("00", "1"):
            return Outcome.PAID, ""
        case (_, "3"):
            return Outcome.PENDING, ""
        case (_, "4"):
            return Outcome.FAILED, ""
        case (_, "1"):
            return Outcome.PENDING, f"{state} ({code})"
        case _:
            return Outcome.PENDING, state


def _address(url: object, field: str, account: MerchantAccount, *, hosts: str) -> str:
    """An address that the portal names, if it may be followed. Raises RefusedError(BAD_FIELD).

    https with a plain host name, standing in the setting `hosts` where that is set; the setting
    allow_http takes http and numbered hosts too.
    """
    if not isinstance(url, str) or not re.fullmatch(r"https?://[!#-\[\]-~]{1,2040}", url):
        raise RefusedError(Refused.BAD_FIELD, field)
    try:
        parts = urlsplit(url)
        host, is_odd = parts.hostname or "", parts.username is not None or parts.port == 0
    except ValueError:
        raise RefusedError(Refused.BAD_FIELD, field) from None
    allowed = [text.strip().lower() for text in account.settings.get(hosts, "").split(",")]
    is_lenient = account.settings.get("allow_http") == "yes"
    is_named = re.fullmatch(r"[0-9a-z-]+(\.[0-9a-z-]+)*\.[a-z][0-9a-z-]*", host) is not None
    if (
        is_odd
        or not host
        or (any(allowed) and host not in allowed)
        or not (is_lenient or (parts.scheme == "https" and is_named))
    ):
        raise RefusedError(Refused.BAD_FIELD, field)
    return url
