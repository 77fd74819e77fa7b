"""How an exception ends, and who ends it where no person does."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Resolution(StrEnum):
    """What became of an exception: the allow-list."""

    MATCHED_LATER = "matched_later"  # withdrawn by a reconciliation: what was missing has come
    EXPLAINED = "explained"  # by a person, without any posting
    ACCEPTED = "accepted"  # likewise
    ALLOCATED = "placed"  # its money settles invoices, or is a pupil's credit
    REFUNDED = "refunded"  # a refund of its money was asked for
    BOOKED = "booked"  # a person booked its line or money
    SETTLED = "settled"  # its line or money was a provider's payout
    NO_SETTLEMENT = (
        "no_settlement"  # its line is no payout: the next reconciliation takes it for a payment
    )
    PAID_BACK = "paid_back"  # its refund was done
    NOT_PAID_BACK = "not_paid_back"  # its refund ended without money having moved


BY_WORD: Final = (Resolution.EXPLAINED, Resolution.ACCEPTED)
"""What a person may conclude without any posting."""

RECONCILIATION_ACTOR: Final = "night"
"""The actor of what a reconciliation resolves by itself."""
