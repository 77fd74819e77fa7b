"""The National Public Service Portal's side: takes orders, shows a citizen what to pay, tells the partner,
answers questions, issues receipts; and asks a partner what a file owes before its citizen pays.

Written from what integrators' code shows of the protocol (github.com/VietOpenCPS/opencps-v2,
modules/pay-gate-integration; github.com/HuanVu201/DichVuCong_KhoaLuan_PASETO). No specification is
public, so this portal chooses where they are silent: the codes of unpaid orders, its retries, the
signature of the pull flow, an own field of INIT for the return address (a partner's `return_field`).
It varies what the sources vary: every other INIT is answered through a province's proxy, every other
receipt is an address that lives five minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx

from sandbox.bank import VIETNAM
from sandbox.provider import (
    Call,
    CallReply,
    Decided,
    Merchant,
    Message,
    Movement,
    MovementState,
    OrderRefusedError,
    PayPage,
)

NAME: str = "dvcqg"
DELAYS_S: tuple[float, ...] = (60.0, 300.0, 900.0, 1800.0)
SIGNED: tuple[str, ...] = (
    '"SoTien":', '"LoaiBanTin":', '"MaLoi":', '"MaDoiTac":', '"MaThamChieu":', '"MaTienTe":',
    '"MaGiaoDich":', '"MaNganHang":', '"ThoiGianGD":', '"ThongTinGiaoDich":', '"MaXacThuc":',
)  # fmt: skip
UNSIGNED: tuple[str, ...] = ('"UrlBienLai":', '"Token":')
MA_LOI: Final = {MovementState.PAID: "00", MovementState.FAILED: "99", MovementState.PENDING: "03"}
TRANG_THAI: Final = {MovementState.PAID: "1", MovementState.FAILED: "4", MovementState.PENDING: "3"}
RECEIPT_LIVES: Final = timedelta(minutes=5)
_TIME: Final = "%Y%m%d%H%M%S"
_INIT: Final = (
    "LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "SoTien", "LoaiHinhThanhToan",
    "MaKenhThanhToan", "MaThietBi", "NgonNgu", "MaTienTe", "MaNganHang", "ThongTinGiaoDich",
    "ThoiGianGD", "Ip",
)  # fmt: skip
_ASKED: Final = ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD")
_CONFIRM: Final = (
    "LoaiBanTin", "MaLoi", "MaDoiTac", "MaThamChieu", "SoTien", "MaTienTe", "MaGiaoDich",
    "MaNganHang", "ThoiGianGD", "ThongTinGiaoDich",
)  # fmt: skip
_RESULT: Final = (
    "MaTraCuuTT", "SoTien", "TrangThaiThanhToan", "MaGiaoDich", "ThoiGianGD", "MaDoiTac",
)  # fmt: skip
_RECEIPT: Final = (  # must be there and not empty for a fee of a file (MaDichVu 2)
    "MaDichVu", "MaDVC", "TenDVC", "MaTTHC", "TenTTHC", "MaDonVi", "TenDonVi", "MaHoSo",
    "TKThuHuong", "MaNHThuHuong", "TenTKThuHuong", "NoiDungThanhToan", "SoCMNDNguoiNop",
    "PhiLePhi", "DSKhoanNop",
)  # fmt: skip


def stamp(at: datetime) -> str:
    """yyyyMMddHHmmss in Vietnam."""
    return f"{at.astimezone(VIETNAM):{_TIME}}"


def ma_xac_thuc(merchant: Merchant, values: Iterable[object]) -> str:
    """The code over values joined by "|", as this partner was set up to be spoken to."""
    secret = merchant.secrets["secret_key"]
    joined = "|".join(str(value) for value in values)
    if merchant.settings.get("hash_mode") == "hmac_sha256":
        return hmac.new(secret.encode(), joined.encode(), hashlib.sha256).hexdigest()
    return hashlib.sha256(f"{joined}|{secret}".encode()).hexdigest()


async def message(
    client: httpx.AsyncClient,  # noqa: ARG001 - a notifier's shape: others fetch a token first
    movement: Movement,
    merchant: Merchant,
    *,
    leave_out: str = "",
) -> Message:
    """A CONFIRM. The card's token and the receipt's address ride along unsigned."""
    said = confirmed(movement, merchant)
    said.pop(leave_out, None)
    signed = ma_xac_thuc(merchant, (said.get(name, "") for name in _confirm_order(merchant)))
    extra = {
        "Token": f"tok{movement.sequence}",
        "UrlBienLai": f"https://bienlai.invalid/{movement.sequence}",
    }
    return _json_message("", {**said, **extra, "MaXacThuc": signed})


def is_final(reply: httpx.Response) -> bool:
    """MaLoi 00: the partner has it."""
    return _said(reply, "MaLoi") == "00"


def confirmed(movement: Movement, merchant: Merchant) -> dict[str, object]:
    """The ten signed fields of a result."""
    return {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": MA_LOI[movement.state],
        "MaDoiTac": merchant.settings["partner_code"],
        "MaThamChieu": movement.merchant_reference,
        "SoTien": movement.amount_vnd,
        "MaTienTe": "VND",
        "MaGiaoDich": f"TT{movement.sequence:012d}",
        "MaNganHang": "VCB",
        "ThoiGianGD": stamp(movement.at),
        "ThongTinGiaoDich": movement.content or "THANH TOAN",
    }


@dataclass(frozen=True, slots=True)
class PullNotifier:
    """Tells a partner of what a citizen paid after a look-up; it knocks at /result below the address.

    A movement without a MaTraCuuTT of the partner's gets the one that a look-up at its moment makes.
    """

    NAME: str = NAME
    DELAYS_S: tuple[float, ...] = DELAYS_S
    SIGNED: tuple[str, ...] = (
        '"SoTien":', '"MaTraCuuTT":', '"TrangThaiThanhToan":', '"MaGiaoDich":', '"ThoiGianGD":',
        '"MaDoiTac":', '"MaXacThuc":',
    )  # fmt: skip
    UNSIGNED: tuple[str, ...] = ('"HoTenNguoiNop":', '"UrlBienLai":', '"SoBienLai":')

    async def message(
        self,
        client: httpx.AsyncClient,  # noqa: ARG002 - a notifier's shape
        movement: Movement,
        merchant: Merchant,
        *,
        leave_out: str = "",
    ) -> Message:
        """The signed result; the payer and the receipt ride along unsigned."""
        number = movement.merchant_reference
        if not re.search(r"[0-9]{14}\Z", number):
            number += stamp(movement.at)
        said: dict[str, object] = {
            "MaTraCuuTT": number,
            "SoTien": movement.amount_vnd,
            "TrangThaiThanhToan": TRANG_THAI[movement.state],
            "MaGiaoDich": f"TC{movement.sequence:012d}",
            "ThoiGianGD": stamp(movement.at),
            "MaDoiTac": merchant.settings["partner_code"],
        }
        said.pop(leave_out, None)
        signed = ma_xac_thuc(merchant, (said.get(name, "") for name in _RESULT))
        extra = {
            "HoTenNguoiNop": "NGUYEN VAN A",
            "UrlBienLai": f"https://bienlai.invalid/{movement.sequence}",
            "SoBienLai": f"{movement.sequence:07d}",
            "NgayBienLai": stamp(movement.at)[:8],
        }
        return _json_message("/result", {**said, **extra, "MaXacThuc": signed})

    def is_final(self, reply: httpx.Response) -> bool:
        """error_code 0: the partner has it."""
        return _said(reply, "error_code") == "0"


PULL: Final = PullNotifier()


def portal_url(merchant: Merchant) -> str:
    """Where the pull flow finds a partner: beside the address that CONFIRM goes to."""
    return merchant.ipn_url.replace(f"/ipn/{NAME}/", "/portal/")


def question(merchant: Merchant, code: str, at: datetime) -> Message:
    """A signed look-up of a file's code."""
    said = {"MaHoSo": code, "ThoiGianGD": stamp(at), "MaDoiTac": merchant.settings["partner_code"]}
    return _json_message("/lookup", {**said, "MaXacThuc": ma_xac_thuc(merchant, said.values())})


