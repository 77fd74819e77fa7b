"""What is refused of a school's own data. No error repeats more of a value than its first characters."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import msg
from core.kit.errors import ConflictError, InvalidError, NotFoundError, fault


@dataclass(eq=False)
class FieldError(InvalidError):
    """One field that cannot be taken as it is; its only fault bears the error's own code and text."""

    column: str
    value: str

    def __post_init__(self) -> None:
        self.faults = (fault(self.code, self.message, column=self.column, value=self.value),)


@dataclass(eq=False)
class BadTextError(FieldError):
    """A text that is missing, or longer than `limit` characters."""

    code = "bad_text"
    title = msg("Ô này trống hoặc quá dài.")
    text = msg("«{column}» cần từ 1 đến {limit} ký tự.")
    limit: int


class BadSchoolCodeError(FieldError):
    """A school's code with characters that it may not have."""

    code = "bad_school_code"
    title = msg("Mã trường gồm 1-32 chữ cái không dấu, chữ số, dấu - hoặc _.")


class BadAccountingRegimeError(FieldError):
    """An accounting regime that is not written as the dated charts are named."""

    code = "bad_accounting_regime"
    title = msg("Chế độ kế toán ghi như TT24/2024.")


@dataclass(eq=False)
class SchoolExistsError(ConflictError):
    """Another school has the code."""

    code = "school_exists"
    title = msg("Đã có trường mang mã này.")
    text = msg("Đã có trường mang mã {school_code}.")
    school_code: str


class SchoolNotFoundError(NotFoundError):
    """There is no such school."""

    text = msg("Không tìm thấy trường này.")
