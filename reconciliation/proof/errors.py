"""What a reconciliation refuses before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.kit.errors import InvalidError
from core.kit.texts import msg


@dataclass(eq=False)
class FutureDayError(InvalidError):
    """The day to be reconciled has not come yet."""

    code = "future_day"
    title = msg("Ngày này chưa đến.")
    text = msg("Ngày {day:date} chưa đến: chưa đối soát được.")

    day: date
