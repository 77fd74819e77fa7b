"""What closing and reopening a day refuse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.kit.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from core.kit.faults import Fault
from core.kit.texts import msg


class CloseNotFoundError(NotFoundError):
    """No close of the school has this number."""

    text = msg("Không tìm thấy biên bản chốt sổ này.")


@dataclass(eq=False)
class FutureCloseError(InvalidError):
    """The day to be closed has not come yet."""

    code = "future_day"
    title = msg("Ngày này chưa đến.")
    text = msg("Ngày {day:date} chưa đến: chưa chốt được.")

    day: date


@dataclass(eq=False)
class DayClosedError(ConflictError):
    """The books are closed already, through `until`."""

    code = "day_closed"
    title = msg("Sổ của ngày này đã chốt.")
    text = msg("Sổ đã chốt đến hết ngày {until:date}.")

    until: date


@dataclass(eq=False)
class DayNotProvedError(ConflictError):
    """Accounts of the day are not proved; each is a fault."""

    code = "day_not_proved"
    title = msg("Còn tài khoản chưa khớp.")
    text = msg("Chưa chốt được ngày {day:date}: còn {count} tài khoản chưa khớp.")

    day: date
    count: int
    faults: tuple[Fault, ...]


class NotLatestCloseError(ConflictError):
    """Only the latest close can be reopened."""

    code = "not_the_latest_close"
    title = msg("Chỉ mở lại được ngày chốt gần nhất.")


class ReopeningPendingError(ConflictError):
    """A request to reopen the day waits for approval already."""

    code = "reopening_asked"
    title = msg("Đã có đề nghị mở lại ngày này, đang chờ người khác duyệt.")


class ReopeningNotRequestedError(ConflictError):
    """There is no request to reopen the day."""

    code = "reopening_not_asked"
    title = msg("Chưa có ai đề nghị mở lại ngày này.")


class SameReopenerError(ForbiddenError):
    """Whoever requested the reopening may not approve it."""

    code = "same_person"
    title = msg("Cần một người khác.")
    text = msg("Người đề nghị không được tự duyệt mở lại; cần một người khác.")


class CloseActorMissingError(InvalidError):
    """Nobody is named who acts."""

    code = "actor_missing"
    title = msg("Cần tên người thực hiện.")


class ReopeningReasonMissingError(InvalidError):
    """A request to reopen a day gives no reason."""

    code = "reason_missing"
    title = msg("Thiếu lý do.")
    text = msg("Hãy ghi lý do mở lại.")
