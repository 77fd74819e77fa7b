"""What is refused of class lists. No error names a pupil; faults quote the list to whoever sent it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters.contract import FileError
from adapters.messages import msg
from core.kit.errors import DomainError, InvalidError, TooLargeError
from core.kit.faults import Fault
from core.kit.texts import en_of

_ENGLISH: Final[Mapping[str, str]] = {
    "file_too_large": "The file is too large.",
    "empty": "The file has no rows.",
    "zip_bomb": "The file unpacks to far more than a table holds; it was not opened.",
    "truncated": "The file is damaged or was cut off; save it again as .xlsx.",
    "encrypted": "The file is locked by a password.",
    "not_a_spreadsheet": "The file is no XLSX, XLS or CSV.",
    "bad_encoding": "The text's encoding is not known; save the file as CSV UTF-8.",
    "bad_csv": "The quotes of the CSV do not match.",
    "too_many_rows": "The table has too many rows.",
    "too_many_columns": "The table has too many columns.",
    "too_many_cells": "The table has too many cells.",
    "no_application_table": "No sheet has a header with file code and full name.",
}


@dataclass(eq=False)
class UnreadableFileError(InvalidError):
    """A file that cannot be read as a whole. `code` and `detail` (Vietnamese) are the reader's own."""

    title = msg("Không đọc được tệp.")
    code: str
    detail: str

    @property
    def vi(self) -> str:
        """The reader's sentence."""
        return self.detail

    @property
    def en(self) -> str:
        """The sentence of the code: the reader has no English one."""
        return _ENGLISH.get(self.code) or en_of(self.title)


@dataclass(eq=False)
class FileTooLargeError(TooLargeError):
    """A file of more bytes than are read. `detail` (Vietnamese) is the reader's own."""

    code = "file_too_large"
    title = msg("Tệp quá lớn.")
    detail: str

    @property
    def vi(self) -> str:
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
