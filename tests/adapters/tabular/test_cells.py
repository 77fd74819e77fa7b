"""What stands in a cell: read to the đồng and to the day, or refused with one clear reason."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tabular.cells import (
    CellError,
    parse_date,
    parse_text,
    parse_vnd,
)

# Amounts


def grouped(amount_vnd: int, mark: str) -> str:
    return f"{amount_vnd:,}".replace(",", mark)


@given(
    amount_vnd=st.integers(0, 10**15),
    mark=st.sampled_from([".", ",", " ", "\u00a0", "\u202f", ""]),
    tail=st.sampled_from(["", " đ", "đ", " ₫", " VND", " VNĐ", " đồng", "  "]),
    fraction=st.sampled_from(["", "0", "00"]),
    sign=st.sampled_from(["", "-", "−", "()"]),
)
def test_an_amount_reads_the_same_however_it_is_written(
    amount_vnd: int, mark: str, tail: str, fraction: str, sign: str
) -> None:
    decimal_mark = "," if mark == "." else "."
    written = grouped(amount_vnd, mark) + (decimal_mark + fraction if fraction else "") + tail
    if sign == "()":
        written, signed = f"({written})", -amount_vnd
    else:
        written, signed = f"{sign}{written}", -amount_vnd if sign else amount_vnd
    assert parse_vnd(written, allow_negative=True) == signed
    if signed < 0:
        with pytest.raises(CellError) as caught:
            parse_vnd(written)
        assert caught.value.code == "negative"


@given(st.text(max_size=70))
def test_no_text_makes_parse_vnd_fail_otherwise(text: str) -> None:
    with suppress(CellError):
        assert abs(parse_vnd(text, allow_negative=True)) <= 10**15


@pytest.mark.parametrize(
    ("cell", "amount_vnd"),
    [
        ("1.250", 1250),
        ("1,250", 1250),
        ("VND 1.250.000", 1_250_000),
        ("+500.000", 500_000),
        ("0", 0),
        ("0.00", 0),
        ("007", 7),
        (1_250_000, 1_250_000),
        (Decimal("1250000.00"), 1_250_000),
        (10**15, 10**15),
    ],
)
def test_amounts_read(cell: str | int | Decimal, amount_vnd: int) -> None:
    assert parse_vnd(cell) == amount_vnd


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("1.250,50", "fraction"),
        ("12.5", "fraction"),
        (Decimal("0.1"), "fraction"),
        ("1250.000", "ambiguous"),
        ("1,250.000", "ambiguous"),
        ("1.250.00", "ambiguous"),
        ("12.34.56", "ambiguous"),
        ("1.250 000", "ambiguous"),
        ("0.500", "ambiguous"),
        ("1 25 000", "ambiguous"),
        ("", "empty"),
        ("  ", "empty"),
        (None, "empty"),
        ("miễn phí", "not_a_number"),
        ("1.250.000 USD", "not_a_number"),
        ("1e6", "not_a_number"),
        ("١٢٣", "not_a_number"),
        ("(-5)", "not_a_number"),
        (True, "not_a_number"),
        (date(2026, 8, 1), "not_a_number"),
        ("-500.000", "negative"),
        (-1, "negative"),
        (10**15 + 1, "overflow"),
        ("9" * 60, "overflow"),
        ("9" * 5000, "not_a_number"),
        (Decimal("1E+400"), "overflow"),
    ],
)
def test_amounts_refused(cell: str | int | Decimal | date | None, code: str) -> None:
    with pytest.raises(CellError) as caught:
        parse_vnd(cell)
    assert caught.value.code == code
    assert len(str(caught.value.message)) < 200


# Dates, text, headers


@given(st.dates(date(1940, 1, 1), date(2099, 12, 31)))
def test_a_day_reads_the_same_however_it_is_written(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    for cell in (
        day,
        datetime.fromisoformat(f"{day}T23:59"),
        f"{day:%d/%m/%Y}",
        f"{day.day}/{day.month}/{day.year}",
        f"{day:%d-%m-%Y}",
        f"{day:%Y-%m-%d}",
        f" {day:%d/%m/%Y} 09:30:15 ",
        f"{day:%Y-%m-%d}T09:30:15",
        serial,
        Decimal(serial) + Decimal("0.5"),
    ):
        assert parse_date(cell) == day


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("01/08/26", "two_digit_year"),
        ("1-8-26 09:30", "two_digit_year"),
        ("31/02/2026", "bad_date"),
        ("08/31/2026", "bad_date"),
        ("01/08-2026", "bad_date"),
        ("01/08/0026", "bad_date"),
        ("hôm qua", "bad_date"),
        (2015, "bad_date"),
        (20260801, "bad_date"),
        (True, "bad_date"),
        ("", "empty"),
        (None, "empty"),
    ],
)
def test_days_refused(cell: str | int | None, code: str) -> None:
    with pytest.raises(CellError) as caught:
        parse_date(cell)
    assert caught.value.code == code


def test_text_keeps_what_was_meant() -> None:
    assert parse_text(" 0071 ") == "0071"
    assert parse_text(71) == "71"
    assert parse_text(Decimal("1.50")) == "1.50"
    assert parse_text(None) == ""
    with pytest.raises(CellError) as caught:
        parse_text(date(2026, 2, 1))  # the class "1/2", as Excel helpfully understood it
    assert caught.value.code == "date_as_text"
