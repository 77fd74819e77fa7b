"""The items of a fee file: one row is an item at a price for one or more scopes. Pure.

A row with anything wrong in it gives faults and no line; totals, section titles and signatures are
left out only where nothing in them could be an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.contract import Procedure
from adapters.messages import Message, msg, pmsg
from adapters.tabular.cells import is_blank, normalise_header, show
from adapters.tabular.headers import counted_from
from adapters.tabular.workbook import Row
from core.fees.cell_parsers import (
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
)
from core.fees.columns import FeeColumn, FeeTable
from core.fees.scopes import ALL, APPLICATION, class_key, parse_scopes
from core.kit.errors import fault
from core.kit.faults import Fault
from core.kit.money import MAX_VND
from core.kit.table_cells import fault_at, read_cell

MAX_LINES = 2_000
_TOTALS = ("tong cong", "tong", "cong", "total")

_NEEDED = {
    FeeColumn.NATURE: pmsg("column", "Tính chất"),
    FeeColumn.UNIT: pmsg("column", "Đơn vị tính"),
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
        named = self.procedure
        if named == Procedure():  # as the content of files without these columns was always known
            return own
        return (*own, named.code, named.name, named.service_code, named.service_name)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a row asks the school for, whether or not the rest of it could be read: "" and None where
    that part could not. An account "" is the school's default.
    """

    row: int
    scope: str
    account: str | None


def item_rows(table: FeeTable) -> list[Row]:
    """The rows that charge something: no totals, section titles, or signatures under the table."""
    rows = [
        row
        for row in table.rows
        if not (is_total(row, table) or is_section(row) or counted_from(row) == 1)
    ]
    filled_in = [table.columns[role].index for role in (FeeColumn.PRICE, FeeColumn.UNIT, FeeColumn.NATURE)
               if role in table.columns]  # fmt: skip
    while rows and all(is_blank(rows[-1].at(index)) for index in filled_in):
        if _is_item_code(rows[-1], table):
            break
        rows.pop()
    return rows


def is_total(row: Row, table: FeeTable) -> bool:
    """A row "Tổng cộng", with nothing else where an item has its code."""
    code = row.at(table.columns[FeeColumn.CODE].index)
    words = next((normalise_header(cell) for cell in row.cells if isinstance(cell, str)), "")
    is_named = words in _TOTALS or words.startswith("tong cong ")
    return is_named and (is_blank(code) or normalise_header(show(code)) == words)


def is_section(row: Row) -> bool:
    """One text of several words alone in its row: "A. Các khoản thu hộ"."""
    filled = [cell for cell in row.cells if not is_blank(cell)]
    return len(filled) == 1 and isinstance(filled[0], str) and len(filled[0].split()) > 1


def _is_item_code(row: Row, table: FeeTable) -> bool:
    """Below the table, what has a code of one word and a name is an item without its price."""
    code = show(row.at(table.columns[FeeColumn.CODE].index)).split()
    return len(code) == 1 and not is_blank(row.at(table.columns[FeeColumn.NAME].index))


def read_lines(
    table: FeeTable, faults: list[Fault]
) -> tuple[tuple[FeeLine, ...], tuple[Claim, ...]]:
    """Every line that is sound, and what all rows ask for; what is wrong is added to `faults`."""
    faults += [*table.faults, *table.missing(_NEEDED)]
    lines: list[FeeLine] = []
    claims: list[Claim] = []
    rows = item_rows(table)
    for row in rows[:MAX_LINES]:
        read, claimed = _read_row(row, table, faults)
        lines += read
        claims += claimed
    _check_lines(lines, table, faults)
    if not rows:
        faults.append(fault("no_items", msg("Bảng không có khoản thu nào."), row=table.header_row))
    elif len(rows) > MAX_LINES:
        text = msg("Bảng có hơn {limit} khoản thu.", limit=MAX_LINES)
        faults.append(fault("too_many_items", text, row=table.header_row))
    return tuple(lines), tuple(claims)


