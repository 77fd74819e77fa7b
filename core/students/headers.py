"""What the columns of a class list mean, read from their headers in Vietnamese or English.

Schools export lists from many programs, each with its own order and words: a column is known by
meaning, never by position. Pure; it must never guess where two columns claim the same meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.tabular.spreadsheet import Cell, Row, column_letter, normalise_header

HEADER_WITHIN = 30
"""Rows searched for the header: titles of school, province and list stand above it."""


class Field(StrEnum):
    """What a column may mean; the value is its name for people."""

    CODE = "Mã học sinh"
    FULL_NAME = "Họ và tên"
    FAMILY_NAME = "Họ và tên đệm"
    GIVEN_NAME = "Tên"
    BIRTH_DATE = "Ngày sinh"
    CLASS = "Lớp"
    GUARDIAN = "Phụ huynh"
    PHONE = "Điện thoại"
    EMAIL = "Email"
    PERSONAL_ID = "Số định danh cá nhân"


SEVERAL_ALLOWED = frozenset({Field.GUARDIAN, Field.PHONE, Field.EMAIL})
"""A list may have a column each for father and mother: the first that is filled counts."""

_PARENT = r"\b(?:phu huynh|cha me|bo me|cha|bo(?! gd| giao)|ba|me|nguoi giam ho|giam ho|ph|parents?|guardian|father|mother)\b"
_PUPIL = r"(?: (?:cua )?(?:hoc sinh|hs|tre|be|nguoi hoc|hoc vien))?"
# In this order: the first that fits decides. "Mã định danh" alone is the Ministry's pupil code; the
# citizen's number is "số định danh (cá nhân)" or CCCD.
_RULES: tuple[tuple[Field | None, str], ...] = (
    (None, r"(?!.*mail).*\b(?:nghe nghiep|ngay sinh|nam sinh|cccd|cmnd|can cuoc|dinh danh|dia chi|noi)\b.*" + _PARENT + ".*"),
    (Field.EMAIL, r".*\b(?:email|e mail|thu dien tu)\b.*"),
    (Field.PHONE, r"(?:.*\b(?:dien thoai|sdt|so dt|di dong|phone|mobile|tel|telephone|hotline)\b.*|dt(?: .*)?)"),
    (Field.PERSONAL_ID, r"(?:so )?(?:can cuoc cong dan|can cuoc|cccd|cmnd|cccd cmnd)" + _PUPIL),
    (Field.PERSONAL_ID, r"(?:so dinh danh(?: ca nhan)?|ma dinh danh ca nhan|so ddcn|ddcn)" + _PUPIL),
    (Field.PERSONAL_ID, r"(?:so dinh danh(?: ca nhan)?|ma dinh danh ca nhan|so)? ?(?:cccd|cmnd)(?: .*)?"),
    (Field.PERSONAL_ID, r"(?:personal|national|citizen) (?:id|identification)(?: (?:no|number|card))?"),
    (Field.CODE, r"(?:ma|ma so|mshs|ma hs|id)(?: (?:dinh danh|hoc sinh|hs|hoc vien|tre|be))*(?: (?:bo|bo gd dt|moet|csdl|nganh|bo gd|bgd dt))?"),
    (Field.CODE, r"(?:student|pupil) (?:code|id|no|number)|moet code|code"),
    (Field.BIRTH_DATE, r"(?:ngay(?: thang)?(?: nam)? sinh|sinh ngay|ngay thang nam sinh)" + _PUPIL),
    (Field.BIRTH_DATE, r"(?:student )?(?:date of birth|birth ?date|birthday|dob)"),
    (Field.CLASS, r"(?:ten )?lop(?: hoc)?(?: hien tai)?|(?:student )?class(?: name)?"),
    (Field.GUARDIAN, r"(?:ho va ten |ho ten |ten |ho va ten cua |full name of |name of )?" + _PARENT + r"(?: (?:hoc sinh|hs|cua tre|full name|name|s name))?(?: " + _PARENT + r")*"),
    (Field.FULL_NAME, r"(?:ho va ten|ho ten|ho ten day du|ten day du|ho va ten khai sinh)" + _PUPIL),
    (Field.FULL_NAME, r"(?:ten )?(?:hoc sinh|hs)|ten (?:tre|be)|(?:student |pupil )?(?:full )?name|student|pupil"),
    (Field.FAMILY_NAME, r"ho(?: va)?|ho (?:va )?(?:ten |chu )?(?:dem|lot)|(?:family|last) name|surname"),
    (Field.GIVEN_NAME, r"ten(?: goi)?|(?:given|first) name"),
)  # fmt: skip
_COMPILED = tuple((field, re.compile(rule)) for field, rule in _RULES)
# Where a list has both, the school's own code is the code, and the Ministry's is left out.
_OWN_CODE = re.compile(r".*\b(?:hoc sinh|hs|mshs|student|pupil|hoc vien|tre|be)\b.*")
_NOTE = re.compile(r"\(.*?\)|\*")


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a list: its row number, where each field stands, and the columns not used."""

    row: int
    columns: dict[Field, tuple[int, ...]]
    ignored: tuple[str, ...]
    twice: tuple[tuple[Field, int], ...]

    @property
    def missing(self) -> tuple[Field, ...]:
        """The needed fields that no column carries."""
        needed = [field for field in (Field.CODE, Field.CLASS) if field not in self.columns]
        if not {Field.FULL_NAME, Field.GIVEN_NAME} & self.columns.keys():
            needed.insert(1 if Field.CODE in needed else 0, Field.FULL_NAME)
        return tuple(needed)


