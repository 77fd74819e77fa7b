"""What is refused of class lists. No error names a pupil; faults quote the list to whoever sent it."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.contract import FileError
from adapters.messages import Message, msg
from core.kit.errors import DomainError, InvalidError, TooLargeError
from core.kit.faults import Fault


@dataclass(eq=False)
class UnreadableFileError(InvalidError):
    """A file that cannot be read as a whole. `code` and `detail` are the reader's own."""

    title = msg("Không đọc được tệp.")
    code: str
    detail: Message

    @property
    def message(self) -> Message:
        """The reader's sentence."""
        return self.detail


@dataclass(eq=False)
class FileTooLargeError(TooLargeError):
    """A file of more bytes than are read."""

    code = "file_too_large"
    title = msg("Tệp quá lớn.")
    detail: Message

    @property
    def message(self) -> Message:
        """The reader's sentence, with the limit."""
        return self.detail


def file_error(error: FileError) -> DomainError:
    """A file that cannot be read as a whole, as an error for the person who sent it."""
    if error.code == FileTooLargeError.code:
        return FileTooLargeError(error.detail)
    return UnreadableFileError(error.code, error.detail)


class BadSchoolYearError(InvalidError):
    """A school year that is not two years in a row."""

    code = "bad_school_year"
    title = msg("Năm học ghi như 2026-2027.")


@dataclass(eq=False)
class RosterHasFaultsError(InvalidError):
    """A class list with faults: nothing of it was written."""

    code = "roster_has_faults"
    title = msg("Danh sách còn lỗi; chưa có gì được ghi.")
    text = msg("Danh sách còn {fault_count} lỗi; chưa có gì được ghi.")
    faults: tuple[Fault, ...]
