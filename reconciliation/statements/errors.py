"""What the reading of statements, notifications and column names refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from adapters.contract import FileError
from core.kit.errors import InvalidError, NotFoundError
from core.kit.faults import Fault
from core.kit.texts import Message, en_of, msg, pmsg, vi_of

R = TypeVar("R", bound="RefusedFileError")


class MerchantAccountNotFoundError(NotFoundError):
    """The school has no such merchant account."""

    text = msg("Không tìm thấy tài khoản kết nối này của trường.")


@dataclass(eq=False)
class RefusedFileError(InvalidError):
    """A file that is not taken: `code` says why, or the first of its faults.

    The reason comes from a reader or a fault, in Vietnamese and English; `text` has one field, `reason`.
    """

    code: str
    reason_vi: str
    reason_en: str
    faults: tuple[Fault, ...] = ()

    @classmethod
    def unreadable(cls: type[R], error: FileError) -> R:
        """Refused because it cannot be read. A reader explains itself in Vietnamese; English gives its code."""
        return cls(error.code, str(error.detail), error.code)

    @classmethod
    def with_faults(cls: type[R], faults: tuple[Fault, ...]) -> R:
        """Refused for these faults, of which there is one at least."""
        return cls(faults[0].code, faults[0].vi, faults[0].en, faults)

    @property
    def message(self) -> Message:
        """What happened and what to do, with the reason in Vietnamese."""
        return self._message(self.reason_vi)

    @property
    def vi(self) -> str:
        """The message in Vietnamese."""
        return vi_of(self._message(self.reason_vi))

    @property
    def en(self) -> str:
        """The message in English."""
        return en_of(self._message(self.reason_en))

    def _message(self, reason: str) -> Message:
        text = self.text or self.title
        return Message(text.id, {"reason": reason}, text.context)


class UnreadableStatementError(RefusedFileError):
    """A file that cannot be read as a statement at all."""

    title = msg("Không đọc được sao kê.")
    text = msg("Không đọc được sao kê: {reason}.")


class RefusedStatementError(RefusedFileError):
    """A statement that is not imported; every fault is given."""

    title = msg("Sao kê bị từ chối.")
    text = msg("Sao kê bị từ chối: {reason}")


class UnreadableNotificationError(RefusedFileError):
    """A file that cannot be read as a camt.054 at all."""

    title = msg("Không đọc được tệp báo có.")
    text = msg("Không đọc được tệp báo có: {reason}.")


class RefusedNotificationError(RefusedFileError):
    """A camt.054 that is not imported; every fault is given."""

    title = msg("Tệp báo có bị từ chối.")
    text = msg("Tệp báo có bị từ chối: {reason}")


class UnreadableByColumnsError(RefusedFileError):
    """A file that does not read by the columns that were named for it."""

    title = msg("Tệp không đọc được theo các cột đã chọn.")
    text = pmsg("file read by named columns", "{reason}.")


@dataclass(eq=False)
class HeadersNotFoundError(InvalidError):
    """No row of the file bears every header once; `code` is that of the first fault, one for each role."""

    title = msg("Tệp này không có dòng tiêu đề với đúng các tên đã chọn.")

    code: str
    faults: tuple[Fault, ...]


@dataclass(eq=False)
class UnknownRolesError(InvalidError):
    """Columns are given roles that no column has."""

    code = "bad_mapping"
    title = msg("Vai trò của cột không đúng.")
    text = msg("Không có vai trò cột: {roles}.")

    roles: str


class RoleTwiceError(InvalidError):
    """A column is given several roles, or none is named."""

    code = "bad_mapping"
    title = msg("Vai trò của cột không đúng.")
    text = msg("Mỗi cột chỉ giữ một vai trò.")
