"""Every typed statement of the product, how it is called, and what its columns may be read as."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, NewType, Union, get_args, get_origin, is_typeddict
from uuid import UUID

from core.kit.database import Command, Query

ROOTS = ("adapters", "core", "reconciliation", "gateway", "demo", "benchmarks")
HOME = Path(__file__).parents[2]
Statement = Query[Any] | Command

ROWS = {"fetch", "fetch_one", "fetch_only", "fetch_value", "cursor", "batches"}
WRITES = {"execute", "execute_many"}

# what a column of a type may be annotated as; a bigint summed is numeric, and no int
READ_AS: Mapping[str, tuple[Any, ...]] = {
    "bool": (bool,),
    "int2": (int,),
    "int4": (int,),
    "int8": (int,),
    "oid": (int,),
    "float4": (float,),
    "float8": (float,),
    "numeric": (Decimal,),
    "text": (str,),
    "varchar": (str,),
    "bpchar": (str,),
    "name": (str,),
    "bytea": (bytes,),
    "date": (date,),
    "time": (time,),
    "timestamptz": (datetime,),
    "interval": (timedelta,),
    "uuid": (UUID,),
    "json": (dict, list, tuple, str),
    "jsonb": (dict, list, tuple, str),
}


def product_modules() -> Iterator[ModuleType]:
    """Every module of the product, imported; none that runs when it is imported."""
    for root in ROOTS:
        if not (HOME / root).is_dir():
            continue
        package = importlib.import_module(root)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{root}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def statements() -> dict[str, Statement]:
    """The constants of all modules, by module and name: alone, or in a constant table or tuple."""
    found: dict[int, tuple[str, Statement]] = {}
    for module in product_modules():
        for name, value in vars(module).items():
            if name.startswith("__"):
                continue
            for place, one in _within(f"{module.__name__}.{name}", value):
                found.setdefault(id(one), (place, one))
    return dict(found.values())


def _within(place: str, value: object) -> Iterator[tuple[str, Statement]]:
    if isinstance(value, Query | Command):
        yield place, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _within(f"{place}[{key!r}]", one)
    elif isinstance(value, tuple | list):
        for at, one in enumerate(value):
            yield from _within(f"{place}[{at}]", one)


def misreading(annotation: Any, type_name: str) -> str | None:
    """Why a column of this PostgreSQL type is not what the annotation says; None where it is."""
    kinds = _kinds(annotation)
    if type_name.endswith("[]"):
        if get_origin(_without_none(annotation)) not in {tuple, list, frozenset, Sequence}:
            return f"{type_name} is a tuple, not {annotation}"
        parts = [part for part in get_args(_without_none(annotation)) if part is not Ellipsis]
        return next((why for part in parts if (why := misreading(part, type_name[:-2]))), None)
    allowed = READ_AS.get(type_name)
    if allowed is None:
        return f"no column may be {type_name}"
    if kinds <= {Any, object} or kinds <= set(allowed):
        return None
    return f"{type_name} is no {annotation}"


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, UnionType}:
        parts = [part for part in get_args(annotation) if part is not NoneType]
        return parts[0] if len(parts) == 1 else annotation
    return annotation


def _kinds(annotation: Any) -> set[Any]:
    """The plain types that an annotation stands for."""
    bare = _without_none(annotation)
    origin = get_origin(bare)
    if isinstance(bare, NewType):
        return _kinds(bare.__supertype__)
    if origin is Literal:
        return {type(value) for value in get_args(bare)}
    if origin is Mapping or is_typeddict(bare):
        return {dict}
    if origin in {frozenset, Sequence}:
        return {tuple}
    if isinstance(bare, type) and issubclass(bare, Enum):
        return {str if issubclass(bare, str) else int}
    return {origin or bare}


class Calls(ast.NodeVisitor):
    """What is handed to a driver, and statements that are made where nobody collects them."""

    def __init__(self, place: str, tree: ast.Module) -> None:
        self.place = place
        # a protocol may have a `Query` of its own
        self._makers = {
            name.asname or name.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "core.kit.database"
            for name in node.names
        } & {"Query", "Command"}
        self.faults: list[str] = []
        self._drivers: list[set[str]] = []
        self._depth = 0

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        names = {one.arg for one in every if _is_driver(one.annotation)}
        for one in ast.walk(node):
            if isinstance(one, ast.withitem) and isinstance(one.optional_vars, ast.Name):
                if _called(one.context_expr) in {"transaction", "borrowed"}:
                    names.add(one.optional_vars.id)
            elif isinstance(one, ast.Assign) and _called(one.value) == "Driver":
                names |= {target.id for target in one.targets if isinstance(target, ast.Name)}
        self._drivers.append(names)
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        self._drivers.pop()

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if self._depth and _called(node) in self._makers:
            self._blame(node, "is no constant of its module")
        if (
            isinstance(function, ast.Attribute)
            and function.attr in ROWS | WRITES
            and isinstance(function.value, ast.Name)
            and any(function.value.id in names for names in self._drivers)
            and not (node.args and _is_constant(node.args[0]))
        ):
            self._blame(node, "is no constant by its name")
        self.generic_visit(node)

    def _blame(self, node: ast.Call, why: str) -> None:
        self.faults.append(f"{self.place}:{node.lineno}: {ast.unparse(node)[:60]} {why}")


def _is_driver(annotation: ast.expr | None) -> bool:
    return annotation is not None and "Driver" in ast.unparse(annotation).split(" | ")


def _called(node: ast.expr) -> str:
    """The last word of what is called: `database.transaction(engine)` is `transaction`."""
    bare = node.value if isinstance(node, ast.Await) else node
    if not isinstance(bare, ast.Call):
        return ""
    function = bare.func.value if isinstance(bare.func, ast.Subscript) else bare.func
    return ast.unparse(function).split(".")[-1]


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_constant(node.body) and _is_constant(node.orelse)
    if isinstance(node, ast.Subscript):  # of a constant table of statements
        return _is_constant(node.value)
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id.islower() and node.attr.isupper()
    return isinstance(node, ast.Name) and node.id.isupper()


def faults_of(text: str, place: str) -> list[str]:
    """The calls in a module's text that hand a driver anything but a constant."""
    tree = ast.parse(text)
    calls = Calls(place, tree)
    calls.visit(tree)
    return calls.faults
