"""What accounting refuses: charts that cover no day, periods and accounts that no book has, exports that differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from adapters.messages import msg
from core.kit.errors import ConflictError, InvalidError, NotFoundError


@dataclass(eq=False)
class NoChartError(ConflictError):
    """No chart of the regime's line covers the day."""

    code = "no_chart"
    title = msg("Không có hệ thống tài khoản cho ngày này.")
    text = msg("Không có hệ thống tài khoản «{regime}» cho ngày {on:date}.")
    regime: str
    on: date


@dataclass(eq=False)
class AccountsChangeError(InvalidError):
    """An account that the period uses is another one from `day` on: a balance has one account."""

    code = "accounts_change"
    title = msg("Hệ thống tài khoản đổi trong kỳ.")
    text = msg(
        "Hệ thống tài khoản đổi từ ngày {day:date}: hãy lập sổ riêng cho kỳ trước ngày đó và kỳ từ ngày đó."
    )
    day: date


class BadPeriodError(InvalidError):
    """A period that ends before it begins."""

    code = "bad_period"
    title = msg("Kỳ không hợp lệ.")
    text = msg("Ngày cuối kỳ phải từ ngày đầu kỳ trở đi.")


@dataclass(eq=False)
class PeriodTooLongError(InvalidError):
    """More lines than a spreadsheet opens."""

    code = "period_too_long"
    title = msg("Sổ chi tiết quá dài: hãy chọn kỳ ngắn hơn.")
    text = msg("Sổ chi tiết dài hơn {max_lines} dòng: hãy chọn kỳ ngắn hơn.")
    max_lines: int


class UnknownAccountError(NotFoundError):
    """The books of the period have no such account."""

    text = msg("Không tìm thấy tài khoản này trong kỳ.")


class UnknownPurposeError(InvalidError):
    """The chart has no account for the purpose."""

    code = "unknown_purpose"
    title = msg("Hãy chọn mục đích của tài khoản.")


class BadAccountError(InvalidError):
    """A code that is no account."""

    code = "bad_account"
    title = msg(
        "Số hiệu tài khoản gồm 3 chữ số, sau đó là chữ số, chữ hoa, dấu chấm hoặc gạch nối (dài nhất 15)."
    )


@dataclass(eq=False)
class AlreadyExportedError(ConflictError):
    """Vouchers of the day or of a later one were exported; `last`: the last of their days."""

    code = "already_exported"
    title = msg("Đã xuất chứng từ của ngày này.")
    text = msg("Đã xuất chứng từ đến ngày {last:date}: tài khoản chỉ đổi được từ ngày sau đó.")
    last: date


@dataclass(eq=False)
class UnknownExportFormatError(InvalidError):
    """Vouchers are exported in one of a few formats."""

    code = "unknown_format"
    title = msg("Định dạng không hợp lệ.")
    text = msg("Định dạng phải là một trong: {formats}.")
    formats: tuple[str, ...]


class UnknownExportError(NotFoundError):
    """No export of the school has the id."""

    text = msg("Không tìm thấy tệp xuất này.")


class OtherContentError(ConflictError):
    """An acknowledgement names another content than the export's."""

    code = "other_content"
    title = msg("SHA-256 không phải của tệp này: hãy tải lại tệp rồi xác nhận.")
