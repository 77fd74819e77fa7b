"""The cells of a fee file, each read for what it means: nature, month, quantity, yes or no. Pure.

Each raises `CellError` with what is wrong and what to write instead; amounts, dates and text as such are
read by `adapters.tabular.cells`.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from adapters.messages import msg
from adapters.tabular.cells import (
    Cell,
    CellError,
    Formula,
    is_blank,
    normalise_header,
    parse_date,
    parse_text,
    parse_vnd,
    show,
)
from core.kit.money import MAX_VND
from core.kit.text import unaccent

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

_MAX_TEXT = 300
_MAX_CODE = 32
_MAX_MONTHS = 12
_MAX_QUANTITY = 1_000_000
_MONTH = re.compile(r"(?:thang\s*)?(\d{1,2})\s*(?:[/.-]|nam)\s*(\d{4})")
_MONTH_ISO = re.compile(r"(\d{4})-(\d{1,2})")


def parse_words(cell: Cell) -> str:
    """Text that must be there, white space tidied. Raises CellError."""
    text = " ".join(parse_text(cell).split())
    if not text:
        raise CellError("empty", msg("ô trống"))
    if len(text) > _MAX_TEXT:
        shown = f"{text[:40]}…"
        raise CellError(
            "too_long", msg("«{value}» dài hơn {limit} ký tự", value=shown, limit=_MAX_TEXT)
        )
    return text


def parse_note(cell: Cell) -> str:
    """Text that may be missing. Raises CellError."""
    return "" if is_blank(cell) else parse_words(cell)


def parse_code(cell: Cell) -> str:
    """An item's code, in upper case. Raises CellError."""
    code = parse_words(cell).upper()
    if len(code) > _MAX_CODE:
        raise CellError(
            "too_long", msg("«{value}» dài hơn {limit} ký tự", value=code[:40], limit=_MAX_CODE)
        )
    if "," in code or ";" in code:  # a registration lists several codes with these between
        raise CellError(
            "bad_code", msg("«{value}»: mã khoản thu không có dấu phẩy hay chấm phẩy", value=code)
        )
    return code


def parse_price(cell: Cell) -> int:
    """A unit price, 1..MAX_VND VND. Raises CellError."""
    price_vnd = parse_vnd(cell)
    if price_vnd == 0:
        raise CellError("zero", msg("đơn giá phải lớn hơn 0"))
    if price_vnd > MAX_VND:
        raise CellError(
            "overflow", msg("«{value}» vượt {limit:vnd}", value=show(cell)[:40], limit=MAX_VND)
        )
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
        raise CellError("empty", msg("ô trống, cần số lượng"))
    whole = re.fullmatch(r"([0-9]{1,7})(?:[.,]0+)?", text)
    if whole is None or not 1 <= int(whole[1]) <= _MAX_QUANTITY:
        raise CellError(
            "bad_quantity", msg("«{value}»: số lượng là số nguyên từ 1", value=text[:40])
        )
    return int(whole[1])


def parse_months(cell: Cell) -> int:
    """For how many months a fee is charged, 1..12; a blank is one. Raises CellError."""
    text = parse_text(cell)
    if not text:
        return 1
    whole = re.fullmatch(r"([0-9]{1,2})(?:[.,]0+)?(?:\s*(?:tháng|thang|months?))?", text.casefold())
    if whole is None or not 1 <= int(whole[1]) <= _MAX_MONTHS:
        raise CellError(
            "bad_months",
            msg(
                "«{value}»: số tháng là số nguyên từ 1 đến {limit}",
                value=text[:40],
                limit=_MAX_MONTHS,
            ),
        )
    return int(whole[1])


def parse_percent(cell: Cell) -> int:
    """A whole percentage, 1..100: "70%", 70, or 0,7 as a cell in percent format holds it. Raises CellError."""
    text = parse_text(cell).replace(",", ".")
    number = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,15})?)\s*%?", text)
    if number is None:
        raise _bad_percent(text)
    percent = Decimal(number[1])
    if percent == 1 and "%" not in text:
        raise CellError(
            "percent_unclear",
            msg("«1» có thể là 1% hoặc 100%: hãy định dạng cột là Text và ghi 100%"),
        )
    if percent < 1 and "%" not in text:
        percent *= 100
    if percent != int(percent) or not 1 <= percent <= 100:
        raise _bad_percent(text)
    return int(percent)


def _bad_percent(text: str) -> CellError:
    return CellError(
        "bad_percent", msg("«{value}»: tỷ lệ là số nguyên từ 1 đến 100", value=text[:40])
    )


def parse_bearer(cell: Cell) -> str:
    """Who bears a concession, "school" or "state". Raises CellError."""
    text = parse_words(cell)
    bearer = _BEARERS.get(normalise_header(text))
    if bearer is None:
        raise CellError(
            "unknown_bearer", msg("«{value}»: hãy ghi Trường hoặc Nhà nước", value=text[:40])
        )
    return bearer


def parse_nature(cell: Cell) -> str:
    """ "tuition", "service" or "on_behalf". Raises CellError."""
    text = parse_words(cell)
    nature = NATURES.get(normalise_header(text))
    if nature is None:
        raise CellError(
            "unknown_nature",
            msg("«{value}»: hãy ghi học phí, dịch vụ hoặc thu hộ", value=text[:40]),
        )
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
    raise CellError("not_yes_or_no", msg("«{value}»: hãy ghi có hoặc không", value=show(cell)[:40]))


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
    return CellError(
        "bad_month", msg("«{value}» không phải tháng; hãy ghi 09/2026", value=show(cell)[:40])
    )
