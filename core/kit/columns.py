"""Many rows handed to one statement: columns declared once make its `unnest($n::type[], …)` and its arguments.

So that no parameter is counted by hand. Names and types are constants of the tree, never input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, Generic, TypeVar, final

T = TypeVar("T")


@final
class Columns(Generic[T]):
    """The columns that a value of type `T` is handed over as: name, SQL type, and how it is taken.

    In a statement they stand as one array per column, from the parameter `$first` on.
    """

    __slots__ = ("_columns", "names")

    def __init__(self, *columns: tuple[str, str, Callable[[T], object]]) -> None:
        self._columns = columns
        self.names = ", ".join(name for name, _, _ in columns)
        """The columns' names as they stand in an INSERT."""

    def __len__(self) -> int:
        return len(self._columns)

    def unnest(self, first: int = 1) -> str:
        """`unnest($first::bigint[], …)`: the rows, without names for their columns."""
        arrays = (f"${first + at}::{kind}[]" for at, (_, kind, _) in enumerate(self._columns))
        return f"unnest({', '.join(arrays)})"

    def rows(self, alias: str, first: int = 1) -> str:
        """`unnest(…) AS alias(name, …)`: the rows as a table of a FROM clause."""
        return f"{self.unnest(first)} AS {alias}({self.names})"

    def arrays(self, values: Iterable[T]) -> list[list[object]]:
        """The arguments that `unnest` reads, one array per column."""
        held = list(values)
        return [list(map(take, held)) for _, _, take in self._columns]


def first_parameters(*tables: Columns[Any]) -> list[int]:
    """Where each of several tables begins when one statement takes them all, and what comes after them."""
    return list(accumulate(map(len, tables), initial=1))
