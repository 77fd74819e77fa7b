"""What the refunds refuse: requests that cannot be taken, decisions that come too late, payees that are wrong.

No error names a payer or an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from adapters.messages import msg
from core.kit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from core.kit.faults import Fault


class UnknownPaymentError(NotFoundError):
    """No payment of the school has the id."""

    text = msg("Không tìm thấy khoản thu này.")


class UnknownRefundError(NotFoundError):
    """No refund of the school has the id."""

    text = msg("Không tìm thấy khoản hoàn tiền này.")


class UnknownPayerAccountError(NotFoundError):
    """The account that is to pay is not one of the school's."""

    text = msg("Không tìm thấy tài khoản ngân hàng này của trường.")


class UnknownTransferListError(NotFoundError):
    """No transfer list of the school has the id."""

    text = msg("Không tìm thấy danh sách chi hoàn này.")


class PaymentUnconfirmedError(ConflictError):
    """Nobody signed the amount, and no statement or other channel has confirmed it."""

    code = "payment_not_confirmed"
    title = msg("Số tiền này chưa được sao kê hay kênh khác xác nhận nên chưa hoàn được.")


class PaymentNotOursError(ConflictError):
    """The money is claimed for an account that is not the school's."""

    code = "payment_not_ours"
    title = msg("Khoản tiền báo vào tài khoản không phải của trường nên không hoàn được.")


class PaymentNotOnStatementError(ConflictError):
    """The bank's statement of its day does not show the payment."""

    code = "payment_not_on_statement"
    title = msg("Sao kê không có khoản thu này. Hãy làm rõ ngoại lệ trước khi hoàn tiền.")


class PaymentContradictedError(ConflictError):
    """The bank's line or the provider itself shows another amount."""

    code = "payment_contradicted"
    title = msg("Số tiền của khoản thu này còn mâu thuẫn. Hãy làm rõ ngoại lệ trước khi hoàn tiền.")


@dataclass(eq=False)
class BadRequestKeyError(InvalidError):
    """The key of a request is too long or cannot be printed."""

    code = "bad_key"
    title = msg("Mã yêu cầu không hợp lệ.")
    text = msg("Mã yêu cầu có tối đa {max_length} ký tự in được.")
    max_length: int


class RequestKeyUsedError(ConflictError):
    """The key named another refund before."""

    code = "key_used"
    title = msg("Mã yêu cầu này đã dùng cho một đề nghị hoàn tiền khác.")


@dataclass(eq=False)
class RefundReasonMissingError(InvalidError):
    """A refund needs a reason of a bounded length."""

    code = "reason_missing"
    title = msg("Thiếu lý do.")
    text = msg("Hãy ghi lý do hoàn tiền (tối đa {max_length} ký tự).")
    max_length: int


class NoProviderRefundError(InvalidError):
    """The provider of the payment takes no refunds."""

    code = "no_refund_call"
    title = msg("Đơn vị thanh toán này không nhận lệnh hoàn tiền; hãy dùng danh sách chi hoàn.")


class PayeeNeededError(InvalidError):
    """A transfer by the bank needs a payee, a provider's refund takes none."""

    code = "payee_needed"
    title = msg("Cần tài khoản nhận tiền hoàn khi chi qua ngân hàng, và chỉ khi đó.")


@dataclass(eq=False)
class RefundExceedsError(InvalidError):
    """More than can still be refunded of the payment, or nothing. VND."""

    code = "refund_exceeds"
    title = msg("Số tiền hoàn vượt phần còn hoàn được.")
    text = msg("Số tiền hoàn từ 1 đến {remaining_vnd:vnd}: phần còn hoàn được.")
    remaining_vnd: int


@dataclass(eq=False)
class RefundExceedsPartError(InvalidError):
    """More than the payment settles of the chosen invoice. VND."""

    code = "refund_exceeds_part"
    title = msg("Số tiền hoàn vượt phần đã ghi cho phiếu báo thu.")
    text = msg("Khoản thu này chỉ ghi {part_vnd:vnd} cho phiếu báo thu đã chọn.")
    part_vnd: int


class SecondPersonNeededError(ForbiddenError):
    """Whoever requested a refund does not approve it."""

    code = "two_persons_needed"
    title = msg("Người đề nghị hoàn tiền không tự duyệt được; cần người thứ hai.")


class RefundMovedOnError(ConflictError):
    """The refund is in another state than the step is for."""

    code = "refund_moved_on"
    title = msg("Khoản hoàn tiền đã chuyển sang bước khác; hãy tải lại trang.")


class ProviderStillAskedError(ConflictError):
    """A person decides on a provider's refund only after days of doubt."""

    code = "refund_under_way"
    title = msg("Đang hoàn tiền.")
    text = msg("Đơn vị thanh toán còn đang được hỏi; chỉ kết luận bằng tay sau ba ngày chưa rõ.")


@dataclass(eq=False)
class BadPaidDayError(InvalidError):
    """The day of a transfer lies before its request, or is still to come."""

    code = "bad_day"
    title = msg("Ngày không hợp lệ.")
    text = msg("Ngày chi từ {first:date} đến {last:date}.")
    first: date
    last: date


@dataclass(eq=False)
class BadApprovalLimitError(InvalidError):
    """The limit above which a second person approves is outside its range. VND."""

    code = "bad_limit"
    title = msg("Hạn mức không hợp lệ.")
    text = msg("Hạn mức từ 0 đến {max_vnd:vnd}.")
    max_vnd: int


@dataclass(eq=False)
class UnknownListFormatError(InvalidError):
    """A transfer list is made in one of a few formats."""

    code = "unknown_format"
    title = msg("Định dạng không hợp lệ.")
    text = msg("Định dạng phải là một trong: {formats}.")
    formats: tuple[str, ...]


@dataclass(eq=False)
class BadPayeeError(InvalidError):
    """An account that cannot receive a refund: each wrong field is a fault."""

    code = "bad_payee"
    title = msg("Tài khoản nhận tiền hoàn chưa đúng.")
    faults: tuple[Fault, ...]
