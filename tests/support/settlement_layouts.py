"""Settlement files as rows, for tests: each layout's header, and the same lines under any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from support.table_files import Value

from adapters.settlements import Kind

ROLES = (
    *("kind", "transaction", "merchant", "original", "gross", "fee", "vat", "net"),
    *("paid", "settled", "batch"),
)
HEADERS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "neutral": (
            *("type", "provider_transaction_id", "merchant_reference", "original_reference"),
            *("gross", "fee", "vat", "net", "paid_at", "settled_on", "batch_id"),
        ),
        "neutral vi": (
            *("Loại", "Mã giao dịch của nhà cung cấp", "Mã đơn hàng", "Mã giao dịch gốc"),
            *("Số tiền giao dịch", "Phí", "Thuế GTGT của phí", "Thực nhận"),
            *("Thời gian thanh toán", "Ngày quyết toán", "Mã lô"),
        ),
        "vnpay": (
            *("Loại giao dịch", "Mã giao dịch\nVNPAY", "Mã tham chiếu (TxnRef)", "Mã GD gốc"),
            *("Số tiền giao dịch\n(VND)", "Phí giao dịch/ Fee", "VAT\n(VNĐ)", "Số tiền thực nhận"),
            *("Thời gian giao dịch", "Ngày quyết toán", "Mã lô quyết toán"),
        ),
        "momo": (
            *("Loại giao dịch", "transId", "orderId", "Mã giao dịch gốc"),
            *("Số tiền", "Phí chưa VAT (đ)", "VAT", "Thực nhận", "Ngày giao dịch"),
            *("Ngày kết chuyển", "Mã kết chuyển"),
        ),
        "zalopay": (
            *("Loại", "zp_trans_id", "app_trans_id", "Mã giao dịch gốc"),
            *("Giá trị giao dịch", "Phí xử lý", "Thuế VAT", "Số tiền thực trả", "paid_at"),
            *("Ngày tất toán", "Mã lô"),
        ),
        "payos": (
            *("Loại giao dịch", "Mã tham chiếu", "orderCode", "Mã đơn hàng gốc"),
            *("Số tiền", "Phí dịch vụ", "VAT phí", "Net/ Thực nhận", "Transaction time"),
            *("Settlement date", "Batch"),
        ),
    }
)
KIND_WORDS = {
    Kind.PAY: "Thanh toán",
    Kind.REFUND: "Hoàn tiền",
    Kind.FEE: "Phí dịch vụ",
    Kind.CHARGEBACK: "Chargeback",
    Kind.ADJUSTMENT: "Điều chỉnh",
}


@dataclass(frozen=True, kw_only=True)
class Item:
    """A line to be written, VND as the school sees it; net follows unless it is given."""

    kind: Kind = Kind.PAY
    transaction: str = "14422001"
    merchant: str = "HP7K2M9QX4TB00"
    original: str = ""
    gross_vnd: int
    fee_vnd: int = 0
    vat_vnd: int = 0
    false_net_vnd: int | None = None
    paid: datetime | None = None
    settled: date = date(2026, 11, 21)
    batch: str = "B1"

    @property
    def net_vnd(self) -> int:
        if self.false_net_vnd is not None:
            return self.false_net_vnd
        return self.gross_vnd - self.fee_vnd - self.vat_vnd


def row_of(item: Item, show: Mapping[str, str] | None = None) -> list[Value]:
    """The cells of a line in the order of ROLES; `show` replaces some by role."""
    cells: dict[str, Value] = {
        "kind": KIND_WORDS[item.kind],
        "transaction": item.transaction,
        "merchant": item.merchant,
        "original": item.original,
        "gross": item.gross_vnd,
        "fee": item.fee_vnd,
        "vat": item.vat_vnd,
        "net": item.net_vnd,
        "paid": item.paid.strftime("%d/%m/%Y %H:%M:%S") if item.paid else "",
        "settled": item.settled.strftime("%d/%m/%Y"),
        "batch": item.batch,
        **(show or {}),
    }
    return [cells[role] for role in ROLES]


def total_row(label: str, gross: Value, fee: Value, vat: Value, net: Value) -> list[Value]:
    """A total below the lines."""
    return [label, "", "", "", gross, fee, vat, net, "", "", ""]


def paper(layout: str, items: Sequence[Item]) -> list[list[Value]]:
    """A plain file: the header and its lines."""
    return [list(HEADERS[layout]), *(row_of(item) for item in items)]
