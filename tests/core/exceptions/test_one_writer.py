"""Exceptions have one owner: no other file's SQL writes their tables, and the parts compose to what is meant."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from support.paths import REPOSITORY

from core.exceptions.reasons import RAISED_BY_INGEST, RAISED_BY_RECONCILIATION, Reason
from core.exceptions.sql import EXCEPTION, NewException, opening, opening_given, resolving
from core.models import exception

PRODUCT = (
    "adapters",
    "core",
    "reconciliation",
    "gateway",
    "sandbox",
    "demo",
    "benchmarks",
    "tools",
)
OWNER = REPOSITORY / "core" / "exceptions"
WRITES = re.compile(
    r"""\b(?: (?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM|TRUNCATE|MERGE\s+INTO|COPY)
            \s+ exception(?:_note)?\b
        | copy_(?:in|records_to_table)\(\s*["'] exception(?:_note)? ["'] )""",
    re.VERBOSE | re.IGNORECASE,
)
BUILDS = re.compile(
    r"\b(?:insert|update|delete)\(\s*exception(?:_note)?\b|\bexception(?:_note)?\.(?:insert|update|delete)\("
)


def writes_in(text: str) -> list[str]:
    """Statements of a source text that write the tables; a string may run over several literals."""
    joined = re.sub(r"\"\s*f?\"", "", text)
    return [*WRITES.findall(joined), *BUILDS.findall(joined)]


def sources() -> list[Path]:
    """The product's Python files outside the owner."""
    found = [path for folder in PRODUCT for path in (REPOSITORY / folder).rglob("*.py")]
    return [path for path in found if OWNER not in path.parents]


def test_no_other_file_writes_exceptions() -> None:
    found = {str(path.relative_to(REPOSITORY)): writes_in(path.read_text()) for path in sources()}
    assert len(found) > 200
    assert {path: writes for path, writes in found.items() if writes} == {}


def test_the_search_finds_every_way_of_writing() -> None:
    for text in (
        "INSERT INTO exception (school_id)",
        "insert into exception_note (school_id)",
        "UPDATE exception e SET note = 'x'",
        "UPDATE\n  exception SET note = 'x'",
        '"UPDATE "\n    "exception SET note = 1"',
        "DELETE FROM exception_note",
        'db.copy_in("exception", columns, rows)',
        "db.execute(exception.insert())",
        "db.execute(update(exception).values(note=''))",
    ):
        assert writes_in(text), text
    assert writes_in("SELECT id FROM exception e FOR UPDATE OF e") == []
    assert writes_in("UPDATE exceptional SET x = 1") == []


def test_every_reason_is_raised_by_someone() -> None:
    assert set(Reason) == RAISED_BY_INGEST | RAISED_BY_RECONCILIATION
    allowed = next(c for c in exception.constraints if str(c.name).endswith("reason_known"))
    assert set(re.findall(r"'(\w+)'", str(getattr(allowed, "sqltext", "")))) == set(Reason)


def test_parts_of_statements() -> None:
    found = NewException(
        school_id=1,
        reason=Reason.UNREADABLE_LINE,
        identity="row:1",
        amount_vnd=0,
        business_date=date(2026, 9, 5),
        detail={"cells": ["Học phí"]},
    )
    arrays = EXCEPTION.arrays([found, found])
    assert len(arrays) == len(EXCEPTION)
    assert arrays[0] == [1, 1]
    assert arrays[-1] == ['{"cells": ["Học phí"]}'] * 2
    assert f"${34 + len(EXCEPTION) - 1}::jsonb[]" in opening_given(34)
    assert opening_given(1).endswith("ON CONFLICT DO NOTHING")
    one = opening(
        Reason.UNEXPLAINED_DEBIT,
        "FROM statement_line s",
        school_id="s.school_id",
        identity="s.identity",
        amount_vnd="s.debit_vnd",
        business_date="s.posted_on",
    )
    assert (
        "SELECT s.school_id, 'unexplained_debit', s.identity, s.debit_vnd, s.posted_on, NULL" in one
    )
    assert "e.resolved_at IS NULL AND e.id = $1" in resolving(
        "e.id = $1", resolution="$2", actor="$3"
    )
