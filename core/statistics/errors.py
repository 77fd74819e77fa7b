"""What the figures refuse: accounts that are not the school's."""

from __future__ import annotations

from adapters.messages import msg
from core.kit.errors import NotFoundError


class UnknownBankBookError(NotFoundError):
    """No bank account of the school's books has the id."""

    text = msg("Không tìm thấy tài khoản ngân hàng này.")
