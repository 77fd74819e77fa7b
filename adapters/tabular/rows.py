"""A row of a bank's or a provider's table, read cell by cell for what its columns mean.

What cannot be read stops the row and is kept with its place (`UnreadableRowError`): a row of money is
never dropped and never half read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.contract import UnreadableLine
from adapters.messages import Message
from adapters.tabular.cells import Cell, CellError, show
from adapters.tabular.headers import Header, Meaning, column_letter
from adapters.tabular.workbook import Row

Value = TypeVar("Value")


class UnreadableRowError(Exception):
    """A row that cannot be read: its column as people call it, what stands there, and what is wrong."""

    def __init__(self, column: str, problem: Message, value: str = "") -> None:
        super().__init__(column)
        self.column = column
        self.problem = problem
        self.value = value

    def line(self, row: int, cells: tuple[str, ...]) -> UnreadableLine:
        """The row as it is kept."""
        return UnreadableLine(
            row=row, column=self.column, problem=self.problem, value=self.value, cells=cells
        )


@dataclass(frozen=True, slots=True)
class RowReader(Generic[Meaning]):
    """Reads the rows below one header. `sheet`: its name, where messages must tell sheets apart."""

    header: Header[Meaning]
    sheet: str | None = None

    def read(self, row: Row, meaning: Meaning, parse: Callable[[Cell], Value]) -> Value:
        """The cell of a meaning as `parse` reads it. Raises UnreadableRowError."""
        try:
            return parse(self.header.cell(row, meaning))
        except CellError as error:
            raise self.problem(row, meaning, error.message) from None

    def problem(self, row: Row, meaning: Meaning, problem: Message) -> UnreadableRowError:
        """What is wrong in the column of a meaning."""
        return self.problem_at(row, self.header.index(meaning), problem)

    def problem_at(self, row: Row, index: int | None, problem: Message) -> UnreadableRowError:
        """What is wrong in a column; None: the table has no such column."""
        if index is None:
            return UnreadableRowError("", problem)
        place = f"cột {column_letter(index)}"
        if self.sheet is not None:
            place += f", trang «{self.sheet}»"
        name = self.header.names.get(index, "")
        return UnreadableRowError(f"{name} ({place})", problem, show(row.at(index)))
