"""How one value of a class list is read: class and grade, phone, email, codes and names.

Each reader returns the tidy value or raises `CellError` with what is wrong and what to do. Pure; it must
never repair a value into another that could also be meant.
"""

from __future__ import annotations

import re
from datetime import date

from adapters.messages import msg
from adapters.tabular.cells import Cell, CellError, parse_date, parse_text
from core.kit.text import unaccent

NURSERY_GRADE = 0


def read_text(cell: Cell) -> str:
    """Text of a cell on one line; "" where there is none. What cannot be printed is left out."""
    text = parse_text(cell)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()).lstrip("'")


_CODE = re.compile(r"[0-9A-Z](?:[0-9A-Z._/-]{0,18}[0-9A-Z])?")


def read_code(cell: Cell) -> str:
    """A pupil's code: up to 20 unaccented letters, digits and . _ / - in upper case (TT 42/2021)."""
    code = read_text(cell).upper()
    if not code:
        raise CellError("missing_code", msg("Thiếu mã học sinh; hãy điền mã."))
    if not _CODE.fullmatch(code):
        raise CellError(
            "bad_code",
            msg("Mã học sinh gồm tối đa 20 chữ cái không dấu và chữ số, không có khoảng trắng."),
        )
    return code


def read_name(cell: Cell) -> str:
    """A person's name; "" where there is none. A name has letters and no digits."""
    name = read_text(cell)
    if name and (
        not any(c.isalpha() for c in name) or any(c.isdigit() for c in name) or len(name) > 100
    ):
        raise CellError("bad_name", msg("Đây không phải họ tên người; hãy kiểm tra lại ô."))
    return name


def read_birth_date(cell: Cell, today: date) -> date:
    """A birth date before `today` (Vietnam's business date)."""
    born = parse_date(cell)
    if born > today:
        raise CellError("date_in_future", msg("Ngày sinh ở tương lai; hãy kiểm tra lại năm."))
    return born


_CLASS_WORD = re.compile(r"(?:lớp|lop|class)\s+", re.IGNORECASE)
_SHORT_CLASS = re.compile(r"([0-9]{1,2})\s*([A-Za-z][0-9]{0,2})")
_GRADE = re.compile(r"([0-9]{1,2})(?![0-9])")
_NURSERY = re.compile(
    r"(?:nha tre|nhom tre|mau giao|mam non|mam|choi|la|mg|nt)(?![a-z])", re.IGNORECASE
)


def read_class(cell: Cell) -> tuple[str, int]:
    """A class name, tidied, and its grade: "lớp 3 a" -> ("3A", 3), "10A1" -> 10, "Lá 1" -> 0.

    Grades 1 to 12; nursery classes (nhà trẻ, mầm, chồi, lá) are grade 0.
    """
    name = _CLASS_WORD.sub("", read_text(cell), count=1)
    if not name:
        raise CellError("missing_class", msg("Thiếu tên lớp; hãy điền lớp."))
    if short := _SHORT_CLASS.fullmatch(name):
        name = short[1] + short[2].upper()
    name = name[0].upper() + name[1:]
    grade = _GRADE.match(name)
    if grade and 1 <= int(grade[1]) <= 12 and len(name) <= 30:
        return name, int(grade[1])
    if _NURSERY.match(unaccent(name)) and len(name) <= 30:
        return name, NURSERY_GRADE
    raise CellError(
        "unknown_class",
        msg(
            "Không có lớp này: tên lớp bắt đầu bằng khối 1-12 (3A, 10A1, 6/2) hoặc Mầm, Chồi, Lá, Nhà trẻ."
        ),
    )


_SEVERAL = re.compile(r"[/;,]|\bhoặc\b|\bor\b")
_MOBILE = re.compile(r"0[35789][0-9]{8}")
_LANDLINE = re.compile(r"02[0-9]{8,9}")


def read_phone(cell: Cell) -> str:
    """A phone in Vietnam as 0xxxxxxxxx, the first where there are several; "" where there is none.

    +84 and 84 become 0; a number whose leading zero Excel dropped gets it back.
    """
    text = read_text(cell)
    first = next((part for part in _SEVERAL.split(text) if part.strip()), "")
    digits = re.sub(r"[\s().+-]", "", first)
    if not text:
        return ""
    if digits.startswith("0084"):
        digits = digits[2:]
    if digits.startswith("84") and len(digits) in {11, 12}:
        digits = f"0{digits[2:]}"
    if isinstance(cell, int) or (len(digits) == 9 and not digits.startswith("0")):
        digits = f"0{digits.lstrip('0')}"
    if _MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits):
        return digits
    raise CellError(
        "bad_phone", msg("Số điện thoại Việt Nam có 10 chữ số, bắt đầu bằng 0 (ví dụ 0912345678).")
    )


_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}"
)


def read_email(cell: Cell) -> str:
    """An address in lower case; "" where there is none."""
    text = read_text(cell).lower()
    if text and (len(text) > 254 or ".." in text or not _EMAIL.fullmatch(text)):
        raise CellError(
            "bad_email",
            msg("Địa chỉ email không hợp lệ; hãy ghi một địa chỉ như ten@truong.edu.vn."),
        )
    return text


_PERSONAL_ID = re.compile(r"0[0-9]{11}")


def read_personal_id(cell: Cell) -> str:
    """The 12 digits of số định danh cá nhân (no check digit exists); "" where there is none.

    All begin with 0 (province or country code), which Excel drops from a number: it is put back.
    """
    text = re.sub(r"[\s.-]", "", read_text(cell))
    if not text:
        return ""
    if isinstance(cell, int) and 9 <= len(text) <= 11:
        text = text.zfill(12)
    if not _PERSONAL_ID.fullmatch(text):
        raise CellError(
            "bad_personal_id",
            msg("Số định danh cá nhân có 12 chữ số, bắt đầu bằng 0; ô này không được ghi vào."),
        )
    return text
