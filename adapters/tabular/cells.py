"""What stands in a cell, and how to read it: amounts, dates, text, headers.

Every reader of a school's or a bank's file comes here, so that "1.250.000 đ" means the same in a
roster, a fee table and a statement. It never guesses: what could be read in two ways is refused
with a `CellError` that shows the value. It knows neither files, nor rows, nor columns.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from adapters.messages import Message, msg

MAX_AMOUNT_VND = 10**15
"""No amount of a school is above a million billion đồng; a longer number is a wrong column."""

_NOTHING = frozenset({"", "-", "–", "—"})
_LONGEST_NUMBER = 64
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
# A bare number is an Excel date only within 1940..2100: "2015" in a birthday column is a year.
_EXCEL_EPOCH = date(1899, 12, 30)
_FIRST_SERIAL, _LAST_SERIAL = 14_611, 73_051


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell that computes. `text` is the formula without "=", `cached` what was last shown.

    A cached value is whatever the last program wrote there: never to be trusted as money. `text` is
    "" where the file shares one formula among cells (or is XLS, where formulas are compiled).
    """

    text: str
    cached: str | int | Decimal | date | datetime | bool | None


Cell = str | int | Decimal | date | datetime | bool | Formula | None


class CellError(Exception):
    """A cell that cannot be read. `code` is stable; `message` says why, as a part of a sentence."""

    def __init__(self, code: str, message: Message) -> None:
        super().__init__(code)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@lru_cache(maxsize=4096)
def normalise_header(text: str) -> str:
    """Fold a header to bare words: "Số tiền\\nghi CÓ/ Credit" -> "so tien ghi co credit".

    Marks are stripped, đ becomes d, case is folded, everything but letters and digits is a space.
    """
    decomposed = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in bare).split())


def show(cell: Cell) -> str:
    """Write a cell as it stood, for an error message or for the auditor. Never raises."""
    match cell:
        case None:
            return ""
        case Formula():
            return f"={cell.text}" if cell.text else f"={show(cell.cached)}"
        case bool():
            return "TRUE" if cell else "FALSE"
        case Decimal():
            return format(cell, "f")
        case datetime():
            return cell.strftime("%d/%m/%Y %H:%M:%S")
        case date():
            return cell.strftime("%d/%m/%Y")
        case _:
            return str(cell)


