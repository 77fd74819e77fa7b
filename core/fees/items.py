"""The items of a fee file: one row is an item at a price for one or more scopes. Pure.

A row with anything wrong in it gives faults and no line; totals, section titles and signatures are
left out only where nothing in them could be an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.contract import Procedure
from adapters.tabular.spreadsheet import Row, is_blank, normalise_header, show
from core.fees.cell_parsers import (
    fault_at,
    parse_account,
    parse_code,
    parse_months,
    parse_nature,
    parse_note,
    parse_price,
    parse_quantity,
    parse_stated_amount,
    parse_words,
    parse_yes_no,
    read_cell,
)
from core.fees.columns import Role, Table
from core.fees.scopes import ALL, APPLICATION, class_key, parse_scopes
from core.kit.faults import Fault
from core.kit.money import MAX_VND, format_vnd

MAX_LINES = 2_000
_TOTALS = ("tong cong", "tong", "cong", "total")

_NEEDED = {
    Role.NATURE: ("Tính chất", "Nature"),
    Role.UNIT: ("Đơn vị tính", "Unit"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeLine:
    """One item at one price for one scope. `account`: the payee's number, "" for the school's default.

    `period_months`: how many months, from the schedule's on, it is for; what is charged ahead becomes
    income month by month. `procedure`: what the national portal knows the fee by; a field that the file leaves out is "".
    """

    row: int
    item_code: str
    name: str
    nature: str
    unit: str
    account: str
    is_optional: bool
    legal_basis: str
    scope: str
    unit_price_vnd: int
    quantity: int
    period_months: int = 1
    procedure: Procedure = field(default_factory=Procedure)

    @property
    def amount_vnd(self) -> int:
        """Unit price times quantity, VND."""
        return self.unit_price_vnd * self.quantity

    @property
    def facts(self) -> tuple[object, ...]:
        """What is the item's own and must be the same wherever its code stands."""
        own = (self.name, self.nature, self.unit, self.account, self.is_optional, self.legal_basis)
        told = self.procedure
        if told == Procedure():  # as the content of files without these columns was always known
            return own
        return (*own, told.code, told.name, told.service_code, told.service_name)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a row asks the school for, whether or not the rest of it could be read: "" and None where
    that part could not. An account "" is the school's default.
    """

    row: int
    scope: str
    account: str | None


def item_rows(table: Table) -> list[Row]:
    """The rows that charge something: no totals, section titles, or signatures under the table."""
    rows = [
        row
        for row in table.rows
        if not (is_total(row, table) or is_section(row) or _counts_columns(row))
    ]
    telling = [table.columns[role].index for role in (Role.PRICE, Role.UNIT, Role.NATURE)
               if role in table.columns]  # fmt: skip
    while rows and all(is_blank(rows[-1].at(index)) for index in telling):
        if _is_item_code(rows[-1], table):
            break
        rows.pop()
    return rows


def is_total(row: Row, table: Table) -> bool:
    """A row "Tổng cộng", with nothing else where an item has its code."""
    code = row.at(table.columns[Role.CODE].index)
    words = next((normalise_header(cell) for cell in row.cells if isinstance(cell, str)), "")
    is_named = words in _TOTALS or words.startswith("tong cong ")
    return is_named and (is_blank(code) or normalise_header(show(code)) == words)


def is_section(row: Row) -> bool:
    """One text of several words alone in its row: "A. Các khoản thu hộ"."""
    filled = [cell for cell in row.cells if not is_blank(cell)]
    return len(filled) == 1 and isinstance(filled[0], str) and len(filled[0].split()) > 1


def _counts_columns(row: Row) -> bool:
    """The row "(1) (2) (3)" that forms put under their header."""
    texts = [normalise_header(show(cell)) for cell in row.cells if not is_blank(cell)]
    return len(texts) > 2 and texts == [str(number) for number in range(1, len(texts) + 1)]


def _is_item_code(row: Row, table: Table) -> bool:
    """Below the table, what has a code of one word and a name is an item without its price."""
    code = show(row.at(table.columns[Role.CODE].index)).split()
    return len(code) == 1 and not is_blank(row.at(table.columns[Role.NAME].index))


def read_lines(table: Table, faults: list[Fault]) -> tuple[tuple[FeeLine, ...], tuple[Claim, ...]]:
    """Every line that is sound, and what all rows ask for; what is wrong is added to `faults`."""
    faults += table.faults
    faults += [
        Fault(
            code="column_missing",
            vi=f"Thiếu cột «{vi}».",
            en=f"The column {en!r} is missing.",
            row=table.header_row,
            column=vi,
        )
        for role, (vi, en) in _NEEDED.items()
        if role not in table.columns
    ]
    lines: list[FeeLine] = []
    claims: list[Claim] = []
    rows = item_rows(table)
    for row in rows[:MAX_LINES]:
        read, claimed = _read_row(row, table, faults)
        lines += read
        claims += claimed
    _check_lines(lines, table, faults)
    if not rows or len(rows) > MAX_LINES:
        faults.append(
            Fault(
                code="too_many_items" if rows else "no_items",
                vi=f"Bảng có hơn {MAX_LINES} khoản thu."
                if rows
                else "Bảng không có khoản thu nào.",
                en=f"More than {MAX_LINES} items." if rows else "The table has no items.",
                row=table.header_row,
            )
        )
    return tuple(lines), tuple(claims)


def _read_row(row: Row, table: Table, faults: list[Fault]) -> tuple[list[FeeLine], list[Claim]]:
    """The lines of one row, one per scope; none when anything in it is wrong."""
    before = len(faults)
    columns = table.columns
    code = read_cell(row, columns[Role.CODE], parse_code, faults)
    name = read_cell(row, columns[Role.NAME], parse_words, faults)
    price_vnd = read_cell(row, columns[Role.PRICE], parse_price, faults)
    nature = read_cell(row, columns.get(Role.NATURE), parse_nature, faults)
    unit = read_cell(row, columns.get(Role.UNIT), parse_words, faults)
    quantity = read_cell(row, columns.get(Role.QUANTITY), parse_quantity, faults, absent=1)
    months = read_cell(row, columns.get(Role.MONTHS), parse_months, faults, absent=1)
    account = read_cell(row, columns.get(Role.ACCOUNT), parse_account, faults, absent="")
    optional = read_cell(row, columns.get(Role.OPTIONAL), parse_yes_no, faults, absent=False)
    legal = read_cell(row, columns.get(Role.LEGAL), parse_note, faults, absent="")
    procedure = _read_procedure(row, table, faults)
    scopes = _read_scopes(row, table, faults)
    claims = [Claim(row.number, scope, account) for scope in scopes or ("",)]
    amount_vnd = (price_vnd or 0) * (quantity or 0)
    if amount_vnd > MAX_VND:
        faults.append(_overflow(row, table))
    amount_column = columns.get(Role.AMOUNT)
    if amount_vnd and amount_column:
        stated = parse_stated_amount(row.at(amount_column.index))
        if stated not in {None, amount_vnd}:
            figures = format_vnd(amount_vnd, "vi")
            faults.append(
                fault_at(
                    row,
                    amount_column,
                    code="amount_is_not_product",
                    vi=f"Thành tiền phải là đơn giá × số lượng = {figures}.",
                    en=f"The amount must be price × quantity = {amount_vnd} VND.",
                )
            )
    if len(faults) > before:
        return [], claims
    if None in (code, name, price_vnd, nature, unit, quantity):  # a column is missing: said before
        return [], claims
    lines = [
        FeeLine(
            row=row.number,
            item_code=code or "",
            name=name or "",
            nature=nature or "",
            unit=unit or "",
            account=account or "",
            is_optional=bool(optional),
            legal_basis=legal or "",
            scope=scope,
            unit_price_vnd=price_vnd or 0,
            quantity=quantity or 0,
            period_months=months or 1,
            procedure=procedure,
        )
        for scope in scopes
    ]
    return lines, claims


def _read_procedure(row: Row, table: Table, faults: list[Fault]) -> Procedure:
    """The four columns that name the fee's procedure; a school's own fee has none of them."""
    code, name, service_code, service_name = (
        read_cell(row, table.columns.get(role), parse_note, faults, absent="") or ""
        for role in (
            Role.PROCEDURE_CODE,
            Role.PROCEDURE_NAME,
            Role.SERVICE_CODE,
            Role.SERVICE_NAME,
        )
    )
    return Procedure(code=code, name=name, service_code=service_code, service_name=service_name)


def _read_scopes(row: Row, table: Table, faults: list[Fault]) -> tuple[str, ...]:
    """The most telling of the columns Lớp, Phạm vi, Khối that says something in this row."""
    asked = [
        table.columns[role]
        for role in (Role.CLASS, Role.SCOPE, Role.GRADE)
        if role in table.columns
    ]
    if not asked:
        return (ALL,)
    column = next((one for one in asked if not is_blank(row.at(one.index))), asked[0])
    of_grades = table.columns.get(Role.GRADE) == column
    found = read_cell(
        row, column, lambda cell: parse_scopes(parse_words(cell), of_grades=of_grades), faults
    )
    return found or ()


def _overflow(row: Row, table: Table) -> Fault:
    return fault_at(
        row,
        table.columns[Role.PRICE],
        code="overflow",
        vi=f"Đơn giá × số lượng vượt {format_vnd(MAX_VND, 'vi')}.",
        en=f"Price × quantity is above {MAX_VND} VND.",
    )


def _check_lines(lines: Sequence[FeeLine], table: Table, faults: list[Fault]) -> None:
    """One item, one set of facts; one item and scope, one line; the whole file within bounds."""
    faults += _check_service(lines, code_label := table.columns[Role.CODE].label)
    first: dict[str, FeeLine] = {}
    seen: dict[tuple[str, str], FeeLine] = {}
    for line in lines:
        original = first.setdefault(line.item_code, line)
        if line.facts != original.facts:
            faults.append(
                Fault(
                    code="item_differs",
                    vi=f"Khoản «{line.item_code}» khác với dòng {original.row}: tên, tính chất, đơn vị, tài"
                    " khoản, tự nguyện, căn cứ và thủ tục phải như nhau; nếu là khoản khác, hãy đặt mã khác.",
                    en=f"Item {line.item_code!r} differs from row {original.row}; use another code.",
                    row=line.row,
                    column=code_label,
                    value=line.item_code,
                )
            )
        same = seen.setdefault((line.item_code, class_key(line.scope)), line)
        if same is not line:
            faults.append(
                Fault(
                    code="duplicate_item",
                    vi=f"Khoản «{line.item_code}» đã có ở dòng {same.row} cho cùng phạm vi.",
                    en=f"Item {line.item_code!r} stands in row {same.row} for the same scope already.",
                    row=line.row,
                    column=code_label,
                    value=line.item_code,
                )
            )
    if sum(line.amount_vnd for line in lines) > MAX_VND:
        faults.append(
            Fault(
                code="overflow",
                vi=f"Tổng các khoản thu vượt {format_vnd(MAX_VND, 'vi')}.",
                en=f"The items together are above {MAX_VND} VND.",
                row=table.header_row,
                column=table.columns[Role.PRICE].label,
            )
        )


def _check_service(lines: Sequence[FeeLine], code_label: str) -> list[Fault]:
    """A service is charged by the file: none of its lines is for the roster."""
    if all(line.scope != APPLICATION for line in lines):
        return []
    return [
        Fault(
            code="mixed_scopes",
            vi="Khoản thu theo hồ sơ và khoản thu theo lớp phải ở hai đợt thu khác nhau.",
            en="Fees for applications and fees for the roster belong in two schedules.",
            row=line.row,
            column=code_label,
            value=line.item_code,
        )
        for line in lines
        if line.scope != APPLICATION
    ] + [
        Fault(
            code="months_of_service",
            vi="Khoản thu theo hồ sơ được thu một lần, không thu trước nhiều tháng.",
            en="A fee for an application is charged once, not for several months.",
            row=line.row,
            column=code_label,
            value=line.item_code,
        )
        for line in lines
        if line.period_months > 1
    ]
