"""Time: instants are UTC and aware, business dates are days in Vietnam.

A bank's day, a due date and a day close are dates in Asia/Ho_Chi_Minh (UTC+7, no summer time). A
naive datetime is never accepted: guessing its zone puts an evening payment on another day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

VN = ZoneInfo("Asia/Ho_Chi_Minh")


def now_utc() -> datetime:
    """The present instant, aware, UTC."""
    return datetime.now(UTC)


def business_date(instant: datetime) -> date:
    """The day in Vietnam on which `instant` falls. Raises ValueError when it is naive."""
    if instant.utcoffset() is None:
        raise ValueError("an instant needs its time zone before it has a business date")
    return instant.astimezone(VN).date()


def start_of_day(day: date) -> datetime:
    """The first instant of the business date `day`, in UTC (17:00 of the day before).

    Raises TypeError for a datetime: its day depends on a zone, see `business_date`.
    """
    if isinstance(day, datetime):
        raise TypeError("a business date is a date, not a datetime")
    return datetime.combine(day, time.min, VN).astimezone(UTC)
