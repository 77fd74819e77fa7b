"""What the columns of a class list mean, read from their headers in Vietnamese or English.

Schools export lists from many programs, each with its own order and words: a column is known by
meaning, never by position. Pure; it must never guess where two columns claim the same meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from adapters.messages import Message, pmsg
from adapters.tabular.cells import normalise_header
from adapters.tabular.headers import ColumnPlace, Header, claim_columns, column_letter
from adapters.tabular.workbook import Row

HEADER_WITHIN = 30
"""Rows searched for the header: titles of school, province and list stand above it."""


class RosterColumn(StrEnum):
    """What a column may mean."""

    CODE = "code"
    FULL_NAME = "full_name"
    FAMILY_NAME = "family_name"
    GIVEN_NAME = "given_name"
    BIRTH_DATE = "birth_date"
    CLASS = "class"
    GUARDIAN = "guardian"
    PHONE = "phone"
    EMAIL = "email"
    PERSONAL_ID = "personal_id"


NAMES: Final[Mapping[RosterColumn, Message]] = {
    RosterColumn.CODE: pmsg("column", "Mã học sinh"),
    RosterColumn.FULL_NAME: pmsg("column", "Họ và tên"),
    RosterColumn.FAMILY_NAME: pmsg("column", "Họ và tên đệm"),
    RosterColumn.GIVEN_NAME: pmsg("column", "Tên"),
    RosterColumn.BIRTH_DATE: pmsg("column", "Ngày sinh"),
    RosterColumn.CLASS: pmsg("column", "Lớp"),
    RosterColumn.GUARDIAN: pmsg("column", "Phụ huynh"),
    RosterColumn.PHONE: pmsg("column", "Điện thoại"),
    RosterColumn.EMAIL: pmsg("column", "Email"),
    RosterColumn.PERSONAL_ID: pmsg("column", "Số định danh cá nhân"),
}
"""How messages name a column."""

SEVERAL_ALLOWED = frozenset({RosterColumn.GUARDIAN, RosterColumn.PHONE, RosterColumn.EMAIL})
"""A list may have a column each for father and mother: the first that is filled counts."""

_PARENT = r"\b(?:phu huynh|cha me|bo me|cha|bo(?! gd| giao)|ba|me|nguoi giam ho|giam ho|ph|parents?|guardian|father|mother)\b"
_PUPIL = r"(?: (?:cua )?(?:hoc sinh|hs|tre|be|nguoi hoc|hoc vien))?"
# In this order: the first that fits decides. "Mã định danh" alone is the Ministry's pupil code; the
# citizen's number is "số định danh (cá nhân)" or CCCD.
_RULES: tuple[tuple[RosterColumn | None, str], ...] = (
    (None, r"(?!.*mail).*\b(?:nghe nghiep|ngay sinh|nam sinh|cccd|cmnd|can cuoc|dinh danh|dia chi|noi)\b.*" + _PARENT + ".*"),
    (RosterColumn.EMAIL, r".*\b(?:email|e mail|thu dien tu)\b.*"),
    (RosterColumn.PHONE, r"(?:.*\b(?:dien thoai|sdt|so dt|di dong|phone|mobile|tel|telephone|hotline)\b.*|dt(?: .*)?)"),
    (RosterColumn.PERSONAL_ID, r"(?:so )?(?:can cuoc cong dan|can cuoc|cccd|cmnd|cccd cmnd)" + _PUPIL),
    (RosterColumn.PERSONAL_ID, r"(?:so dinh danh(?: ca nhan)?|ma dinh danh ca nhan|so ddcn|ddcn)" + _PUPIL),
    (RosterColumn.PERSONAL_ID, r"(?:so dinh danh(?: ca nhan)?|ma dinh danh ca nhan|so)? ?(?:cccd|cmnd)(?: .*)?"),
    (RosterColumn.PERSONAL_ID, r"(?:personal|national|citizen) (?:id|identification)(?: (?:no|number|card))?"),
    (RosterColumn.CODE, r"(?:ma|ma so|mshs|ma hs|id)(?: (?:dinh danh|hoc sinh|hs|hoc vien|tre|be))*(?: (?:bo|bo gd dt|moet|csdl|nganh|bo gd|bgd dt))?"),
    (RosterColumn.CODE, r"(?:student|pupil) (?:code|id|no|number)|moet code|code"),
    (RosterColumn.BIRTH_DATE, r"(?:ngay(?: thang)?(?: nam)? sinh|sinh ngay|ngay thang nam sinh)" + _PUPIL),
    (RosterColumn.BIRTH_DATE, r"(?:student )?(?:date of birth|birth ?date|birthday|dob)"),
    (RosterColumn.CLASS, r"(?:ten )?lop(?: hoc)?(?: hien tai)?|(?:student )?class(?: name)?"),
    (RosterColumn.GUARDIAN, r"(?:ho va ten |ho ten |ten |ho va ten cua |full name of |name of )?" + _PARENT + r"(?: (?:hoc sinh|hs|cua tre|full name|name|s name))?(?: " + _PARENT + r")*"),
    (RosterColumn.FULL_NAME, r"(?:ho va ten|ho ten|ho ten day du|ten day du|ho va ten khai sinh)" + _PUPIL),
    (RosterColumn.FULL_NAME, r"(?:ten )?(?:hoc sinh|hs)|ten (?:tre|be)|(?:student |pupil )?(?:full )?name|student|pupil"),
    (RosterColumn.FAMILY_NAME, r"ho(?: va)?|ho (?:va )?(?:ten |chu )?(?:dem|lot)|(?:family|last) name|surname"),
    (RosterColumn.GIVEN_NAME, r"ten(?: goi)?|(?:given|first) name"),
)  # fmt: skip
_COMPILED = tuple((field, re.compile(rule)) for field, rule in _RULES)
# Where a list has both, the school's own code is the code, and the Ministry's is left out.
_OWN_CODE = re.compile(r".*\b(?:hoc sinh|hs|mshs|student|pupil|hoc vien|tre|be)\b.*")
_NOTE = re.compile(r"\(.*?\)|\*")


def meaning_of(header: str) -> RosterColumn | None:
    """What a header names; None for any other column."""
    for text in (header, _NOTE.sub(" ", header)):
        words = normalise_header(text)
        for column, rule in _COMPILED:
            if rule.fullmatch(words):
                return column
    return None


def find_header(rows: Sequence[Row]) -> Header[RosterColumn] | None:
    """The row that names the most columns, among the first `HEADER_WITHIN`; None if none names two."""
    headers = [_read_header(row) for row in rows[:HEADER_WITHIN]]
    best = max(headers, key=lambda header: len(header.columns), default=None)
    return best if best and len(best.columns) >= 2 else None


def missing(header: Header[RosterColumn]) -> tuple[RosterColumn, ...]:
    """The needed columns that the header does not have."""
    is_named = not header.columns.keys().isdisjoint(
        {RosterColumn.FULL_NAME, RosterColumn.GIVEN_NAME}
    )
    needed = (RosterColumn.CODE, RosterColumn.FULL_NAME, RosterColumn.CLASS)
    return tuple(
        column
        for column in needed
        if column not in header.columns and not (is_named and column is RosterColumn.FULL_NAME)
    )


def twice(header: Header[RosterColumn]) -> tuple[RosterColumn, ...]:
    """What two columns claim, where only one may."""
    return tuple(
        column
        for column, at in header.columns.items()
        if len(at) > 1 and column not in SEVERAL_ALLOWED and at[1] in header.names
    )


def place_of(header: Header[RosterColumn], column: RosterColumn) -> ColumnPlace:
    """A column as messages name it: "Ngày sinh (D)"; only the name where the list has none."""
    index = header.index(column)
    name = str(NAMES[column])
    return (
        ColumnPlace(0, name)
        if index is None
        else ColumnPlace(index, f"{name} ({column_letter(index)})")
    )


def _read_header(row: Row) -> Header[RosterColumn]:
    return _widen_name(_prefer_own_code(claim_columns(row, meaning_of)), row)


def _prefer_own_code(header: Header[RosterColumn]) -> Header[RosterColumn]:
    at = header.columns.get(RosterColumn.CODE, ())
    own = tuple(i for i in at if _OWN_CODE.fullmatch(normalise_header(header.names[i])))
    if len(at) > 1 and len(own) == 1:
        return replace(header, columns={**header.columns, RosterColumn.CODE: own})
    return header


def _widen_name(header: Header[RosterColumn], row: Row) -> Header[RosterColumn]:
    """A header "Họ và tên" merged over two columns: family name under it, given name beside it."""
    at = header.columns.get(RosterColumn.FULL_NAME, ())
    if len(at) == 1 and at[0] + 2 < len(row.cells) and row.cells[at[0] + 1] is None:
        widened = (at[0], at[0] + 1)
        return replace(header, columns={**header.columns, RosterColumn.FULL_NAME: widened})
    return header
