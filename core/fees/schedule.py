"""Reading a school's fee file: a table of items, and who asked for the optional ones. Pure.

Columns are known by their words, never by position; month, due date and name may stand in title rows
or in columns, and all must agree. Everything wrong is reported at once, by row and column. It never
guesses: a blank scope, a blank "Tự nguyện", a formula or half a đồng is a fault, not a default.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta

from adapters.contract import FileError
from adapters.messages import Message, msg, pmsg
from adapters.tabular.cells import is_blank, parse_date
from adapters.tabular.workbook import read_sheets
from core.fees.cell_parsers import parse_month
from core.fees.columns import FeeColumn, FeeTable, find_table
from core.fees.items import Claim, FeeLine, item_rows, read_lines
from core.fees.registrations import Registration, read_registrations, unread_registrations
from core.fees.scopes import APPLICATION, class_key
from core.fees.titles import FIRST_MONTH, Stated, read_titles
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.table_cells import read_cell

_LATEST_DUE = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFile:
    """A fee file as read. `month` is the first day of it; None, like `due_on`, when a fault says so."""

    name: str
    school_year: str
    month: date | None
    due_on: date | None
    lines: tuple[FeeLine, ...]
    claims: tuple[Claim, ...]
    registrations: tuple[Registration, ...]
    faults: tuple[Fault, ...]

    @property
    def kind(self) -> str:
        """ "application": a service, charged to who applies for it; else "roster"."""
        return "application" if any(line.scope == APPLICATION for line in self.lines) else "roster"

    def content_hash(self) -> str:
        """Identity of the content: who is charged what, when; the order of rows does not matter."""
        content = [
            [self.name, self.school_year, str(self.month), str(self.due_on)],
            sorted(
                [
                    *(line.item_code, *line.facts),
                    *(class_key(line.scope), line.unit_price_vnd, line.quantity),
                    *((line.period_months,) if line.period_months > 1 else ()),
                ]
                for line in self.lines
            ),
            sorted([asked.student_code, asked.item_code] for asked in self.registrations),
        ]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def read_schedule(data: bytes, file_name: str) -> ScheduleFile:
    """Read an Excel or CSV fee file whole, with every fault in it.

    Raises FileError when there is nothing to read: those of `read_sheets`, "no_fee_table" when no
    sheet has the headers of a fee table, "several_fee_tables" when more than one has.
    """
    sheets = read_sheets(data, file_name)
    items = [table for sheet in sheets if (table := find_table(sheet, _ITEM_HEADER))]
    asked = [table for sheet in sheets if (table := find_table(sheet, _REGISTRATION_HEADER))]
    if not items:
        detail = msg(
            "{file}: không thấy dòng tiêu đề có Mã khoản thu, Tên khoản thu và Đơn giá",
            file=file_name,
        )
        raise FileError("no_fee_table", detail)
    if len(items) > 1:
        names = tuple(f"«{table.sheet.name}»" for table in items)
        detail = msg("{file}: có nhiều bảng khoản thu ({sheets})", file=file_name, sheets=names)
        raise FileError("several_fee_tables", detail)
    faults: list[Fault] = []
    stated = _read_stated(items[0], faults)
    lines, claims = read_lines(items[0], faults)
    registrations = read_registrations(asked, lines, faults)
    faults += unread_registrations(sheets, asked)
    if any(line.scope == APPLICATION for line in lines):
        faults += _of_a_service(stated, items[0], registrations)
    return ScheduleFile(
        name=stated.name,
        school_year=stated.school_year,
        month=stated.month,
        due_on=stated.due_on,
        lines=lines,
        claims=claims,
        registrations=registrations,
        faults=tuple(faults),
    )


def _of_a_service(
    stated: _ScheduleTitle, table: FeeTable, registrations: Sequence[Registration]
) -> list[Fault]:
    """Applicants read a service's name, and say themselves what they want: nobody registers for it."""
    unnamed = fault(
        "name_missing",
        msg("Dịch vụ thu theo hồ sơ cần có tên; hãy ghi một dòng «Tên dịch vụ: …» phía trên bảng."),
        row=table.header_row,
    )
    unasked = msg(
        "Dịch vụ thu theo hồ sơ không có danh sách đăng ký; hãy nhập hồ sơ sau khi đợt thu được duyệt."
    )
    return [unnamed] * (not stated.is_named) + [
        fault(
            "registration_for_service",
            unasked,
            row=asked.row,
            column="Mã học sinh",
            value=asked.student_code,
        )
        for asked in registrations
    ]


