"""A fee file against the school it is for: its classes, accounts, pupils and items. Pure.

Every contradiction is a fault with its row. It must never let a file change an item that an approved
schedule charges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.messages import msg
from core.fees.items import FeeLine
from core.fees.registrations import Registration
from core.fees.schedule import ScheduleFile
from core.fees.scopes import (
    APPLICATION,
    Forecast,
    SchoolClass,
    class_key,
    forecast,
    lines_of_class,
)
from core.kit.errors import fault
from core.kit.faults import Fault


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item that the school has. `is_settled`: a schedule that is no draft any more charges it."""

    code: str
    nature: str
    unit: str
    bank_account_id: int
    is_optional: bool
    is_settled: bool


@dataclass(frozen=True, slots=True)
class SchoolFacts:
    """What a fee file is checked against. Accounts: number -> id; `class_of`: student code -> class
    name, None for a pupil of the school who is not enrolled that year; `items`: by their codes.
    """

    classes: tuple[SchoolClass, ...]
    accounts: Mapping[str, int]
    default_account: str
    class_of: Mapping[str, str | None]
    items: Mapping[str, KnownItem]


def check_against(
    file: ScheduleFile, school: SchoolFacts
) -> tuple[tuple[FeeLine, ...], tuple[Fault, ...]]:
    """The lines with classes as the school spells them and every account named, and what is wrong."""
    faults: list[Fault] = []
    names = {class_key(each.name): each.name for each in school.classes}
    grades = {each.grade for each in school.classes}
    for claim in file.claims:
        kind, _, name = claim.scope.partition(":")
        is_known = class_key(name) in names if kind == "class" else name in map(str, grades)
        if name and file.school_year and not is_known:
            faults.append(_unknown_scope(claim.row, kind, name, file.school_year))
    accounts = {claim.row: claim.account for claim in file.claims}
    faults += [
        _unknown_account(row, account)
        for row, account in accounts.items()
        if account is not None and (account or school.default_account) not in school.accounts
    ]
    lines: list[FeeLine] = []
    for line in file.lines:
        scope, account = line.scope, line.account or school.default_account
        if scope.startswith("class:"):
            name = scope.removeprefix("class:")
            scope = f"class:{names.get(class_key(name), name)}"
        item = school.items.get(line.item_code)
        if item and account in school.accounts:
            faults += _changed_facts(line, item, school.accounts[account])
        lines.append(replace(line, scope=scope, account=account))
    faults += _several_accounts(lines)
    faults += _unknown_students(file.registrations, school, lines)
    return tuple(lines), tuple(dict.fromkeys(faults))


def _unknown_scope(row: int, kind: str, name: str, school_year: str) -> Fault:
    if kind == "class":
        text = msg(
            "Năm học {school_year} không có lớp «{name}»; hãy nhập danh sách học sinh trước hoặc sửa lớp.",
            school_year=school_year,
            name=name,
        )
    else:
        text = msg(
            "Năm học {school_year} không có khối «{name}»; hãy nhập danh sách học sinh trước hoặc sửa khối.",
            school_year=school_year,
            name=name,
        )
    return fault(f"unknown_{kind}", text, row=row, column="Phạm vi", value=name)


def _unknown_account(row: int, account: str) -> Fault:
    if account:
        text = msg(
            "Trường không có tài khoản này; hãy ghi số tài khoản đã khai báo (định dạng Text)."
        )
    else:
        text = msg("Trường chưa có tài khoản mặc định; hãy ghi tài khoản nhận.")
    return fault("unknown_account", text, row=row, column="Tài khoản nhận", value=account)


def _several_accounts(lines: Sequence[FeeLine]) -> list[Fault]:
    """An application has one invoice, and one invoice is paid to one account."""
    service = [line for line in lines if line.scope == APPLICATION]
    return [
        fault(
            "several_accounts",
            msg(
                "Các khoản của một hồ sơ phải vào cùng một tài khoản; dòng {row} ghi tài khoản khác.",
                row=service[0].row,
            ),
            row=line.row,
            column="Tài khoản nhận",
            value=line.account,
        )
        for line in service
        if line.account != service[0].account
    ]


def _changed_facts(line: FeeLine, item: KnownItem, bank_account_id: int) -> list[Fault]:
    """Where the file contradicts an approved or issued schedule that charges the item."""
    if not item.is_settled:
        return []
    facts = (
        (msg("tính chất"), line.nature == item.nature),
        (msg("đơn vị tính"), line.unit == item.unit),
        (msg("tài khoản nhận"), bank_account_id == item.bank_account_id),
        (msg("tự nguyện"), line.is_optional == item.is_optional),
    )
    return [
        fault(
            "item_in_use",
            msg(
                "Khoản «{item_code}» đã được duyệt với {fact} khác; hãy giữ nguyên hoặc dùng mã khác.",
                item_code=line.item_code,
                fact=fact,
            ),
            row=line.row,
            column="Mã khoản thu",
            value=line.item_code,
        )
        for fact, is_same in facts
        if not is_same
    ]


def _unknown_students(
    registrations: Sequence[Registration], school: SchoolFacts, lines: Sequence[FeeLine]
) -> list[Fault]:
    chosen = {
        each.name: lines_of_class(lines, each.name, each.grade).keys() for each in school.classes
    }
    items = {line.item_code for line in lines}
    faults: list[Fault] = []
    for asked in registrations:
        class_name = school.class_of.get(asked.student_code)
        if asked.student_code not in school.class_of:
            code, text = "unknown_student", msg("Trường không có học sinh mang mã này.")
        elif class_name is None:
            code = "not_enrolled"
            text = msg("Học sinh này không có lớp trong năm học của đợt thu.")
        elif asked.item_code in items and asked.item_code not in chosen[class_name]:
            code = "out_of_scope"
            text = msg(
                "Khoản «{item_code}» không áp dụng cho lớp của học sinh này.",
                item_code=asked.item_code,
            )
        else:
            continue
        faults.append(
            fault(code, text, row=asked.row, column="Mã học sinh", value=asked.student_code)
        )
    return faults


def forecast_of(
    lines: Sequence[FeeLine], registrations: Sequence[Registration], school: SchoolFacts
) -> Forecast:
    """What issuing would make for the pupils enrolled by now."""
    registered: dict[str, list[str]] = {}
    for asked in registrations:
        registered.setdefault(asked.student_code, []).append(asked.item_code)
    class_of = {code: name for code, name in school.class_of.items() if name}
    return forecast(lines, registered, school.classes, class_of)
