"""What settlement files, batches and terms refuse."""

from __future__ import annotations

from core.kit.errors import InvalidError, NotFoundError
from core.kit.texts import msg
from reconciliation.statements.errors import RefusedFileError


class SettlementChannelNotFoundError(NotFoundError):
    """The school has no such merchant account."""

    text = msg("Không tìm thấy kênh thu này của trường.")


class BatchNotFoundError(NotFoundError):
    """The school has no such settlement batch."""

    text = msg("Không tìm thấy lô quyết toán này.")


class NotSettledInBatchesError(InvalidError):
    """A settlement file is brought for a channel that has none."""

    code = "not_settled_in_batches"
    title = msg("Kênh này chuyển tiền thẳng vào tài khoản, không có tệp đối soát.")


class UnreadableSettlementError(RefusedFileError):
    """A file that cannot be read as a settlement file at all."""

    title = msg("Không đọc được tệp đối soát.")
    text = msg("Không đọc được tệp đối soát: {reason}.")


class RefusedSettlementError(RefusedFileError):
    """A settlement file that is not imported; every fault is given."""

    title = msg("Tệp đối soát bị từ chối.")
    text = msg("Tệp đối soát bị từ chối: {reason}")


class TermsOutOfBoundsError(InvalidError):
    """Terms out of bounds, or for a channel that does not settle in batches."""

    code = "bad_terms"
    title = msg("Điều khoản không hợp lệ.")
    text = msg(
        "Phí từ 0 đến 100 %, thuế từ 0 đến 100 %, số ngày từ 0 đến 60, cho kênh quyết toán theo lô."
    )