_ITEM_HEADER = frozenset({FeeColumn.CODE, FeeColumn.NAME, FeeColumn.PRICE})
_REGISTRATION_HEADER = frozenset({FeeColumn.STUDENT, FeeColumn.CODE})


@dataclass(frozen=True, slots=True)
class _ScheduleTitle:
    name: str
    is_named: bool
    school_year: str
    month: date | None
    due_on: date | None


def _read_stated(table: FeeTable, faults: list[Fault]) -> _ScheduleTitle:
    """Month, due date, school year and name, wherever they stand; all places must agree."""
    titles = read_titles(table.title_rows)
    faults += titles.faults
    months, due_dates = list(titles.months), list(titles.due_dates)
    for row in item_rows(table):
        for role, parse, found in (
            (FeeColumn.MONTH, parse_month, months),
            (FeeColumn.DUE, parse_date, due_dates),
        ):
            column = table.columns.get(role)
            if column and not is_blank(row.at(column.index)):
                value = read_cell(row, column, parse, faults)
                if value is not None:
                    found.append(Stated(row.number, column.label, value))
    month = _agreed(months, faults, "month", pmsg("of a fee file", "Tháng"), {"bad_month"})
    due_on = _agreed(
        due_dates,
        faults,
        "due_on",
        pmsg("of a fee file", "Hạn nộp"),
        {"bad_date", "two_digit_year"},
    )
    if month and due_on and not _is_near(month, due_on):
        place = due_dates[0]
        faults.append(
            fault(
                "due_date_far_from_month",
                msg(
                    "Hạn nộp {due_on:date} quá xa tháng {month:month}; hãy kiểm tra lại năm và tháng.",
                    due_on=due_on,
                    month=month,
                ),
                row=place.row,
                column=place.column,
                value=f"{due_on:%d/%m/%Y}",
            )
        )
    school_year = school_year_of(month) if month else ""
    if month and titles.school_year and _holds(titles.school_year.value, month):
        school_year = titles.school_year.value
    elif month and titles.school_year:
        faults.append(
            fault(
                "month_outside_school_year",
                msg(
                    "Tháng {month:month} thuộc năm học {school_year}, không phải năm học ghi trong tệp.",
                    month=month,
                    school_year=school_year,
                ),
                row=titles.school_year.row,
                column=titles.school_year.column,
                value=titles.school_year.value,
            )
        )
    name = titles.name or (f"Khoản thu tháng {month:%m/%Y}" if month else "")
    return _ScheduleTitle(name, bool(titles.name), school_year, month, due_on)


def school_year_of(month: date) -> str:
    """The school year of a month: it begins in August, "2026-2027" for 08/2026 to 07/2027."""
    first = month.year if month.month >= FIRST_MONTH else month.year - 1
    return f"{first}-{first + 1}"


def _holds(school_year: str, month: date) -> bool:
    """Whether a year that the file names can charge the month: from the June before it (enrolment) to
    the August after (summer)."""
    first, last = (int(year) for year in school_year.split("-"))
    return last == first + 1 and date(first, 6, 1) <= month <= date(last, 8, 1)


def _is_near(month: date, due_on: date) -> bool:
    """Paying ahead is common (meals of October by the end of September), a year's slip is an error."""
    month_before = (month - timedelta(days=1)).replace(day=1)
    return month_before <= due_on <= month + _LATEST_DUE


def _agreed(
    found: Sequence[Stated[date]],
    faults: list[Fault],
    code: str,
    name: Message,
    unreadable: Set[str],
) -> date | None:
    """The one value that all places state; a fault for each place that differs from the first.

    It is not called missing where a fault of the codes `unreadable` says that it could not be read.
    """
    if not found:
        if not any(fault.code in unreadable for fault in faults):
            faults.append(
                fault(
                    f"{code}_missing",
                    msg(
                        "{what} không có trong tệp; hãy ghi ở dòng tiêu đề hoặc một cột.", what=name
                    ),
                    column=str(name),
                )
            )
        return None
    first = found[0]
    faults += [
        fault(
            f"{code}_differs",
            msg(
                "{what} khác với dòng {row} ({day:date}); một tệp chỉ có một đợt thu.",
                what=name,
                row=first.row,
                day=first.value,
            ),
            row=other.row,
            column=other.column,
            value=f"{other.value:%d/%m/%Y}",
        )
        for other in found[1:]
        if other.value != first.value
    ]
    return first.value
