"""What is refused about exceptions and their notes."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import msg
from core.kit.errors import InvalidError, NotFoundError


class NoSuchExceptionError(NotFoundError):
    """The school has no exception of this number."""

    text = msg("Không tìm thấy ngoại lệ này.")


class NoteRequiredError(InvalidError):
    """A decision needs its reason in words."""

    code = "note_required"
    title = msg("Hãy ghi lý do.")


@dataclass(eq=False)
class NoteTooLongError(InvalidError):
    """A note is longer than `most` characters."""

    code = "note_too_long"
    title = msg("Ghi chú quá dài.")
    text = msg("Ghi chú có tối đa {most} ký tự.")

    most: int
