"""Cells of a list that a school keeps, each read for what it means; what cannot be read becomes a fault.

Reading goes on after a fault, so that a person sees every problem of a file at once, each with its row,
its column and what stands there. A value is never repaired into another that could also be meant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from adapters.messages import Message
from adapters.tabular.cells import Cell, CellError, show
from adapters.tabular.headers import ColumnPlace
from adapters.tabular.workbook import Row
from core.kit.faults import Fault
from core.kit.texts import en_of, vi_of

T = TypeVar("T")

MAX_VALUE_SHOWN = 80


def read_cell(
    row: Row,
    column: ColumnPlace | None,
    parse: Callable[[Cell], T],
    faults: list[Fault],
    *,
    absent: T | None = None,
) -> T | None:
    """The cell of `column` as `parse` reads it; None after a fault, `absent` without the column."""
    if column is None:
        return absent
    try:
        return parse(row.at(column.index))
    except CellError as error:
        faults.append(fault_at(row, column, error.code, error.message))
        return None


def fault_at(row: Row, column: ColumnPlace, code: str, text: Message) -> Fault:
    """A fault that names the cell and shows what stands in it; the text becomes a sentence."""
    return Fault(
        code=code,
        vi=_sentence(vi_of(text)),
        en=_sentence(en_of(text)),
        row=row.number,
        column=column.label,
        value=show(row.at(column.index))[:MAX_VALUE_SHOWN],
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
