"""What a service refuses, as types: one per failure that a caller treats differently, gathered per package.

A package's `errors.py` derives its errors from the kinds below. The kind is the sort of refusal, the type the
single failure, its fields what it is about. Callers match types; HTTP statuses are given to kinds in one
place, `gateway.problems`. An error must never carry a secret or a child's data.
"""

from __future__ import annotations

from typing import ClassVar

from adapters.messages import Message, msg
from core.kit.faults import Fault
from core.kit.texts import en_of, vi_of


def fault(code: str, text: Message, *, row: int = 0, column: str = "", value: str = "") -> Fault:
    """One thing wrong with an input: where it stands and what to do. `row` counts from 1; 0: of no row."""
    return Fault(code=code, vi=vi_of(text), en=en_of(text), row=row, column=column, value=value)


class DomainError(Exception):
    """A refusal with a stable `code` and a `title` that is the same for every error of that code.

    `text`, where a type has one, is the longer message, with its fields filled from the error's attributes, and
    `{fault_count}` with the number of its faults. Types with fields are dataclasses (`@dataclass(eq=False)`).
    """

    code: str
    title: ClassVar[Message]
    text: ClassVar[Message | None] = None
    faults: tuple[Fault, ...] = ()

    @property
    def message(self) -> Message:
        """What happened and what to do, with this error's fields."""
        if self.text is None:
            return self.title
        fields = {"fault_count": len(self.faults), **vars(self)}
        fields.pop("faults", None)
        return Message(self.text.id, fields, self.text.context)

    @property
    def vi(self) -> str:
        """The message in Vietnamese."""
        return vi_of(self.message)

    @property
    def en(self) -> str:
        """The message in English."""
        return en_of(self.message)

    def __str__(self) -> str:
        return f"{self.code}: {self.en}"


class InvalidError(DomainError):
    """The input cannot be taken as it is; sending it again changes nothing."""


class MalformedError(DomainError):
    """The request itself cannot be read."""


class UnauthenticatedError(DomainError):
    """Nobody is known to be asking."""


class ForbiddenError(DomainError):
    """Whoever asks may not do this."""


class NotFoundError(DomainError):
    """It does not exist, or not for whoever asks."""

    code = "not_found"
    title = msg("Không tìm thấy.")


class ConflictError(DomainError):
    """It does not fit what is stored now; another state of things would allow it."""


class TooLargeError(DomainError):
    """More than is taken at once."""


class UnsupportedTypeError(DomainError):
    """A kind of content that is not read here."""


class TooManyRequestsError(DomainError):
    """Asked too often; later it is answered again."""


class ProviderFailedError(DomainError):
    """A provider refused or did not answer."""


class UnavailableError(DomainError):
    """Not possible for now; later it is."""


class ReconciliationUnderWayError(ConflictError):
    """Another reconciliation or import holds the school's statements."""

    code = "night_under_way"
    title = msg("Trường đang được đối soát hoặc nhập sao kê; hãy thử lại sau ít phút.")


class SchoolBusyError(ConflictError):
    """The rows of the school's books are locked for too long by others."""

    code = "school_busy"
    title = msg("Trường đang ghi sổ nhiều khoản; chưa có gì thay đổi, hãy thử lại sau ít phút.")
