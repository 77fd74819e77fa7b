"""What is refused of the decisions about exceptions. No error names a pupil or quotes a payer's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from adapters.messages import msg, pmsg
from core.kit.errors import ConflictError, InvalidError, NotFoundError

# the queue


@dataclass(eq=False)
class AlreadyResolvedByError(ConflictError):
    """The exception was resolved before, by `actor`."""

    code = "already_resolved"
    title = msg("Ngoại lệ này đã được xử lý.")
    text = msg("Ngoại lệ này đã được {actor} xử lý.")

    actor: str


class AlreadyResolvedError(ConflictError):
    """The exception was resolved before."""

    code = "already_resolved"
    title = msg("Ngoại lệ này đã được xử lý.")


class DebitResolvedError(ConflictError):
    """One of the debit lines is booked, refunded or resolved already."""

    code = "already_resolved"
    title = msg("Ngoại lệ này đã được xử lý.")
    text = msg("Có khoản đã được xử lý; hãy tải lại trang.")


class ExceptionChangedError(ConflictError):
    """The exception is not as it was when the form was made."""

    code = "exception_changed"
    title = msg("Ngoại lệ này vừa thay đổi (có người khác đang xử lý). Hãy xem lại rồi quyết định.")


class NothingToUndoError(ConflictError):
    """The exception has no decision that could be taken back."""

    code = "nothing_to_undo"
    title = msg("Ngoại lệ này không có quyết định nào để hoàn tác.")


class MoneyInSuspenseError(ConflictError):
    """The exception cannot be explained while its money is in suspense."""

    code = "money_waits"
    title = msg(
        "Tiền còn ở mục chờ xử lý: hãy ghi vào phiếu báo thu, hoàn lại người nộp, hoặc để mở."
    )


class ActionNotAllowedError(ConflictError):
    """The exception's reason, or where its money is, does not allow the action."""

    code = "action_not_allowed"
    title = msg("Không làm được việc này với ngoại lệ này lúc này.")


class NoSuchColleagueError(InvalidError):
    """Who is asked is nobody of the school's staff, or oneself."""

    code = "no_such_colleague"
    title = msg("Hãy chọn một đồng nghiệp của trường.")


# decisions


@dataclass(eq=False)
class UnknownResolutionError(InvalidError):
    """A person's conclusion is one of `allowed`."""

    code = "unknown_resolution"
    title = msg("Kết luận không hợp lệ.")
    text = msg("Kết luận phải là một trong: {allowed}.")

    allowed: Sequence[str]


class PartlyCreditError(ConflictError):
    """A part of the payment is a pupil's credit, another is in suspense: each is refunded by itself."""

    code = "partly_credit"
    title = msg(
        "Một phần khoản này đã là tiền dư của học sinh. Hãy hoàn bằng mẫu hoàn tiền của khoản thu."
    )


class NotInSuspenseError(ConflictError):
    """The exception's money is not in suspense."""

    code = "not_in_suspense"
    title = msg("Khoản tiền này không nằm ở tài khoản chờ xử lý.")


class NotFreeInSuspenseError(ConflictError):
    """The exception's money is not in suspense, or is being refunded."""

    code = "not_in_suspense"
    title = msg("Khoản tiền này không nằm ở tài khoản chờ xử lý.")
    text = msg("Khoản tiền này không nằm ở tài khoản chờ xử lý, hoặc đang được hoàn lại.")


class NotWhollyInSuspenseError(ConflictError):
    """A part of the money has left suspense."""

    code = "not_in_suspense"
    title = msg("Khoản tiền này không nằm ở tài khoản chờ xử lý.")
    text = msg("Khoản tiền này không còn nằm trọn ở tài khoản chờ xử lý.")


# allocations


class NoSuchPupilError(NotFoundError):
    """The school has no such pupil."""

    text = msg("Không tìm thấy học sinh này.")


class InvoiceCancelledError(ConflictError):
    """The invoice is cancelled: nothing is allocated to it."""

    code = "invoice_cancelled"
    title = msg("Phiếu báo thu đã huỷ: không xếp tiền vào được.")


class InvoiceFilledError(ConflictError):
    """The invoice has been paid by other money since, or was cancelled: nothing is given back to it."""

    code = "invoice_filled"
    title = msg("Phiếu báo thu đã được thu bằng khoản khác hoặc đã huỷ: không trả tiền về đó được.")


class NothingToSplitError(InvalidError):
    """A split gives nothing to anybody."""

    code = "nothing_to_split"
    title = msg("Hãy ghi số tiền cho ít nhất một phiếu báo thu.")


class InvoiceTwiceError(InvalidError):
    """A split names an invoice twice."""

    code = "invoice_twice"
    title = msg("Một phiếu báo thu được ghi hai lần.")


@dataclass(eq=False)
class ShareTooLargeError(InvalidError):
    """A part is below VND 1 or above the `open_vnd` that its invoice still owes."""

    code = "share_too_large"
    title = msg("Mỗi phần từ 1 đồng đến số còn phải thu của phiếu.")
    text = msg("Mỗi phần từ 1 đồng đến số còn phải thu của phiếu ({open_vnd:vnd}).")

    open_vnd: int


