"""What the console itself refuses: a role that may not, a form that cannot be read.

What the school's books refuse has its types in the packages of `core` and `reconciliation`.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import msg, pmsg
from core.kit.errors import (
    ForbiddenError,
    InvalidError,
    MalformedError,
    NotFoundError,
    TooLargeError,
)
from gateway.problems import InternalError


class NotAnApproverError(ForbiddenError):
    """Only an approver may do this."""

    code = "not_an_approver"
    title = msg("Chỉ người có vai trò duyệt mới làm được việc này.")


class ScheduleApprovalError(NotAnApproverError):
    """A schedule is approved by an approver."""

    text = msg("Chỉ người có vai trò duyệt mới duyệt được đợt thu.")


class RefundDecisionError(NotAnApproverError):
    """A refund is decided on by an approver."""

    text = msg("Chỉ người có vai trò duyệt mới duyệt được hoàn tiền.")


class ChannelSwitchError(NotAnApproverError):
    """A channel is switched by an approver."""

    text = msg("Chỉ người có vai trò duyệt mới bật, tắt được kênh thu.")


class AccountChoiceError(NotAnApproverError):
    """An account of the vouchers is chosen by an approver."""

    text = msg("Chỉ người có vai trò duyệt mới đổi được tài khoản.")


class ReopeningApprovalError(NotAnApproverError):
    """A closed day is reopened by an approver."""

    text = msg("Chỉ người có vai trò duyệt mới duyệt mở lại được.")


class FormExpiredError(ForbiddenError):
    """A form without the token of this browser."""

    code = "form_expired"
    title = msg(
        "Biểu mẫu đã hết hạn hoặc không gửi từ trang này. Hãy quay lại, tải lại trang rồi thử lại."
    )


class PageNotFoundError(NotFoundError):
    """An address that no screen has."""

    text = msg("Không có trang này.")


class UploadTooLargeError(TooLargeError):
    """A body above the limit of uploads."""

    code = "file_too_large"
    title = msg("Tệp quá lớn.")
    text = msg("Tệp quá lớn. Hãy chia nhỏ tệp rồi tải lên lại.")


class UnreadableRequestError(MalformedError):
    """Whatever else the framework refuses."""

    code = "bad_request"
    title = msg("Yêu cầu không hợp lệ.")
    text = pmsg("unreadable", "Yêu cầu không hợp lệ.")


class FailedError(InternalError):
    """Our own failure; nothing was written."""

    code = "failed"
    title = msg("Hệ thống gặp lỗi, chưa có gì được ghi. Hãy thử lại.")


class FileMissingError(MalformedError):
    """An upload without a file, or with an empty one."""

    code = "file_missing"
    title = msg("Hãy chọn một tệp không rỗng (.xlsx, .xls hoặc .csv).")


class BadUploadError(MalformedError):
    """A file without what must be chosen beside it."""

    code = "bad_upload"
    title = msg("Hãy chọn loại dữ liệu và tài khoản ngân hàng.")


class ChannelMissingError(BadUploadError):
    """A settlement file without its channel."""

    text = msg("Hãy chọn kênh thu.")


class ImportNotFoundError(NotFoundError):
    """The file is of a kind that another page shows."""

    text = msg("Không tìm thấy tệp này ở trang nhập dữ liệu.")


class TableFileNotFoundError(NotFoundError):
    """The file is neither a statement nor a settlement file."""

    text = msg("Không tìm thấy tệp sao kê hoặc đối soát này.")


class ReportNotFoundError(NotFoundError):
    """There is no such report."""

    text = msg("Không tìm thấy báo cáo này.")


class NoDebitChosenError(InvalidError):
    """No line was ticked."""

    code = "nothing_chosen"
    title = msg("Chưa chọn khoản nào.")
    text = msg("Hãy đánh dấu ít nhất một khoản còn chờ xử lý.")


class RuleMissingError(InvalidError):
    """A debit without what it is."""

    code = "unknown_rule"
    title = msg("Hãy chọn khoản tiền ra này là gì.")


class BadAmountError(InvalidError):
    """An amount that cannot be read."""

    code = "bad_amount"
    title = msg("Hãy ghi số tiền bằng chữ số.")


@dataclass(eq=False)
class BadItemAmountError(BadAmountError):
    """The amount of one fee item that cannot be read."""

    text = msg("«{value}» không phải số tiền: chỉ ghi số đồng, ví dụ 1.250.000.")
    value: str


class BadMethodError(InvalidError):
    """A refund without how it is paid."""

    code = "bad_method"
    title = msg("Hãy chọn cách hoàn.")


@dataclass(eq=False)
class TooManySharesError(InvalidError):
    """More shares of one payment than are taken at once."""

    code = "too_many_shares"
    title = msg("Chia cho quá nhiều phiếu báo thu.")
    text = msg("Chia cho nhiều nhất {limit} phiếu báo thu.")
    limit: int


class BulkActionMissingError(InvalidError):
    """Exceptions chosen without an action."""

    code = "bad_action"
    title = msg("Hãy chọn việc cần làm.")


class UnreadableTermsError(InvalidError):
    """Terms of a contract that cannot be read."""

    code = "bad_terms"
    title = msg("Điều khoản không hợp lệ.")
    text = msg("Hãy điền ngày, phí dạng 1,10 (phần trăm) và các số nguyên.")


class NoTableError(InvalidError):
    """A file without a table in it."""

    code = "no_table"
    title = msg("Tệp này không phải một bảng có tiêu đề cột.")


@dataclass(eq=False)
class UnreadableTableError(NoTableError):
    """A file that cannot be read at all. `reason` is the reader's own, in Vietnamese."""

    reason: str

    @property
    def vi(self) -> str:
        """The reader's sentence."""
        return f"{self.reason}."


