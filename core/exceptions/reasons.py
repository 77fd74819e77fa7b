"""Why a person must look: the allow-list of typed exceptions, and who raises which of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """The table's CHECK knows the same list."""

    UNKNOWN_REFERENCE = "unknown_reference"
    AMOUNT_MISMATCH = "amount_mismatch"
    DUPLICATE_PAYMENT = "duplicate_payment"
    MISSING_IN_STATEMENT = "missing_in_statement"
    MISSING_NOTICE = "missing_notice"
    FEE_VARIANCE = "fee_variance"
    BATCH_TOTAL_MISMATCH = "batch_total_mismatch"
    REFUND_UNMATCHED = "refund_unmatched"
    CLOSED_INVOICE = "closed_invoice"
    WRONG_ACCOUNT = "wrong_account"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    UNREADABLE_LINE = "unreadable_line"
    UNEXPLAINED_DEBIT = "unexplained_debit"


RAISED_BY_INGEST: Final = frozenset(
    {
        Reason.UNKNOWN_REFERENCE,
        Reason.AMOUNT_MISMATCH,
        Reason.DUPLICATE_PAYMENT,
        Reason.CLOSED_INVOICE,
        Reason.WRONG_ACCOUNT,
        Reason.CONFLICTING_DUPLICATE,
    }
)
"""Raised where money arrives, about its notice."""

RAISED_BY_RECONCILIATION: Final = frozenset(
    {
        Reason.AMOUNT_MISMATCH,  # the bank shows another amount than the notice
        Reason.MISSING_IN_STATEMENT,
        Reason.MISSING_NOTICE,
        Reason.FEE_VARIANCE,
        Reason.BATCH_TOTAL_MISMATCH,
        Reason.REFUND_UNMATCHED,  # also raised for a refund that its provider leaves in doubt
        Reason.UNREADABLE_LINE,  # when a file is read
        Reason.UNEXPLAINED_DEBIT,
    }
)
"""Raised by imports and by reconciliation, about statement and settlement lines or what lacks them."""
