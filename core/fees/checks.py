"""A fee file against the school it is for: its classes, accounts, pupils and items. Pure.

Every contradiction is a fault with its row. It must never let a file change what an approved schedule
says of an item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
from core.kit.faults import Fault


@dataclass(frozen=True, slots=True)
class School:
    """What a fee file is checked against. Accounts: number -> id; `class_of`: student code -> class
    name, None for a pupil of the school who is not enrolled that year; `items`: code -> row.
    """

    classes: tuple[SchoolClass, ...]
    accounts: Mapping[str, int]
    default_account: str
    class_of: Mapping[str, str | None]
    items: Mapping[str, Any]


def check_against(
    file: ScheduleFile, school: School
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
    vi, en = ("lớp", "class") if kind == "class" else ("khối", "grade")
    return Fault(
        code=f"unknown_{kind}",
        vi=f"Năm học {school_year} không có {vi} «{name}»; hãy nhập danh sách học sinh trước hoặc sửa {vi}.",
        en=f"There is no {en} {name!r} in the school year {school_year}.",
        row=row,
        column="Phạm vi",
        value=name,
    )


def _unknown_account(row: int, account: str) -> Fault:
    if account:
        vi = "Trường không có tài khoản này; hãy ghi số tài khoản đã khai báo (định dạng Text)."
        en = "The school has no such account."
    else:
        vi = "Trường chưa có tài khoản mặc định; hãy ghi tài khoản nhận."
        en = "The school has no default account; name one."
    return Fault(
        code="unknown_account",
        vi=vi,
        en=en,
        row=row,
        column="Tài khoản nhận",
        value=account,
    )


def _several_accounts(lines: Sequence[FeeLine]) -> list[Fault]:
    """An application has one invoice, and one invoice is paid to one account."""
    service = [line for line in lines if line.scope == APPLICATION]
    return [
        Fault(
            code="several_accounts",
            vi=f"Các khoản của một hồ sơ phải vào cùng một tài khoản; dòng {service[0].row} ghi tài khoản khác.",
            en=f"The fees of an application are paid to one account; row {service[0].row} names another.",
            row=line.row,
            column="Tài khoản nhận",
            value=line.account,
        )
        for line in service
        if line.account != service[0].account
    ]


_FACTS = {
    "nature": ("tính chất", "nature"),
    "unit": ("đơn vị tính", "unit"),
    "bank_account_id": ("tài khoản nhận", "payee account"),
    "is_optional": ("tự nguyện", "optional"),
}


def _changed_facts(line: FeeLine, item: Any, bank_account_id: int) -> list[Fault]:
    """What an approved or issued schedule says of the item and this file says otherwise."""
    if not item["is_settled"]:
        return []
    told = {
        "nature": line.nature,
        "unit": line.unit,
        "bank_account_id": bank_account_id,
        "is_optional": line.is_optional,
    }
    return [
        Fault(
            code="item_in_use",
            vi=f"Khoản «{line.item_code}» đã được duyệt với {vi} khác; hãy giữ nguyên hoặc dùng mã khác.",
            en=f"Item {line.item_code!r} was approved with another {en}; keep it or use another code.",
            row=line.row,
            column="Mã khoản thu",
            value=line.item_code,
        )
        for fact, (vi, en) in _FACTS.items()
        if told[fact] != item[fact]
    ]


def _unknown_students(
    registrations: Sequence[Registration], school: School, lines: Sequence[FeeLine]
) -> list[Fault]:
    chosen = {
        each.name: lines_of_class(lines, each.name, each.grade).keys() for each in school.classes
    }
    items = {line.item_code for line in lines}
    faults: list[Fault] = []
    for asked in registrations:
        class_name = school.class_of.get(asked.student_code)
        if asked.student_code not in school.class_of:
            code, vi = "unknown_student", "Trường không có học sinh mang mã này."
            en = "The school has no pupil with this code."
        elif class_name is None:
            code, vi = "not_enrolled", "Học sinh này không có lớp trong năm học của đợt thu."
            en = "This pupil is in no class of the schedule's school year."
        elif asked.item_code in items and asked.item_code not in chosen[class_name]:
            code, vi = (
                "out_of_scope",
                f"Khoản «{asked.item_code}» không áp dụng cho lớp của học sinh này.",
            )
            en = f"Item {asked.item_code!r} does not apply to this pupil's class."
        else:
            continue
        faults.append(
            Fault(
                code=code,
                vi=vi,
                en=en,
                row=asked.row,
                column="Mã học sinh",
                value=asked.student_code,
            )
        )
    return faults


def forecast_of(
    lines: Sequence[FeeLine], registrations: Sequence[Registration], school: School
) -> Forecast:
    """What issuing would make for the pupils enrolled by now."""
    registered: dict[str, list[str]] = {}
    for asked in registrations:
        registered.setdefault(asked.student_code, []).append(asked.item_code)
    class_of = {code: name for code, name in school.class_of.items() if name}
    return forecast(lines, registered, school.classes, class_of)
