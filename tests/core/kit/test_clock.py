"""Business dates are Vietnam's, whatever zone the instant came in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.clock import VN, business_date, now_utc, start_of_day

days = st.dates(date(2000, 1, 1), date(2100, 1, 1))
zones = st.timezones() | st.integers(-14, 14).map(lambda h: timezone(timedelta(hours=h)))


def test_now_is_aware_and_utc():
    before, now, after = datetime.now(UTC), now_utc(), datetime.now(UTC)
    assert now.tzinfo is UTC
    assert before <= now <= after


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2025, 9, 5, 16, 59, 59, 999999, UTC), date(2025, 9, 5)),
        (datetime(2025, 9, 5, 17, 0, tzinfo=UTC), date(2025, 9, 6)),
        (datetime(2025, 12, 31, 17, 0, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2025, 9, 5, 23, 59, tzinfo=VN), date(2025, 9, 5)),
        (datetime(2025, 9, 5, 10, 0, tzinfo=timezone(timedelta(hours=-8))), date(2025, 9, 6)),
    ],
)
def test_the_day_turns_at_midnight_in_vietnam(instant: datetime, day: date):
    assert business_date(instant) == day


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        business_date(datetime(2025, 9, 5, 12, 0))  # noqa: DTZ001 - the mistake under test


def test_a_datetime_is_not_a_business_date():
    with pytest.raises(TypeError, match="datetime"):
        start_of_day(datetime(2025, 9, 5, 12, 0, tzinfo=UTC))


@given(days)
def test_a_day_holds_its_instants_and_touches_the_next(day: date):
    start, end = start_of_day(day), start_of_day(day + timedelta(days=1))
    assert start.tzinfo is UTC
    assert end - start == timedelta(days=1)
    assert start.hour == 17
    assert business_date(start) == day == business_date(end - timedelta(microseconds=1))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=zones))  # noqa: DTZ001 - bounds
def test_every_instant_is_within_its_own_day(instant: datetime):
    day = business_date(instant)
    assert start_of_day(day) <= instant < start_of_day(day + timedelta(days=1))
