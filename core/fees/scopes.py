"""Who a fee line is for: reading "Toàn trường", "Khối 3", "3A, 3B", and which of several scopes wins.

A scope is text as the database keeps it: "all", "grade:3" or "class:3A"; "application" is nobody of
the roster but whoever hands in a file (hồ sơ) for the service. The most specific scope of
an item wins for a class, so that "Khối 3" at one price and "3A" at another charge 3A once. Pure; it
knows no school: whether a class exists is asked elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from adapters.messages import msg
from adapters.tabular.cells import CellError
from core.kit.text import unaccent

ALL = "all"
APPLICATION = "application"

_EVERYONE = frozenset(
    {"toan truong", "ca truong", "tat ca", "tat ca cac lop", "tat ca hoc sinh", "all", "everyone"}
)
_APPLICANTS = frozenset(
    {"ho so", "theo ho so", "moi ho so", "nguoi nop ho so", "application", "applications"}
)
_PARTS = re.compile(r"[,;\n+&]|\s+(?:và|and)\s+", re.IGNORECASE)
_GRADE_WORD = re.compile(r"(?:các\s+)?(?:khối\s+lớp|khối|khoi|grades?)\s*:?\s*", re.IGNORECASE)
_CLASS_WORD = re.compile(r"(?:các\s+)?(?:lớp|lop|class(?:es)?)\s*:?\s+", re.IGNORECASE)
_GRADE = re.compile(r"[0-9]{1,2}")
_GRADES = re.compile(r"([0-9]{1,2})\s*(?:-|–|đến|to)\s*(?:khối\s*)?([0-9]{1,2})", re.IGNORECASE)
_LONGEST_CLASS_NAME = 30


class Scoped(Protocol):
    """Anything that charges an item to a scope."""

    @property
    def scope(self) -> str:
        """ "all", "grade:3", "class:3A" or "application"."""

    @property
    def item_code(self) -> str:
        """The fee item charged."""


LineT = TypeVar("LineT", bound=Scoped)


@dataclass(frozen=True, slots=True)
class SchoolClass:
    """A class of one school year and how many pupils are enrolled in it."""

    name: str
    grade: int
    student_count: int


def parse_scopes(text: str, *, of_grades: bool = False) -> tuple[str, ...]:
    """Read who a fee is for: "Khối 1-3, 4A" -> ("grade:1", "grade:2", "grade:3", "class:4A").

    A bare number is a grade, as people say "lớp 3" of all its classes. `of_grades`: the column is
    headed "Khối", so "1-3" is a range and not a class of that name. Raises CellError "unknown_scope".
    """
    found: list[str] = []
    for part in _PARTS.split(text):
        words = " ".join(part.split())
        if not words:
            continue
        if unaccent(words).lower() in _EVERYONE:
            found.append(ALL)
            continue
        if unaccent(words).lower() in _APPLICANTS:
            found.append(APPLICATION)
            continue
        of_grade = _GRADE_WORD.match(words)
        prefix = of_grade or _CLASS_WORD.match(words)
        name = words[prefix.end() :] if prefix else words
        found += _grades(name, is_range=bool(of_grade) or of_grades) or _class(
            name, words, is_grade=bool(of_grade) or of_grades
        )
    if not found:
        raise _unknown(text)
    return tuple(dict.fromkeys(found))


def _grades(name: str, *, is_range: bool) -> list[str]:
    if _GRADE.fullmatch(name):
        return [f"grade:{int(name)}"]
    between = _GRADES.fullmatch(name) if is_range else None
    if between and int(between[1]) <= int(between[2]):
        return [f"grade:{grade}" for grade in range(int(between[1]), int(between[2]) + 1)]
    return []


def _class(name: str, words: str, *, is_grade: bool) -> list[str]:
    if not name or is_grade or len(name) > _LONGEST_CLASS_NAME:
        raise _unknown(words)
    return [f"class:{name}"]


def _unknown(text: str) -> CellError:
    return CellError(
        "unknown_scope",
        msg(
            "«{value}» không phải phạm vi áp dụng; hãy ghi Toàn trường, Khối 3, tên lớp (3A, 3B) hoặc Hồ sơ",
            value=text[:40],
        ),
    )


def class_key(name: str) -> str:
    """What makes two spellings one class: "Lớp 3 a" and "3A" are the same, "1/2" and "12" are not."""
    bare = "".join(unaccent(name).casefold().split())
    return bare.removeprefix("lop")


def rank(scope: str) -> int:
    """How specific a scope is: a class 2, a grade 1, the whole school 0."""
    return 2 if scope.startswith("class:") else 1 if scope.startswith("grade:") else 0


def lines_of_class(lines: Iterable[LineT], name: str, grade: int) -> dict[str, LineT]:
    """The line that charges each item in a class: item code -> its most specific line that fits."""
    fitting = {ALL, f"grade:{grade}", f"class:{name}"}
    chosen: dict[str, LineT] = {}
    for line in lines:
        best = chosen.get(line.item_code)
        if line.scope in fitting and (best is None or rank(line.scope) > rank(best.scope)):
            chosen[line.item_code] = line
    return chosen


class Charged(Scoped, Protocol):
    """A line with what it charges and where it is paid."""

    @property
    def amount_vnd(self) -> int:
        """Unit price times quantity."""

    @property
    def is_optional(self) -> bool:
        """Only who registered is charged."""

    @property
    def account(self) -> str:
        """The bank account that receives it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What issuing would make: invoices, pupils charged, VND in all, and pupils per line."""

    invoice_count: int
    student_count: int
    total_vnd: int
    students_by_line: tuple[int, ...]


def forecast(
    lines: Sequence[Charged],
    registered: Mapping[str, Iterable[str]],
    classes: Sequence[SchoolClass],
    class_of: Mapping[str, str],
) -> Forecast:
    """Count before anything is written. `registered`: student code -> item codes; `class_of`: student
    code -> class name, for those that registered. Registered and mandatory items differ
    by the line.
    """
    counts = dict.fromkeys(map(id, lines), 0)
    by_class: dict[str, dict[str, Charged]] = {}
    invoices = students = 0
    for each in classes:
        chosen = by_class[each.name] = lines_of_class(lines, each.name, each.grade)
        mandatory = [line for line in chosen.values() if not line.is_optional]
        for line in mandatory:
            counts[id(line)] += each.student_count
        invoices += each.student_count * len({line.account for line in mandatory})
        students += each.student_count if mandatory else 0
    for code, items in registered.items():
        chosen = by_class.get(class_of.get(code, ""), {})
        asked = [chosen[item] for item in set(items) if item in chosen and chosen[item].is_optional]
        for line in asked:
            counts[id(line)] += 1
        accounts = {line.account for line in chosen.values() if not line.is_optional}
        invoices += len({line.account for line in asked} - accounts)
        students += bool(asked and not accounts)
    return Forecast(
        invoice_count=invoices,
        student_count=students,
        total_vnd=sum(counts[id(line)] * line.amount_vnd for line in lines),
        students_by_line=tuple(counts[id(line)] for line in lines),
    )