class BadSwitchError(InvalidError):
    """Neither on nor off."""

    code = "bad_switch"
    title = msg("Hãy chọn bật hoặc tắt.")


class DayMissingError(MalformedError):
    """No day was chosen, or one that no books are about."""

    code = "bad_date"
    title = msg("Ngày không hợp lệ.")
    text = msg("Hãy chọn một ngày.")


class PaidDayMissingError(InvalidError):
    """A refund without the day on which it was paid."""

    code = "bad_date"
    title = msg("Ngày không hợp lệ.")
    text = msg("Hãy chọn ngày chi.")


class BadDateError(MalformedError):
    """A date that cannot be read, or that no books are about."""

    code = "bad_date"
    title = msg("Ngày không hợp lệ.")


@dataclass(eq=False)
class ReportPeriodError(MalformedError):
    """A period that ends before it begins, or is too long."""

    code = "bad_period"
    title = msg("Kỳ không hợp lệ.")
    text = msg("Ngày đầu phải trước ngày cuối, kỳ dài nhất {limit_days} ngày.")
    limit_days: int


class PeriodMissingError(MalformedError):
    """A period without its first or last day."""

    code = "bad_day"
    title = msg("Ngày không hợp lệ.")
    text = msg("Hãy chọn ngày đầu và ngày cuối của kỳ.")


class FirstDayMissingError(MalformedError):
    """An account without the day from which it is used."""

    code = "bad_day"
    title = msg("Ngày không hợp lệ.")
    text = msg("Hãy chọn ngày bắt đầu dùng tài khoản.")


class UnknownFormatError(MalformedError):
    """No format, or one that vouchers are not exported in."""

    code = "unknown_format"
    title = msg("Định dạng không hợp lệ.")
    text = msg("Hãy chọn định dạng.")


class DayNotReconciledError(NotFoundError):
    """The day has no proof yet."""

    code = "day_not_run"
    title = msg("Ngày này chưa được đối soát.")
