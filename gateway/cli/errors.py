"""What commands refuse by themselves: options that fit nothing, files that are not what is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from core.kit.errors import InvalidError, MalformedError, NotFoundError
from core.kit.texts import msg


class SchoolNotChosenError(NotFoundError):
    """There are several schools, and none is named."""

    code = "school_not_chosen"
    title = msg("Chưa chọn được trường.")
    text = msg("Hãy chọn trường bằng --school.")


class UnknownSchoolError(NotFoundError):
    """No school has this code, or there is no school yet."""

    code = "school_not_chosen"
    title = msg("Chưa chọn được trường.")
    text = msg("Không có trường này.")


class SchoolsNotChosenError(NotFoundError):
    """There are several schools, and neither some nor all of them are named."""

    code = "school_not_chosen"
    title = msg("Chưa chọn được trường.")
    text = msg("Hãy chọn trường bằng --school hoặc --all-schools.")


@dataclass(eq=False)
class UnknownSchoolsError(NotFoundError):
    """Codes that no school has."""

    code = "school_not_chosen"
    title = msg("Chưa chọn được trường.")
    text = msg("Không có trường {codes}.")

    codes: tuple[str, ...]


class NoSchoolError(NotFoundError):
    """There is no school yet."""

    code = "school_not_chosen"
    title = msg("Chưa chọn được trường.")
    text = msg("Chưa có trường nào.")


class AccountKeyNotFoundError(NotFoundError):
    """No merchant account has this key."""

    text = msg("Không tìm thấy kênh thu mang account_key này.")


class RequestOrApproveError(InvalidError):
    """A reopening is neither requested nor approved, or both at once."""

    code = "ask_or_approve"
    title = msg("Hãy dùng --reason để đề nghị, hoặc --approve để duyệt.")


class BadCredentialsFileError(InvalidError):
    """Credentials that are not the JSON asked for; they are never repeated."""

    code = "bad_credentials_file"
    title = msg('Tệp thông tin kết nối phải là JSON: {{"secrets": {{…}}, "settings": {{…}}}}.')


class NothingToReplaceError(InvalidError):
    """Credentials without any value."""

    code = "nothing_given"
    title = msg("Hãy ghi ít nhất một giá trị cần đổi.")


class ChannelNotChosenError(InvalidError):
    """The options fit no channel that settles in batches, or several."""

    code = "channel_not_chosen"
    title = msg("Hãy chọn đúng một kênh quyết toán theo lô bằng --account-key hoặc --channel.")


class BadColumnsError(InvalidError):
    """Columns of a statement that are not named as ROLE=HEADER, or too few of them."""

    code = "bad_mapping"
    title = msg("Vai trò của cột không đúng.")
    text = msg("--column cần dạng VAI=TIÊU ĐỀ, ít nhất date, content và credit (hoặc amount).")


@dataclass(eq=False)
class BadMonthError(MalformedError):
    """A month that is not written as 2026-09."""

    code = "bad_month"
    title = msg("Tháng viết không đúng.")
    text = msg("Tháng viết như 2026-09, không phải «{month}».")

    month: str
