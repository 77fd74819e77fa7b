"""What the ledger refuses."""

from __future__ import annotations

from adapters.messages import msg
from core.kit.errors import ConflictError, NotFoundError


class NoSuchJournalError(NotFoundError):
    """The school has no journal of this number."""

    text = msg("Không có bút toán này.")


class BooksNotOpenError(ConflictError):
    """The school has no ledger accounts, or does not exist."""

    code = "books_not_open"
    title = msg("Trường chưa mở sổ.")


class InvoiceJournalError(ConflictError):
    """A journal that issued or cancelled an invoice: it is reversed by cancelling that one."""

    code = "journal_of_invoice"
    title = msg("Bút toán này thuộc về phiếu báo thu; hãy huỷ phiếu báo thu.")


class AlreadyReversedError(ConflictError):
    """The journal was reversed before, or is a reversal itself."""

    code = "already_reversed"
    title = msg("Bút toán đã được đảo.")


class PaymentRefundedError(ConflictError):
    """The journal's payment is being or was refunded."""

    code = "payment_refunded"
    title = msg("Khoản thu này đang hoặc đã được hoàn tiền nên bút toán không đảo được nữa.")
