"""What is refused of moving money into suspense and out of it."""

from __future__ import annotations

from adapters.messages import msg
from core.kit.errors import ConflictError


class RefundUnderWayError(ConflictError):
    """The payment is being refunded: its money stays where it is until that ends."""

    code = "refund_under_way"
    title = msg("Đang hoàn tiền.")
    text = msg("Khoản thu này đang được hoàn tiền. Hãy chờ kết quả hoặc rút đề nghị hoàn tiền.")


class MovedSinceError(ConflictError):
    """A later step has used the money: that one is taken back first."""

    code = "moved_since"
    title = msg("Tiền đã được chuyển tiếp ở bước sau. Hãy hoàn tác bước sau trước.")