def _read_row(row: Row, table: FeeTable, faults: list[Fault]) -> tuple[list[FeeLine], list[Claim]]:
    """The lines of one row, one per scope; none when anything in it is wrong."""
    before = len(faults)
    columns = table.columns
    code = read_cell(row, columns[FeeColumn.CODE], parse_code, faults)
    name = read_cell(row, columns[FeeColumn.NAME], parse_words, faults)
    price_vnd = read_cell(row, columns[FeeColumn.PRICE], parse_price, faults)
    nature = read_cell(row, columns.get(FeeColumn.NATURE), parse_nature, faults)
    unit = read_cell(row, columns.get(FeeColumn.UNIT), parse_words, faults)
    quantity = read_cell(row, columns.get(FeeColumn.QUANTITY), parse_quantity, faults, absent=1)
    months = read_cell(row, columns.get(FeeColumn.MONTHS), parse_months, faults, absent=1)
    account = read_cell(row, columns.get(FeeColumn.ACCOUNT), parse_account, faults, absent="")
    optional = read_cell(row, columns.get(FeeColumn.OPTIONAL), parse_yes_no, faults, absent=False)
    legal = read_cell(row, columns.get(FeeColumn.LEGAL), parse_note, faults, absent="")
    procedure = _read_procedure(row, table, faults)
    scopes = _read_scopes(row, table, faults)
    claims = [Claim(row.number, scope, account) for scope in scopes or ("",)]
    amount_vnd = (price_vnd or 0) * (quantity or 0)
    if amount_vnd > MAX_VND:
        text = msg("Đơn giá × số lượng vượt {limit:vnd}.", limit=MAX_VND)
        faults.append(fault_at(row, columns[FeeColumn.PRICE], "overflow", text))
    amount_column = columns.get(FeeColumn.AMOUNT)
    if amount_vnd and amount_column:
        stated = parse_stated_amount(row.at(amount_column.index))
        if stated not in {None, amount_vnd}:
            text = msg("Thành tiền phải là đơn giá × số lượng = {amount:vnd}.", amount=amount_vnd)
            faults.append(fault_at(row, amount_column, "amount_is_not_product", text))
    if len(faults) > before:
        return [], claims
    if None in (
        code,
        name,
        price_vnd,
        nature,
        unit,
        quantity,
    ):  # a column is missing: a fault of the header
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


def _read_procedure(row: Row, table: FeeTable, faults: list[Fault]) -> Procedure:
    """The four columns that name the fee's procedure; a school's own fee has none of them."""
    code, name, service_code, service_name = (
        read_cell(row, table.columns.get(role), parse_note, faults, absent="") or ""
        for role in (
            FeeColumn.PROCEDURE_CODE,
            FeeColumn.PROCEDURE_NAME,
            FeeColumn.SERVICE_CODE,
            FeeColumn.SERVICE_NAME,
        )
    )
    return Procedure(code=code, name=name, service_code=service_code, service_name=service_name)


def _read_scopes(row: Row, table: FeeTable, faults: list[Fault]) -> tuple[str, ...]:
    """The most telling of the columns Lớp, Phạm vi, Khối that says something in this row."""
    asked = [
        table.columns[role]
        for role in (FeeColumn.CLASS, FeeColumn.SCOPE, FeeColumn.GRADE)
        if role in table.columns
    ]
    if not asked:
        return (ALL,)
    column = next((one for one in asked if not is_blank(row.at(one.index))), asked[0])
    of_grades = table.columns.get(FeeColumn.GRADE) == column
    found = read_cell(
        row, column, lambda cell: parse_scopes(parse_words(cell), of_grades=of_grades), faults
    )
    return found or ()


def _check_lines(lines: Sequence[FeeLine], table: FeeTable, faults: list[Fault]) -> None:
    """One item, one set of facts; one item and scope, one line; the whole file within bounds."""
    code_label = table.columns[FeeColumn.CODE].label
    faults += _check_service(lines, code_label)
    first: dict[str, FeeLine] = {}
    seen: dict[tuple[str, str], FeeLine] = {}
    for line in lines:
        original = first.setdefault(line.item_code, line)
        if line.facts != original.facts:
            text = msg(
                "Khoản «{item}» khác với dòng {row}: tên, tính chất, đơn vị, tài khoản, tự nguyện, căn cứ"
                " và thủ tục phải như nhau; nếu là khoản khác, hãy đặt mã khác.",
                item=line.item_code,
                row=original.row,
            )
            faults.append(_of_line(line, code_label, "item_differs", text))
        same = seen.setdefault((line.item_code, class_key(line.scope)), line)
        if same is not line:
            text = msg(
                "Khoản «{item}» đã có ở dòng {row} cho cùng phạm vi.",
                item=line.item_code,
                row=same.row,
            )
            faults.append(_of_line(line, code_label, "duplicate_item", text))
    if sum(line.amount_vnd for line in lines) > MAX_VND:
        faults.append(
            fault(
                "overflow",
                msg("Tổng các khoản thu vượt {limit:vnd}.", limit=MAX_VND),
                row=table.header_row,
                column=table.columns[FeeColumn.PRICE].label,
            )
        )


def _check_service(lines: Sequence[FeeLine], code_label: str) -> list[Fault]:
    """A service is charged by the file: none of its lines is for the roster."""
    if all(line.scope != APPLICATION for line in lines):
        return []
    mixed = msg("Khoản thu theo hồ sơ và khoản thu theo lớp phải ở hai đợt thu khác nhau.")
    ahead = msg("Khoản thu theo hồ sơ được thu một lần, không thu trước nhiều tháng.")
    return [
        _of_line(line, code_label, "mixed_scopes", mixed)
        for line in lines
        if line.scope != APPLICATION
    ] + [
        _of_line(line, code_label, "months_of_service", ahead)
        for line in lines
        if line.period_months > 1
    ]


def _of_line(line: FeeLine, code_label: str, code: str, text: Message) -> Fault:
    return fault(code, text, row=line.row, column=code_label, value=line.item_code)
