"""What is refused of fee schedules and concessions. No error names a pupil; faults quote the file alone."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import Message, msg
from core.kit.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    MalformedError,
    NotFoundError,
)
from core.kit.faults import Fault


class ScheduleNotFoundError(NotFoundError):
    """The school has no such fee schedule."""

    text = msg("Không tìm thấy đợt thu này.")


class NotADraftError(ConflictError):
    """The schedule was approved before."""

    code = "not_a_draft"
    title = msg("Đợt thu đã được duyệt trước đó.")


class ScheduleChangedError(ConflictError):
    """The schedule is in another version than the one that its approver was shown."""

    code = "schedule_changed"
    title = msg("Đợt thu đã thay đổi sau khi mở xem. Hãy xem lại rồi duyệt.")


class SamePersonError(ForbiddenError):
    """Whoever drafted the schedule wants to approve it."""

    code = "same_person"
    title = msg("Cần một người khác.")
    text = msg("Người lập đợt thu không được tự duyệt; cần một người khác.")


class FeeActorMissingError(MalformedError):
    """Nobody is named as the one who acts."""

    code = "actor_missing"
    title = msg("Cần tên người thực hiện.")


@dataclass(eq=False)
class UnreadableFeeFileError(InvalidError):
    """A file that cannot be read as a whole. `code` and `detail` are the reader's own."""

    title = msg("Không đọc được tệp.")
    text = msg("{detail}.")
    code: str
    detail: Message


@dataclass(eq=False)
class FeeFileRefusedError(InvalidError):
    """A fee file with faults: nothing of it was written."""

    code = "fee_file_refused"
    title = msg("Tệp khoản thu có chỗ cần sửa; chưa có gì được ghi.")
    text = msg("Tệp khoản thu có {fault_count} chỗ cần sửa; chưa có gì được ghi.")
    faults: tuple[Fault, ...]


@dataclass(eq=False)
class ConcessionsRefusedError(InvalidError):
    """A list of concessions with faults: nothing of it was written."""

    code = "concessions_refused"
    title = msg("Danh sách miễn giảm có chỗ cần sửa; chưa có gì được ghi.")
    text = msg("Danh sách miễn giảm có {fault_count} chỗ cần sửa; chưa có gì được ghi.")
    faults: tuple[Fault, ...]