def meaning_of(header: str) -> Field | None:
    """The field a header names; None for any other column."""
    for text in (header, _NOTE.sub(" ", header)):
        words = normalise_header(text)
        for field, rule in _COMPILED:
            if rule.fullmatch(words):
                return field
    return None


def find_header(rows: Sequence[Row]) -> Header | None:
    """The row that names the most fields, among the first `HEADER_WITHIN`; None if none names two."""
    best: Header | None = None
    for row in rows[:HEADER_WITHIN]:
        header = _read_header(row)
        if len(header.columns) >= 2 and (best is None or len(header.columns) > len(best.columns)):
            best = header
    return best


def _read_header(row: Row) -> Header:
    columns: dict[Field, list[int]] = {}
    ignored: list[str] = []
    for index, cell in enumerate(row.cells):
        if not isinstance(cell, str) or not cell.strip():
            continue
        field = meaning_of(cell)
        if field is None:
            ignored.append(" ".join(cell.split())[:60])
        else:
            columns.setdefault(field, []).append(index)
    _prefer_own_code(row.cells, columns, ignored)
    _widen_name(row.cells, columns)
    twice = tuple(
        (field, at[1])
        for field, at in columns.items()
        if len(at) > 1 and field not in SEVERAL_ALLOWED and row.at(at[1])
    )
    return Header(
        row.number, {field: tuple(at) for field, at in columns.items()}, tuple(ignored), twice
    )


def _prefer_own_code(
    cells: Sequence[Cell], columns: dict[Field, list[int]], ignored: list[str]
) -> None:
    at = columns.get(Field.CODE, [])
    own = [index for index in at if _OWN_CODE.fullmatch(normalise_header(str(cells[index])))]
    if len(at) > 1 and len(own) == 1:
        ignored += [str(cells[index])[:60] for index in at if index not in own]
        columns[Field.CODE] = own


def _widen_name(cells: Sequence[Cell], columns: dict[Field, list[int]]) -> None:
    """A header "Họ và tên" merged over two columns: family name under it, given name beside it."""
    at = columns.get(Field.FULL_NAME, [])
    if len(at) == 1 and at[0] + 2 < len(cells) and cells[at[0] + 1] is None:
        at.append(at[0] + 1)


def column_name(header: Header, field: Field) -> str:
    """A column as a message names it: "Ngày sinh (D)"."""
    at = header.columns.get(field)
    return f"{field} ({column_letter(at[0])})" if at else str(field)
