"""A cell of a school's list that cannot be read becomes a fault that names its place, in two languages."""

from __future__ import annotations

from adapters.tabular.cells import parse_vnd
from adapters.tabular.headers import ColumnPlace
from adapters.tabular.workbook import Row
from core.kit.faults import Fault
from core.kit.table_cells import MAX_VALUE_SHOWN, read_cell

PRICE = ColumnPlace(1, "Đơn giá (B)")


def test_a_cell_is_read_or_becomes_a_fault() -> None:
    faults: list[Fault] = []
    assert read_cell(Row(3, ("AN", "25.000")), PRICE, parse_vnd, faults) == 25_000
    assert read_cell(Row(3, ("AN",)), None, parse_vnd, faults, absent=0) == 0
    assert faults == []
    assert read_cell(Row(4, ("AN", "ba chục")), PRICE, parse_vnd, faults) is None
    assert read_cell(Row(5, ("AN",)), PRICE, parse_vnd, faults) is None
    wrong, empty = faults
    assert (wrong.code, wrong.row, wrong.column, wrong.value) == (
        *("not_a_number", 4, "Đơn giá (B)", "ba chục"),
    )
    assert (wrong.vi, wrong.en) == ("«ba chục» không phải số tiền.", "“ba chục” is not an amount.")
    assert empty.vi == "Ô trống, cần một số tiền."
    assert empty.en == "The cell is empty, an amount is needed."


def test_a_long_value_is_cut() -> None:
    faults: list[Fault] = []
    read_cell(Row(4, ("AN", "x" * 500)), PRICE, parse_vnd, faults)
    assert len(faults[0].value) == MAX_VALUE_SHOWN
