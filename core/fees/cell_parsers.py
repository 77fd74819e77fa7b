"""The cells of a fee file, each read for what it means: nature, month, quantity, yes or no. Pure.

A cell that cannot be read becomes a `Fault` that names row, column and value in Vietnamese and
English; reading goes on, so that a person sees every problem at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import TypeVar

from adapters.tabular.spreadsheet import (
    Cell,
    CellError,
    Formula,
    Row,
    is_blank,
    normalise_header,
    parse_date,
    parse_text,
    parse_vnd,
    show,
)
from core.fees.columns import Column
from core.kit.faults import Fault
from core.kit.money import MAX_VND, format_vnd
from core.kit.text import unaccent

T = TypeVar("T")

NATURES = MappingProxyType(
    {
        "hoc phi": "tuition",
        "tuition": "tuition",
        "dich vu": "service",
        "thu dich vu": "service",
        "phi dich vu": "service",
        "service": "service",
        "thu ho": "on_behalf",
        "thu ho chi ho": "on_behalf",
        "on behalf": "on_behalf",
        "collected on behalf": "on_behalf",
    }
)
_BEARERS = MappingProxyType(
    dict.fromkeys(("truong", "nha truong", "school", "the school"), "school")
    | dict.fromkeys(
        ("nha nuoc", "ngan sach", "ngan sach nha nuoc", "nsnn", "state", "the state"), "state"
    )
)
_YES = frozenset({"co", "x", "yes", "y", "true", "1", "tu nguyen", "optional"})
_NO = frozenset({"khong", "ko", "no", "n", "false", "0", "bat buoc", "mandatory"})

_ENGLISH = MappingProxyType(
    {
        "empty": "The cell is empty.",
        "formula": "The cell is a formula; paste its value.",
        "not_a_number": "Not an amount.",
        "fraction": "An amount in đồng has no fraction.",
        "ambiguous": "The amount can be read in more than one way; write 1.250.000.",
        "negative": "The number is negative.",
        "overflow": f"The amount is above {MAX_VND} VND.",
        "zero": "The price must be above 0.",
        "two_digit_year": "Write the year with four digits (dd/mm/yyyy).",
        "bad_date": "Not a date (dd/mm/yyyy).",
        "date_as_text": "Excel turned this text into a date; format the column as Text.",
        "unknown_nature": "The nature is tuition, service or on behalf.",
        "bad_quantity": "The quantity is a whole number from 1 to 1000000.",
        "bad_months": "The number of months is a whole number from 1 to 12.",
        "bad_percent": "The percentage is a whole number from 1 to 100.",
        "percent_unclear": "1 may be 1 % or 100 %: format the column as Text and write 100%.",
        "unknown_bearer": "Write who bears it: the school or the State.",
        "bad_code": "An item code has no comma or semicolon.",
        "bad_month": "Not a month (mm/yyyy).",
        "not_yes_or_no": "Write yes or no.",
        "unknown_scope": "Write whole school, a grade (Khối 3), classes (3A, 3B) or application.",
        "too_long": "The text is too long.",
        "bad_file_code": "A file code has 4 to 50 unaccented letters, digits and . / -, without spaces.",
        "bad_name": "This is no name.",
    }
)
_MAX_TEXT = 300
_MAX_CODE = 32
_MAX_MONTHS = 12
_MAX_QUANTITY = 1_000_000
_MONTH = re.compile(r"(?:thang\s*)?(\d{1,2})\s*(?:[/.-]|nam)\s*(\d{4})")
_MONTH_ISO = re.compile(r"(\d{4})-(\d{1,2})")


def read_cell(
    row: Row,
    column: Column | None,
    parse: Callable[[Cell], T],
    faults: list[Fault],
    *,
    absent: T | None = None,
) -> T | None:
    """The cell of `column` as `parse` reads it; None after a fault, `absent` without the column."""
    if column is None:
        return absent
    cell = row.at(column.index)
    try:
        return parse(cell)
    except CellError as error:
        vi = error.detail[0].upper() + error.detail[1:]
        en = _ENGLISH.get(error.code, "The cell cannot be read.")
        faults.append(fault_at(row, column, code=error.code, vi=f"{vi}.", en=en))
        return None


def fault_at(row: Row, column: Column, *, code: str, vi: str, en: str) -> Fault:
    """A fault that names the cell and shows what stands in it."""
    value = show(row.at(column.index))[:80]
    return Fault(code=code, vi=vi, en=en, row=row.number, column=column.label, value=value)


def parse_words(cell: Cell) -> str:
    """Text that must be there, white space tidied. Raises CellError."""
    text = " ".join(parse_text(cell).split())
    if not text:
        raise CellError("empty", "ô trống")
    if len(text) > _MAX_TEXT:
        raise CellError("too_long", f"«{text[:40]}…» dài hơn {_MAX_TEXT} ký tự")
    return text


def parse_note(cell: Cell) -> str:
    """Text that may be missing. Raises CellError."""
    return "" if is_blank(cell) else parse_words(cell)


def parse_code(cell: Cell) -> str:
    """An item's code, in upper case. Raises CellError."""
    code = parse_words(cell).upper()
    if len(code) > _MAX_CODE:
        raise CellError("too_long", f"«{code[:40]}» dài hơn {_MAX_CODE} ký tự")
    if "," in code or ";" in code:  # a registration lists several codes with these between
        raise CellError("bad_code", f"«{code}»: mã khoản thu không có dấu phẩy hay chấm phẩy")
    return code