async def look_up(
    client: httpx.AsyncClient, merchant: Merchant, code: str, at: datetime
) -> httpx.Response:
    """Ask a partner what must be paid under a code."""
    asked = question(merchant, code, at)
    return await client.post(
        portal_url(merchant) + asked.path, headers=list(asked.headers), content=asked.body
    )


async def report(
    client: httpx.AsyncClient, merchant: Merchant, movement: Movement
) -> httpx.Response:
    """Tell a partner once what a citizen paid after a look-up."""
    notified = await PULL.message(client, movement, merchant)
    return await client.post(
        portal_url(merchant) + notified.path, headers=list(notified.headers), content=notified.body
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a partner asked a citizen to pay; `sequence` counts the portal's orders from 1."""

    sequence: int
    merchant: Merchant
    reference: str
    amount_vnd: int
    info: str
    return_url: str

    @property
    def order_id(self) -> str:
        """The portal's own name for it."""
        return f"{self.merchant.settings['partner_code']}.{self.reference}"


class Dvcqg:
    """The portal with its partners and its books."""

    def __init__(self, merchants: Sequence[Merchant]) -> None:
        self.NAME = NAME
        self.merchants = merchants
        self.movements: list[Movement] = []
        self.orders: dict[str, Order] = {}
        self._ended: dict[str, Movement] = {}
        self._receipts: dict[str, datetime] = {}
        self._sequences = count(1)

    def answer(self, call: Call, at: datetime) -> CallReply:
        """INIT, QUERY, GET_BILL by POST; a receipt's address by GET."""
        if call.method == "GET":
            return self._receipt_page(call.path, at)
        try:
            asked = json.loads(call.body)
            partner = str(asked["MaDoiTac"])
        except (ValueError, TypeError, KeyError):
            return _refusal("99", "Sai định dạng bản tin")
        merchant = next(
            (one for one in self.merchants if one.settings.get("partner_code") == partner), None
        )
        if merchant is None:
            return _refusal("01", "Mã đối tác không tồn tại")
        bearer = merchant.secrets.get("bearer", "")
        if bearer and call.headers.get("authorization") != f"Bearer {bearer}":
            return CallReply(status=401, body=b'{"MaLoi":"99","MoTaLoi":"Token"}')
        kind = asked.get("LoaiBanTin")
        names = _INIT if kind == "INIT" else _ASKED
        expected = ma_xac_thuc(merchant, (asked.get(name, "") for name in names))
        if not hmac.compare_digest(str(asked.get("MaXacThuc")).encode(), expected.encode()):
            return _refusal("97", "Mã xác thực không chính xác")
        match kind:
            case "INIT":
                return self._init(asked, merchant)
            case "QUERY":
                return self._query(asked, merchant, at)
            case "GET_BILL":
                return self._get_bill(asked, merchant, at)
            case _:
                return _refusal("99", "Loại bản tin không hợp lệ")

    def open_order(self, call: Call, at: datetime) -> PayPage:  # noqa: ARG002 - orders do not expire here
        """The order behind UrlThanhToan. Raises OrderRefusedError."""
        order = self._order(parse_qs(call.query).get("order", [""])[0])
        return PayPage(order_id=order.order_id, amount_vnd=order.amount_vnd, info=order.info)

    def decide(self, order_id: str, *, is_paid: bool, at: datetime) -> Decided:
        """The citizen pays or cancels; again is the same. Raises OrderRefusedError."""
        order = self._order(order_id)
        if order_id not in self._ended:
            movement = self._move(
                merchant_reference=order.reference,
                amount_vnd=order.amount_vnd,
                content=order.info,
                state=MovementState.PAID if is_paid else MovementState.FAILED,
                merchant=order.merchant,
                at=at,
            )
            self._ended[order_id] = movement
        ended = self._ended[order_id]
        mark = "&" if urlsplit(order.return_url).query else "?"
        back = urlencode({"MaThamChieu": order.reference, "MaLoi": MA_LOI[ended.state]})
        return Decided(
            movement=ended, merchant=order.merchant, return_url=f"{order.return_url}{mark}{back}"
        )

    def pay_looked_up(
        self, notified: Mapping[str, Any], merchant: Merchant, at: datetime
    ) -> Movement:
        """The citizen pays all that a look-up's message named; what `report` then tells of."""
        return self._move(
            merchant_reference=str(notified["MaTraCuuTT"]),
            amount_vnd=sum(int(line["SoTien"]) for line in notified["PhiLePhi"]),
            content=str(notified["NoiDungThanhToan"]),
            state=MovementState.PAID,
            merchant=merchant,
            at=at,
        )

    def _move(
        self, *, merchant_reference: str, amount_vnd: int, content: str, state: MovementState,
        merchant: Merchant, at: datetime,
    ) -> Movement:  # fmt: skip
        movement = Movement(
            sequence=next(self._sequences),
            amount_vnd=amount_vnd,
            at=at,
            state=state,
            merchant_reference=merchant_reference,
            content=content,
            account_number=merchant.account_number,
        )
        if state is MovementState.PAID:
            self.movements.append(movement)
        return movement

    def _order(self, order_id: str) -> Order:
        if order_id not in self.orders:
            raise OrderRefusedError("Không tìm thấy yêu cầu thanh toán.")
        return self.orders[order_id]

    def _init(self, asked: Mapping[str, Any], merchant: Merchant) -> CallReply:
        if not _is_sound(asked):
            return _refusal("02", "Dữ liệu không hợp lệ")
        return_field = merchant.settings.get("return_field", "")
        order = Order(
            sequence=len(self.orders) + 1,
            merchant=merchant,
            reference=str(asked["MaThamChieu"]),
            amount_vnd=int(asked["SoTien"]),
            info=str(asked["ThongTinGiaoDich"]),
            return_url=str(asked.get(return_field) or _origin(merchant.ipn_url)),
        )
        known = self.orders.setdefault(order.order_id, order)
        if known.amount_vnd != order.amount_vnd:
            return _refusal("02", "Mã tham chiếu đã tồn tại")
        url = f"{_base(merchant)}/pay?order={quote(order.order_id)}"
        said = {"MaLoi": "00", "MoTaLoi": "Thành công", "UrlThanhToan": url}
        if known.sequence % 2:
            return _json({"error_code": "0", "message": json.dumps(said, ensure_ascii=False)})
        return _json({**said, "MaThamChieu": order.reference})

    def _query(self, asked: Mapping[str, Any], merchant: Merchant, at: datetime) -> CallReply:
        order = self._found(asked, merchant)
        if order is None:
            return _refusal("99", "Không tìm thấy giao dịch")
        movement = self._ended.get(order.order_id) or Movement(
            sequence=0,
            amount_vnd=order.amount_vnd,
            at=at,
            state=MovementState.PENDING,
            merchant_reference=order.reference,
            content=order.info,
        )
        said = {**confirmed(movement, merchant), "LoaiBanTin": "QUERY"}
        signed = ma_xac_thuc(merchant, (said[name] for name in _confirm_order(merchant)))
        return _json({**said, "TrangThaiGD": TRANG_THAI[movement.state], "MaXacThuc": signed})

    def _get_bill(self, asked: Mapping[str, Any], merchant: Merchant, at: datetime) -> CallReply:
        order = self._found(asked, merchant)
        movement = self._ended.get(order.order_id) if order else None
        if order is None or movement is None or movement.state is not MovementState.PAID:
            return _refusal("99", "Chưa có biên lai")
        if order.sequence % 2:
            return CallReply(body=receipt_pdf(order), content_type="application/pdf")
        name = hashlib.sha256(f"{order.order_id}{at}".encode()).hexdigest()[:32]
        self._receipts[name] = at + RECEIPT_LIVES
        url = f"{_base(merchant)}/receipt/{name}/{quote(order.order_id)}"
        return _json({"MaLoi": "00", "MoTaLoi": "Thành công", "UrlBienLai": url})

    def _receipt_page(self, path: str, at: datetime) -> CallReply:
        _, _, rest = path.partition("/receipt/")
        name, _, order_id = rest.partition("/")
        if order_id not in self.orders or self._receipts.get(name, at) <= at:
            return CallReply(status=404, body=b"Not Found", content_type="text/plain")
        return CallReply(body=receipt_pdf(self.orders[order_id]), content_type="application/pdf")

    def _found(self, asked: Mapping[str, Any], merchant: Merchant) -> Order | None:
        partner = merchant.settings["partner_code"]
        return self.orders.get(f"{partner}.{asked.get('MaThamChieu')}")


def _is_sound(asked: Mapping[str, Any]) -> bool:
    """Whether an INIT is complete and its fee lines add up to what is to be paid."""
    rules = {
        "MaThamChieu": r"[0-9A-Za-z]{1,20}",
        "SoTien": r"[1-9][0-9]{0,12}",
        "ThoiGianGD": r"[0-9]{14}",
        "ThongTinGiaoDich": r"[ -~]{1,210}",
        "MaTienTe": r"VND",
        "LoaiHinhThanhToan": r"PAY",
    }
    if not all(re.fullmatch(rule, str(asked.get(name))) for name, rule in rules.items()):
        return False
    receipt = asked.get("ThongTinBienLai")
    if not isinstance(receipt, dict) or not all(receipt.get(name) for name in _RECEIPT):
        return False
    try:
        sums = [
            sum(int(line["SoTien"]) for line in receipt[lines])
            for lines in ("PhiLePhi", "DSKhoanNop")
        ]
    except (ValueError, TypeError, KeyError):
        return False
    return sums == [int(asked["SoTien"])] * 2


def receipt_pdf(order: Order) -> bytes:
    """One page that says which order was paid and how much."""
    text = f"BIEN LAI {order.reference}  {order.amount_vnd} VND"
    stream = f"BT /F1 14 Tf 40 780 Td ({text}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    pdf, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(pdf)
    pdf += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    pdf += b"".join(b"%010d 00000 n \n" % place for place in places)
    pdf += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    return bytes(pdf)


def _confirm_order(merchant: Merchant) -> tuple[str, ...]:
    if merchant.settings.get("confirm_order") == "text_time":
        return (*_CONFIRM[:8], _CONFIRM[9], _CONFIRM[8])
    return _CONFIRM


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def _base(merchant: Merchant) -> str:
    """This server's own address, as the partner reaches it."""
    url = merchant.settings.get("api_url") or merchant.settings["init_url"]
    before, mark, _ = url.partition(f"/sandbox/{NAME}")
    return f"{before if mark else _origin(url).rstrip('/')}/sandbox/{NAME}"


def _said(reply: httpx.Response, name: str) -> object:
    try:
        notified = reply.json()
    except ValueError:
        return None
    return notified.get(name) if isinstance(notified, dict) else None


def _json_message(path: str, said: Mapping[str, object]) -> Message:
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(path=path, headers=(("content-type", "application/json"),), body=body)


def _json(said: Mapping[str, object]) -> CallReply:
    return CallReply(body=json.dumps(said, ensure_ascii=False).encode())


def _refusal(code: str, why: str) -> CallReply:
    return _json({"MaLoi": code, "MoTaLoi": why})
