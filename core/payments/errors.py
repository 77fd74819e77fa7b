"""What opening a checkout refuses."""

from __future__ import annotations

from adapters.messages import msg
from core.kit.errors import ConflictError, NotFoundError, TooManyRequestsError


class NoSuchInvoiceError(NotFoundError):
    """The school has no such invoice."""

    text = msg("Không tìm thấy phiếu báo thu.")


class NothingToPayError(ConflictError):
    """The invoice is paid or cancelled."""

    code = "nothing_to_pay"
    title = msg("Phiếu báo thu này không còn khoản nào phải nộp.")


class TooManyCheckoutsError(TooManyRequestsError):
    """As many checkouts of the invoice are open as may be."""

    code = "too_many_checkouts"
    title = msg("Có quá nhiều lượt thanh toán đang mở. Hãy thử lại sau 15 phút.")
