"""Texts before their language: fields, formats, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from babel.numbers import format_decimal as format_decimal_by_babel
from hypothesis import given
from hypothesis import strategies as st

from adapters.messages import (
    Lang,
    Message,
    fields_of,
    fill,
    format_day,
    format_decimal,
    format_moment,
    format_number,
    format_share,
    format_vnd,
    msg,
    pmsg,
)

LANGS: list[Lang] = ["vi", "en"]


def test_a_message_is_a_value() -> None:
    one = msg("Còn {amount:vnd}", amount=5)
    assert one == msg("Còn {amount:vnd}", amount=5)
    assert one != msg("Còn {amount:vnd}", amount=6)
    assert one != pmsg("total", "Còn {amount:vnd}", amount=5)
    assert hash(one) == hash(msg("Còn {amount:vnd}", amount=5))


def test_a_message_as_a_string_is_vietnamese() -> None:
    text = msg(
        "{who}: {amount:vnd}, {day:date}, {month:month}, {when:moment}, {count:number} dòng",
        who="Nguyễn {x}",
        amount=-1_250_000,
        day=date(2026, 9, 5),
        month=date(2026, 9, 1),
        when=datetime(2026, 9, 5, 17, 5, tzinfo=UTC),
        count=12_000,
    )
    assert str(text) == (
        "Nguyễn {x}: -1.250.000 đ, 05/09/2026, 09/2026, 00:05 06/09/2026, 12.000 dòng"
    )


def test_dates_without_their_year() -> None:
    day, at = date(2026, 9, 5), datetime(2026, 9, 5, 17, 5, tzinfo=UTC)
    text = "{day:day_month} {day:short_month} {at:short_moment}"
    shown = [fill(text, {"day": day, "at": at}, lang, str) for lang in LANGS]
    assert shown == ["05/09 09/26 00:05 06/09", "5 Sep Sep 26 00:05, 6 Sep"]


@given(st.integers(-1_000_000, 1_000_000))
def test_shares_and_decimals_read_back(thousandths: int) -> None:
    assert float(format_share(thousandths, "en").removesuffix("%")) == thousandths / 10
    assert format_share(thousandths, "vi") == format_share(thousandths, "en").replace(".", ",")
    number = thousandths / 1000
    assert float(format_decimal(number, "en")) == number
    vi = format_decimal(number, "vi", 2)
    assert len(vi.partition(",")[2]) >= 2
    assert float(vi.replace(",", ".")) == number


def test_messages_may_stand_in_messages() -> None:
    inner = [msg("lớp {name}", name="3A"), "khối 4"]
    assert str(msg("Phạm vi: {scopes}", scopes=inner)) == "Phạm vi: lớp 3A, khối 4"

    def shout(message: Message) -> str:
        return message.id.upper()

    assert fill("{a} {b}", {"a": msg("một"), "b": (msg("hai"), 3)}, "en", shout) == "MỘT HAI, 3"


def test_braces_are_doubled() -> None:
    assert str(msg("{{ngày}} {n}", n=1)) == "{ngày} 1"
    assert fields_of("{{x}}") == frozenset()
    assert fields_of("{a:vnd} {b}") == {("a", "vnd"), ("b", "")}


@pytest.mark.parametrize("text", ["{", "}", "{}", "{0}", "{a.b}", "{a!r}", "{a:d}", "{a:{b}}"])
def test_no_other_fields_are_known(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        fields_of(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{x:vnd}", 1.5),
        ("{x:vnd}", "5"),
        ("{x:number}", None),
        ("{x:date}", datetime(2026, 9, 5, tzinfo=UTC)),
        ("{x:date}", "2026-09-05"),
        ("{x:moment}", date(2026, 9, 5)),
    ],
)
def test_a_value_of_another_kind_is_refused(text: str, value: object) -> None:
    with pytest.raises(TypeError):
        str(msg(text, x=value))


def test_a_missing_value_and_a_naive_instant_are_refused() -> None:
    with pytest.raises(KeyError):
        str(msg("{x}"))
    with pytest.raises(ValueError, match="time zone"):
        format_moment(datetime(2026, 9, 5), "vi")  # noqa: DTZ001


@given(st.integers(-(10**15), 10**15))
def test_an_amount_reads_back(amount_vnd: int) -> None:
    vi, en = (format_vnd(amount_vnd, lang) for lang in LANGS)
    assert vi == f"{amount_vnd:,d}".replace(",", ".") + " đ"
    assert en == f"VND {amount_vnd:,d}"
    assert format_number(amount_vnd, "vi") + " đ" == vi
    for lang in LANGS:
        assert format_number(amount_vnd, lang) == format_decimal_by_babel(amount_vnd, locale=lang)


@given(st.dates(min_value=date(1900, 1, 1)))
def test_a_day_reads_back(day: date) -> None:
    assert format_day(day, "vi") == f"{day:%d/%m/%Y}"
    assert format_day(day, "en") == day.isoformat()


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_is_shown_in_vietnam(instant: datetime) -> None:
    hour, day = format_moment(instant, "vi").split(" ")
    assert int(hour[:2]) == (instant.hour + 7) % 24
    assert hour[3:] == f"{instant:%M}"
    assert day == f"{datetime.fromtimestamp(instant.timestamp() + 7 * 3600, UTC):%d/%m/%Y}"
    assert format_moment(instant, "en") == f"{day[6:]}-{day[3:5]}-{day[:2]} {hour}"
