"""docs/adapters.md says of every adapter what the code says: no row is missing, none is left over."""

from __future__ import annotations

import re
from collections.abc import Collection

import pytest
from support.factories import BATCH
from support.paths import REPOSITORY

from adapters import (
    CANCEL,
    CREATE,
    IPN,
    LOOKUP,
    NUMBERED,
    QUERY,
    RECEIPT,
    REDIRECT,
    REFUND,
    REGISTER,
)
from demo.merchants import merchants_of
from gateway.console.setup.callback_urls import callback_urls_of

PAGE = REPOSITORY / "docs" / "adapters.md"
REGISTRIES: dict[str, Collection[str]] = {
    "push": IPN,
    "query": QUERY,
    "cancel": CANCEL,
    "look-up": LOOKUP,
    "refund": REFUND,
    "receipt": RECEIPT,
    "register": REGISTER,
}
NAMES = sorted(IPN)
CONTRACTS = merchants_of("https://school.test", ("1", "2", "3"), "2NDV")
DEMONSTRATED = {
    name: {one.settlement for one in CONTRACTS if one.adapter == name} for name in NAMES
}
"""How each settles in the demo."""


def tables() -> list[list[dict[str, str]]]:
    """Every table of the page, each row as column -> cell."""
    found: list[list[dict[str, str]]] = []
    lines: list[list[str]] = []
    for line in [*PAGE.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            head, _, *rows = lines
            found.append([dict(zip(head, row, strict=True)) for row in rows])
            lines = []
    return found


def rows_with(column: str) -> dict[str, dict[str, str]]:
    """Adapter -> its row in the one table that has `column`."""
    (table,) = (table for table in tables() if column in table[0])
    return {name: row for row in table for name in quoted(row["adapter"])}


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    "column", ["checkout", "verified against", "needed", "what the provider is given"]
)
def test_every_adapter_has_one_row(column: str) -> None:
    (table,) = (table for table in tables() if column in table[0])
    assert sorted(name for row in table for name in quoted(row["adapter"])) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_it_can_do(name: str) -> None:
    row = rows_with("checkout")[name]
    said = {column: row[column] for column in REGISTRIES}
    assert said == {column: "yes" if name in table else "–" for column, table in REGISTRIES.items()}
    ways = [way for way, table in (("redirect", REDIRECT), ("create", CREATE)) if name in table]
    assert row["checkout"] == (", ".join([*ways, *["number"] * (name in NUMBERED)]) or "–")
    tried = {"batch" if name in BATCH else "direct"} | DEMONSTRATED[name]
    assert set(row["settles"].split(" or ")) == tried


@pytest.mark.parametrize("name", NAMES)
def test_what_vouches_for_it_is_told(name: str) -> None:
    row = rows_with("verified against")[name]
    assert all(row.values()), row


@pytest.mark.parametrize("name", NAMES)
def test_the_values_to_ask_for(name: str) -> None:
    row = rows_with("needed")[name]
    adapter = IPN[name]
    needed, optional = quoted(row["needed"]), quoted(row["optional"])
    assert set(needed) == adapter.needed({})
    assert sorted(needed + optional) == sorted([*adapter.SECRETS, *adapter.SETTINGS])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("settings", [{}, {"push": "mms"}, {"calls": "advice"}])
def test_the_addresses_to_give(name: str, settings: dict[str, str]) -> None:
    cell = rows_with("what the provider is given")[name]["what the provider is given"]
    for one in callback_urls_of(name, "KEY", settings, "https://school.test"):
        below = one.url.partition("/KEY")[2]
        assert not below or any(text.endswith(below) for text in quoted(cell)), below


def test_every_file_that_the_page_names_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"`((?:adapters|sandbox|tests|docs)/[\w/.]+\.py)`", text)
    assert named
    assert [path for path in named if not (PAGE.parents[1] / path).is_file()] == []
