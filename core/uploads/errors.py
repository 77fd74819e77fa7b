"""What is refused of an uploaded file, before anybody looks into it."""

from __future__ import annotations

from adapters.messages import msg
from core.kit.errors import ConflictError, NotFoundError


class UploadNotFoundError(NotFoundError):
    """There is no such file, or it was dropped after a day."""

    text = msg("Không tìm thấy tệp này (tệp chưa nhận chỉ được giữ một ngày).")


class AlreadyAcceptedError(ConflictError):
    """The file did its work before."""

    code = "already_accepted"
    title = msg("Tệp này đã được nhận trước đó.")
