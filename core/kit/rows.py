"""How a record of PostgreSQL becomes a typed row: a frozen dataclass, or one plain value.

A row is built by position, and only fields whose annotation asks for it are converted. It must never
guess: columns that do not bear the names of the fields, in their order, are an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, make_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import starmap
from types import NoneType, UnionType
from typing import (
    Any,
    Generic,
    Literal,
    NewType,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

T = TypeVar("T")
Convert = Callable[[Any], Any]

# what asyncpg reads as it is
PLAIN = (int, str, bool, float, bytes, Decimal, date, datetime, time, timedelta, UUID)
_MANY: Mapping[Any, Callable[[Iterable[Any]], Any]] = {
    tuple: tuple,
    frozenset: frozenset,
    list: list,
    Sequence: list,
}


class RowError(AssertionError):
    """A statement and its row type do not agree: a mistake in the code, never in the data."""


@dataclass(frozen=True, slots=True)
class Reader(Generic[T]):
    """How rows of one type are read. A plain value has no `names`: its record has one column."""

    row: type[T]
    names: tuple[str, ...] | None
    annotations: tuple[Any, ...]
    read: Callable[[Iterable[Any]], list[T]]

    def require_columns(self, columns: Sequence[str], statement: str) -> None:
        """Raise `RowError` unless the columns are this type's fields, in their order."""
        if self.names is None:
            if len(columns) != 1:
                raise RowError(f"{statement}: one column is wanted, not {list(columns)}")
        elif tuple(columns) != self.names:
            raise RowError(f"{statement}: columns {list(columns)}, but fields {list(self.names)}")

    def require_values(self, rows: Iterable[T], statement: str) -> None:
        """Raise `RowError` for the first value that is not what its annotation says."""
        for row in rows:
            if self.names is None:
                self._require(0, self.row.__name__, row, statement)
                continue
            for at, name in enumerate(self.names):
                self._require(at, name, getattr(row, name), statement)

    def _require(self, at: int, name: str, value: object, statement: str) -> None:
        if not is_instance(value, self.annotations[at]):
            wanted = getattr(self.annotations[at], "__name__", None)
            if wanted is None or get_args(self.annotations[at]):
                wanted = str(self.annotations[at])
            raise RowError(f"{statement}: column {name} is to be {wanted}, not {value!r}")


_readers: dict[type[Any], Reader[Any]] = {}


def reader_of(row: type[T]) -> Reader[T]:
    """The reader of a row type, made once. Raises `TypeError` where an annotation cannot be read."""
    if row not in _readers:
        _readers[row] = _make_reader(row)
    return _readers[row]


def _make_reader(row: type[T]) -> Reader[T]:
    kind: Any = row
    if not is_dataclass(kind):
        return Reader(row, None, (row,), _value_reading(_converter(row)))
    hints = get_type_hints(row)
    names = tuple(field.name for field in fields(kind))
    converters = []
    for name in names:
        try:
            converters.append(_converter(hints[name]))
        except TypeError as error:
            raise TypeError(f"{row.__name__}.{name}: {error}") from None
    return Reader(row, names, tuple(hints[name] for name in names), _filling(row, converters))


def _value_reading(convert: Convert | None) -> Callable[[Iterable[Any]], list[Any]]:
    if convert is None:
        return lambda records: [record[0] for record in records]
    return lambda records: [convert(record[0]) for record in records]


def _filling(
    row: type[Any], converters: Sequence[Convert | None]
) -> Callable[[Iterable[Any]], list[Any]]:
    """Rows filled by position, also where the dataclass takes its fields by name alone.

    An open twin with the same slots is filled and then becomes a `row`: measured four times as fast
    as the constructor of a frozen dataclass, which goes through `object.__setattr__` field by field.
    """
    names = [field.name for field in fields(row)]
    twin = make_dataclass(row.__name__, names, slots=True)
    try:
        twin(*names).__class__ = row
    except TypeError:
        raise TypeError(f"{row.__name__} is to be a dataclass with slots and no base") from None
    if hasattr(row, "__post_init__"):
        raise TypeError(f"{row.__name__}.__post_init__ would not run")
    converted = _converting(converters)

    def read(records: Iterable[Any]) -> list[Any]:
        rows = list(starmap(twin, records if converted is None else map(converted, records)))
        for one in rows:
            one.__class__ = row
        return rows

    return read


def _converting(converters: Sequence[Convert | None]) -> Callable[[Any], list[Any]] | None:
    wanted = [(at, convert) for at, convert in enumerate(converters) if convert is not None]
    if not wanted:
        return None

    def converted(record: Any) -> list[Any]:
        values = list(record)
        for at, convert in wanted:
            values[at] = convert(values[at])
        return values

    return converted


def _converter(annotation: Any) -> Convert | None:
    """What makes an annotation's value of what asyncpg reads; None where they are the same."""
    inner, is_optional = _without_none(annotation)
    convert = _plain_converter(inner)
    if convert is None or not is_optional:
        return convert
    return lambda value: None if value is None else convert(value)


def _plain_converter(wanted: Any) -> Convert | None:
    origin = get_origin(wanted)
    if wanted in PLAIN or wanted in {Any, object} or origin is Literal:
        return None
    if isinstance(wanted, NewType):
        return _plain_converter(wanted.__supertype__)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return _members(wanted)
    if wanted is dict or origin in {dict, Mapping} or is_typeddict(wanted):
        return _mapping
    if origin in _MANY:
        elements = {_converter(part) for part in set(get_args(wanted)) - {Ellipsis}}
        return _many(_MANY[origin], elements)
    raise TypeError(f"no column is read as {wanted}")


def _members(kind: type[Enum]) -> Convert:
    members = {member.value: member for member in kind}

    def member(value: Any) -> Enum:
        found = members.get(value)
        return kind(value) if found is None else found

    return member


def _mapping(value: Any) -> Any:
    """JSON is read as text; within JSON, a mapping stands as it is."""
    return json.loads(value) if isinstance(value, str) else value


def _many(gather: Callable[[Iterable[Any]], Any], elements: set[Convert | None]) -> Convert:
    """An array, or a list in JSON."""
    if len(elements) > 1:
        raise TypeError("all parts of a tuple are read alike")
    (convert,) = elements
    if convert is None:
        return lambda value: gather(_mapping(value))
    return lambda value: gather(map(convert, _mapping(value)))


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in {Union, UnionType}:
        return annotation, False
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if len(parts) > 1:
        raise TypeError(f"no column is read as {annotation}")
    return parts[0], len(parts) < len(get_args(annotation))


def is_instance(value: object, annotation: Any) -> bool:
    """Whether a value is what an annotation says: a bool is no int, a datetime no date, None no str."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation in {Any, object}:
        return True
    if origin in {Union, UnionType}:
        return any(is_instance(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if isinstance(annotation, NewType):
        return is_instance(value, annotation.__supertype__)
    if annotation in {int, date}:
        return type(value) is annotation
    if is_typeddict(annotation):
        return isinstance(value, dict)
    if origin is not None:
        return isinstance(value, origin) and _are_parts(value, origin, parts)
    return isinstance(value, annotation)


def _are_parts(value: Any, origin: Any, parts: tuple[Any, ...]) -> bool:
    if issubclass(origin, Mapping):
        return all(is_instance(k, parts[0]) and is_instance(v, parts[1]) for k, v in value.items())
    if origin is tuple and parts[-1:] != (Ellipsis,):
        return len(value) == len(parts) and all(map(is_instance, value, parts))
    return all(is_instance(element, parts[0]) for element in value)
