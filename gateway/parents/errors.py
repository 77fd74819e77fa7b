"""What is refused on the parents' pages. No error repeats a token."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import Message, msg
from core.kit.errors import ConflictError, NotFoundError, UnavailableError


class TooManyStreamsError(UnavailableError):
    """As many pages as one process serves watch an invoice already."""

    code = "too_many_streams"
    title = msg("Hãy thử lại sau.")


class CheckoutUnavailableError(ConflictError):
    """The provider refused the order; why, stands in the log."""

    code = "checkout_unavailable"
    title = msg(
        "Kênh thanh toán này tạm thời chưa dùng được cho khoản này. Hãy chuyển khoản bằng mã QR."
    )


@dataclass(eq=False)
class AmountOutOfRangeError(ConflictError):
    """The chosen way does not take what is left to pay; amounts in VND."""

    code = "amount_out_of_range"
    title = msg("Kênh thanh toán này không nhận số tiền này trong một lần.")
    text = msg("{name} chỉ nhận từ {min_vnd:vnd} đến {max_vnd:vnd} mỗi lần.")
    name: Message
    min_vnd: int
    max_vnd: int


class WayToPayNotFoundError(NotFoundError):
    """The school has no such way to pay for this invoice, or disabled it."""

    text = msg("Không tìm thấy kênh thanh toán này.")


class QrNotFoundError(NotFoundError):
    """Nothing is left to pay, or more than one transfer may carry."""

    text = msg("Không tìm thấy mã QR này.")


class ConfirmationNotFoundError(NotFoundError):
    """No payment has this token, or it settles nothing (yet)."""

    text = msg("Không tìm thấy giấy xác nhận này.")