def is_blank(cell: Cell) -> bool:
    """Tell whether a cell shows nothing: empty, or only white space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def is_nothing(cell: Cell) -> bool:
    """Tell whether a cell states no amount: it is blank, or a dash as accountants write it."""
    return cell is None or (isinstance(cell, str) and cell.strip() in _NOTHING)


def shows_number(cell: Cell) -> bool:
    """Tell whether a cell holds a digit anywhere, or computes."""
    return isinstance(cell, Formula) or any(c.isdigit() for c in show(cell))


def parse_text(cell: Cell) -> str:
    """Read text: trimmed; a number becomes its digits without ".0"; "" for an empty cell.

    Raises:
        CellError: "formula"; "date_as_text" where Excel has turned a text such as the class "1/2"
            into a date, so that what was meant is lost.
    """
    if isinstance(cell, Formula):
        raise _formula(cell)
    if isinstance(cell, date):
        raise CellError(
            "date_as_text",
            msg(
                "«{value}» là ngày tháng, trong khi ô này phải là chữ; hãy định dạng cột là Text",
                value=show(cell),
            ),
        )
    return show(cell).strip()


_CURRENCY = r"(?:vnđ|vnd|đồng|dong|đ|₫|d)"
_AMOUNT = re.compile(
    rf"(?:{_CURRENCY}\s*)?(?P<sign>[+\-−]?)\s*(?P<number>[0-9](?:[0-9.,\s]*[0-9])?)\s*{_CURRENCY}?\.?",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[0-9]+")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:([.,\s])[0-9]{3})(?:\1[0-9]{3})*")
_FRACTION = re.compile(r"(?P<whole>.*[0-9])(?P<mark>[.,])(?P<fraction>[0-9]{1,2})")


def parse_vnd(cell: Cell, *, allow_negative: bool = False) -> int:
    """Read an amount in VND.

    Accepts numbers, and the ways people and banks write them: 1.250.000 · 1,250,000 · 1 250 000 ·
    1250000.00 · 1,250,000.00 · 1.250.000,00 · with đ, ₫, VND, đồng; (1.250.000) is negative. One mark
    before exactly three digits separates thousands, as Vietnam writes it: "1.250" is 1250.

    Raises:
        CellError: "empty", "formula", "not_a_number", "fraction" (parts of a đồng), "ambiguous"
            (marks that fit no grouping), "negative", "overflow" (above 10**15).
    """
    if isinstance(cell, Formula):
        raise _formula(cell)
    if is_blank(cell):
        raise CellError("empty", msg("ô trống, cần một số tiền"))
    if isinstance(cell, str):
        amount = _read_amount(cell)
    elif isinstance(cell, Decimal):
        amount = _whole(cell)
    elif isinstance(cell, int) and not isinstance(cell, bool):
        amount = cell
    else:
        raise _not_a_number(show(cell))
    if abs(amount) > MAX_AMOUNT_VND:
        raise _overflow(show(cell)[:40])
    if amount < 0 and not allow_negative:
        raise CellError("negative", msg("«{value}» là số âm", value=show(cell)))
    return amount


@lru_cache(maxsize=4096)
def _read_amount(text: str) -> int:
    shown = text.strip()
    if len(shown) <= _LONGEST_NUMBER:  # as nearly all are written: digits alone, or well grouped
        if shown.isascii() and shown.isdigit():
            return int(shown)
        if grouped := _GROUPED.fullmatch(shown):
            return int(shown.replace(grouped[1], ""))
    inner = shown
    in_brackets = inner.startswith("(") and inner.endswith(")")
    if in_brackets:
        inner = inner[1:-1].strip()
    match = _AMOUNT.fullmatch(inner) if len(shown) <= _LONGEST_NUMBER else None
    if match is None or (in_brackets and match["sign"]):
        raise _not_a_number(shown[:_LONGEST_NUMBER])
    number = match["number"]
    fraction = _FRACTION.fullmatch(number)
    if fraction and fraction["mark"] not in fraction["whole"]:
        if fraction["fraction"].strip("0"):
            raise _fraction(shown)
        number = fraction["whole"]
    if not (_PLAIN.fullmatch(number) or _GROUPED.fullmatch(number)):
        raise CellError(
            "ambiguous",
            msg("«{value}» có thể đọc theo nhiều cách; hãy ghi 1.250.000", value=shown),
        )
    value = int(re.sub(r"[^0-9]", "", number))
    return -value if in_brackets or match["sign"] in {"-", "−"} else value


def _whole(number: Decimal) -> int:
    if not number.is_finite():
        raise _not_a_number(str(number))
    if abs(number) > MAX_AMOUNT_VND:
        raise _overflow(f"{number:.6E}")
    if number != int(number):
        raise _fraction(f"{number:f}")
    return int(number)


def _not_a_number(value: str) -> CellError:
    return CellError("not_a_number", msg("«{value}» không phải số tiền", value=value))


def _overflow(value: str) -> CellError:
    return CellError("overflow", msg("«{value}» lớn hơn mọi số tiền hợp lý", value=value))


def _fraction(value: str) -> CellError:
    return CellError("fraction", msg("«{value}» có phần lẻ; tiền đồng là số nguyên", value=value))


_TIME = r"(?:(?:\s+|T)[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?"
_DAY_FIRST = re.compile(rf"([0-9]{{1,2}})([/.-])([0-9]{{1,2}})\2([0-9]{{4}}){_TIME}")
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})([/-])([0-9]{{1,2}})\2([0-9]{{1,2}}){_TIME}")
_SHORT_YEAR = re.compile(rf"[0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-][0-9]{{2}}{_TIME}")


def parse_date(cell: Cell) -> date:
    """Read a calendar day (as written: Asia/Ho_Chi_Minh); a time of day is left out.

    Accepts date cells, dd/mm/yyyy, dd-mm-yyyy, dd.mm.yyyy, yyyy-mm-dd, each with an optional
    hh:mm[:ss], and Excel's day numbers (1940..2100). The day always comes before the month.

    Raises:
        CellError: "empty", "formula", "two_digit_year", "bad_date".
    """
    if isinstance(cell, Formula):
        raise _formula(cell)
    if is_blank(cell):
        raise CellError("empty", msg("ô trống, cần ngày tháng"))
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if isinstance(cell, str):
        return _read_date(cell.strip())
    if isinstance(cell, int | Decimal) and not isinstance(cell, bool):
        if _FIRST_SERIAL <= cell < _LAST_SERIAL:
            return _EXCEL_EPOCH + timedelta(days=int(cell))
        raise _not_a_date(show(cell)[:40])
    raise _not_a_date(show(cell))


@lru_cache(maxsize=4096)
def _read_date(text: str) -> date:
    if match := _DAY_FIRST.fullmatch(text):
        year, month, day = int(match[4]), int(match[3]), int(match[1])
    elif match := _YEAR_FIRST.fullmatch(text):
        year, month, day = int(match[1]), int(match[3]), int(match[4])
    elif _SHORT_YEAR.fullmatch(text):
        raise CellError(
            "two_digit_year",
            msg("«{value}»: hãy ghi năm đủ bốn chữ số (dd/mm/yyyy)", value=text),
        )
    else:
        raise CellError(
            "bad_date", msg("«{value}» không phải ngày tháng dạng dd/mm/yyyy", value=text[:40])
        )
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise CellError(
            "bad_date", msg("«{value}»: năm {year} không hợp lý", value=text, year=year)
        )
    try:
        return date(year, month, day)
    except ValueError:
        raise CellError(
            "bad_date", msg("«{value}»: không có ngày này (ngày đứng trước tháng)", value=text)
        ) from None


def _not_a_date(value: str) -> CellError:
    return CellError("bad_date", msg("«{value}» không phải ngày tháng", value=value))


def _formula(cell: Formula) -> CellError:
    return CellError(
        "formula",
        msg(
            "«{value}» là công thức; hãy dán giá trị (Paste Values) thay công thức",
            value=show(cell)[:80],
        ),
    )