@dataclass(eq=False)
class SharesExceedError(InvalidError):
    """The parts come to more than the `suspense_vnd` that there is to split."""

    code = "shares_exceed"
    title = msg("Các phần cộng lại nhiều hơn số tiền đang chờ.")
    text = msg("Các phần cộng lại nhiều hơn số tiền đang chờ ({suspense_vnd:vnd}).")

    suspense_vnd: int


# many at once


@dataclass(eq=False)
class SelectionSizeError(InvalidError):
    """None were chosen, or more than `most`."""

    code = "choose_some"
    title = msg("Hãy chọn lại số ngoại lệ.")
    text = msg("Hãy chọn từ 1 đến {most} ngoại lệ.")

    most: int


class PreviewChangedError(ConflictError):
    """What would happen is not what the preview showed; nothing was done."""

    code = "preview_changed"
    title = msg("Có thay đổi từ lúc xem trước nên chưa có gì được ghi. Hãy xem lại.")


class NothingChosenError(InvalidError):
    """The action can be done to none of the exceptions chosen."""

    code = "nothing_chosen"
    title = msg("Chưa chọn khoản nào.")
    text = pmsg("refusal", "Không có ngoại lệ nào làm được việc này.")


# debits and money of the school's own


class NoSuchDebitError(NotFoundError):
    """The exception is about no debit line."""

    text = msg("Không tìm thấy khoản tiền ra này.")


@dataclass(eq=False)
class DebitSelectionSizeError(InvalidError):
    """No lines were chosen, or more than `most`."""

    code = "bad_selection"
    title = msg("Hãy chọn lại số khoản tiền ra.")
    text = msg("Hãy chọn từ 1 đến {most} khoản.")

    most: int


class NoPartsError(InvalidError):
    """No fee item collected on behalf of others is given a part."""

    code = "bad_parts"
    title = msg("Hãy ghi số tiền cho ít nhất một khoản thu hộ.")


class PartsDifferError(InvalidError):
    """The parts do not add up to the line's amount."""

    code = "parts_differ"
    title = msg("Các phần phải cộng đúng bằng khoản tiền ra.")


@dataclass(eq=False)
class BeyondCollectedError(ConflictError):
    """More of these fee items (`codes`) is paid on than pupils have paid, without a reason given."""

    code = "beyond_collected"
    title = msg("Chi nhiều hơn số đang thu hộ.")
    text = msg(
        "Chi nhiều hơn số đang thu hộ ({codes}). Nếu đúng là vậy, hãy đánh dấu và ghi lý do."
    )

    codes: Sequence[str]


class DebitNotBookedError(ConflictError):
    """The line was not booked by a person here."""

    code = "not_booked"
    title = msg("Khoản này chưa được ghi sổ ở đây.")
    text = msg("Khoản tiền ra này chưa được ghi sổ ở đây.")


class MoneyNotBookedError(ConflictError):
    """The money was not booked by a person here."""

    code = "not_booked"
    title = msg("Khoản này chưa được ghi sổ ở đây.")
    text = msg("Khoản tiền này chưa được ghi sổ ở đây.")


class UnknownSourceError(InvalidError):
    """The source of the money is not one of those known."""

    code = "unknown_source"
    title = msg("Hãy chọn tiền từ đâu đến.")


# payouts of providers


class NoSuchLineError(NotFoundError):
    """The school has no such statement line."""

    text = msg("Không tìm thấy dòng sao kê này.")


class NoSuchBatchError(NotFoundError):
    """The school has no such settlement batch."""

    text = msg("Không tìm thấy lô quyết toán này.")


class NoHeldLineError(NotFoundError):
    """The exception is about no line that waits for its settlement file."""

    text = msg("Không tìm thấy dòng tiền đang chờ tệp đối soát này.")


class NoSuchProviderRefundError(NotFoundError):
    """No line of a settlement file with this number is an unexplained refund."""

    text = msg("Không tìm thấy dòng hoàn tiền chưa khớp này.")


@dataclass(eq=False)
class BatchBookedError(ConflictError):
    """The batch was booked before, on the business date `day`."""

    code = "batch_booked"
    title = msg("Lô này đã ghi sổ.")
    text = msg("Lô này đã ghi sổ ngày {day:date}.")

    day: date


class BatchNotBookedError(ConflictError):
    """No bank line books the batch."""

    code = "batch_not_booked"
    title = msg("Lô này chưa ghi sổ theo dòng sao kê nào.")


class LineBookedError(ConflictError):
    """The statement line is booked as something else."""

    code = "line_booked"
    title = msg("Dòng sao kê này đã có bút toán khác.")


class PayoutDiffersError(InvalidError):
    """Batch and line are of two accounts, or do not agree to the đồng."""

    code = "lump_differs"
    title = msg("Lô và dòng sao kê phải cùng tài khoản và khớp đến từng đồng.")


class PaymentNotNamedError(ConflictError):
    """The provider's refund names no single payment of the school."""

    code = "payment_not_named"
    title = msg("Dòng này không chỉ đúng một khoản thu của trường.")


class TooLittleLeftError(ConflictError):
    """Less is left of the payment than the provider took back."""

    code = "too_little_left"
    title = msg("Khoản thu này không còn đủ tiền để trừ.")