def parse_price(cell: Cell) -> int:
    """A unit price, 1..MAX_VND VND. Raises CellError."""
    price_vnd = parse_vnd(cell)
    if price_vnd == 0:
        raise CellError("zero", "đơn giá phải lớn hơn 0")
    if price_vnd > MAX_VND:
        raise CellError("overflow", f"«{show(cell)[:40]}» vượt {format_vnd(MAX_VND, 'vi')}")
    return price_vnd


def parse_stated_amount(cell: Cell) -> int | None:
    """A line total for comparison, -1 when unreadable; None for a blank or a formula: nobody relies
    on what a program once computed there.
    """
    if isinstance(cell, Formula) or is_blank(cell):
        return None
    try:
        return parse_vnd(cell)
    except CellError:
        return -1


def parse_quantity(cell: Cell) -> int:
    """A whole number, 1..1,000,000. Raises CellError."""
    text = parse_text(cell)
    if not text:
        raise CellError("empty", "ô trống, cần số lượng")
    whole = re.fullmatch(r"([0-9]{1,7})(?:[.,]0+)?", text)
    if whole is None or not 1 <= int(whole[1]) <= _MAX_QUANTITY:
        raise CellError("bad_quantity", f"«{text[:40]}»: số lượng là số nguyên từ 1")
    return int(whole[1])


def parse_months(cell: Cell) -> int:
    """For how many months a fee is charged, 1..12; a blank is one. Raises CellError."""
    text = parse_text(cell)
    if not text:
        return 1
    whole = re.fullmatch(r"([0-9]{1,2})(?:[.,]0+)?(?:\s*(?:tháng|thang|months?))?", text.casefold())
    if whole is None or not 1 <= int(whole[1]) <= _MAX_MONTHS:
        raise CellError(
            "bad_months", f"«{text[:40]}»: số tháng là số nguyên từ 1 đến {_MAX_MONTHS}"
        )
    return int(whole[1])


def parse_percent(cell: Cell) -> int:
    """A whole percentage, 1..100: "70%", 70, or 0,7 as a cell in percent format holds it. Raises CellError."""
    text = parse_text(cell).replace(",", ".")
    number = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,15})?)\s*%?", text)
    if number is None:
        raise CellError("bad_percent", f"«{text[:40]}»: tỷ lệ là số nguyên từ 1 đến 100")
    percent = Decimal(number[1])
    if percent == 1 and "%" not in text:
        raise CellError(
            "percent_unclear", "«1» có thể là 1% hoặc 100%: hãy định dạng cột là Text và ghi 100%"
        )
    if percent < 1 and "%" not in text:
        percent *= 100
    if percent != int(percent) or not 1 <= percent <= 100:
        raise CellError("bad_percent", f"«{text[:40]}»: tỷ lệ là số nguyên từ 1 đến 100")
    return int(percent)


def parse_bearer(cell: Cell) -> str:
    """Who bears a concession, "school" or "state". Raises CellError."""
    text = parse_words(cell)
    bearer = _BEARERS.get(normalise_header(text))
    if bearer is None:
        raise CellError("unknown_bearer", f"«{text[:40]}»: hãy ghi Trường hoặc Nhà nước")
    return bearer


def parse_nature(cell: Cell) -> str:
    """ "tuition", "service" or "on_behalf". Raises CellError."""
    text = parse_words(cell)
    nature = NATURES.get(normalise_header(text))
    if nature is None:
        raise CellError("unknown_nature", f"«{text[:40]}»: hãy ghi học phí, dịch vụ hoặc thu hộ")
    return nature


def parse_yes_no(cell: Cell) -> bool:
    """Có or không; a blank is neither, because a merged cell leaves blanks. Raises CellError."""
    word = (
        normalise_header(show(cell))
        if isinstance(cell, bool)
        else normalise_header(parse_text(cell))
    )
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise CellError("not_yes_or_no", f"«{show(cell)[:40]}»: hãy ghi có hoặc không")


def parse_account(cell: Cell) -> str:
    """An account number without separators, "" for the school's default. Raises CellError."""
    return re.sub(r"[\s.\-]", "", parse_text(cell)).upper()


def parse_month(cell: Cell) -> date:
    """A month as its first day: 09/2026, tháng 9 năm 2026, 2026-09 or a date in it. Raises CellError."""
    if isinstance(cell, str):
        text = unaccent(cell).strip().lower()
        if match := _MONTH.fullmatch(text):
            return _month(int(match[2]), int(match[1]), cell)
        if match := _MONTH_ISO.fullmatch(text):
            return _month(int(match[1]), int(match[2]), cell)
    elif not isinstance(cell, date | Formula):
        raise _bad_month(cell)
    try:
        return parse_date(cell).replace(day=1)
    except CellError as error:
        raise (error if error.code == "formula" else _bad_month(cell)) from error


def _month(year: int, month: int, cell: Cell) -> date:
    if not (1 <= month <= 12 and 2000 <= year <= 2200):
        raise _bad_month(cell)
    return date(year, month, 1)


def _bad_month(cell: Cell) -> CellError:
    return CellError("bad_month", f"«{show(cell)[:40]}» không phải tháng; hãy ghi 09/2026")
