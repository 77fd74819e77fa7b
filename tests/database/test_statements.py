"""Every typed statement fits the schema and its row type, is a constant, and may run on shards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from support.sharding import complaints
from support.statements import (
    HOME,
    ROOTS,
    Statement,
    faults_of,
    misreading,
    statements,
)

from core.kit.database import Command, Driver, Query, transaction
from core.models import metadata

# places (file:line) that hand a driver something else than a constant, and why they may
ALLOWED: Mapping[str, str] = {}

# unique keys of tenant tables that span all schools, and why they may
ACROSS_SCHOOLS: Mapping[str, str] = {
    "pk_session": "a cookie carries the token alone; the school is what the session tells",
    "uq_api_key_key_hash": "a caller shows a key alone; the school is what the key tells",
    "uq_app_user_username": "people log in with a name alone; the school is what the name tells",
    "uq_refund_request_id": "drawn at random for a provider, who wants it unique over all schools of a merchant",
}
TENANT_TABLES = frozenset(name for name, table in metadata.tables.items() if "school_id" in table.c)


async def prepared(db: Driver, statement: Statement) -> Any:
    return await db.raw.prepare(statement.text)


async def make_temporary_tables(db: Driver, found: Mapping[str, Statement]) -> None:
    """What statements read that other statements make, for this transaction."""
    for statement in found.values():
        if statement.text.split()[:2] in (["CREATE", "TEMP"], ["CREATE", "TEMPORARY"]):
            wanted = (await prepared(db, statement)).get_parameters()
            await db.raw.execute(statement.text, *[None] * len(wanted))


def misread_columns(query: Query[Any], columns: Mapping[str, str]) -> list[str]:
    """Where the columns (their names and types) are not what the row type says."""
    if not is_dataclass(query.row):
        if len(columns) != 1:
            return [f"one column is wanted, not {list(columns)}"]
        why = misreading(query.row, next(iter(columns.values())))
        return [why] if why else []
    names = [field.name for field in fields(query.row)]
    if names != list(columns):
        return [f"columns {list(columns)}, but fields {names}"]
    hints = get_type_hints(query.row)
    return [
        f"{name}: {why}" for name, kind in columns.items() if (why := misreading(hints[name], kind))
    ]


async def faults_in(db: Driver, statement: Statement) -> list[str]:
    """What the server says of a statement, and where its columns and its row type differ."""
    try:
        async with db.transaction():
            attributes = (await prepared(db, statement)).get_attributes()
    except Exception as error:  # noqa: BLE001 # every one is reported, with its statement
        return [f"{type(error).__name__}: {error}"]
    if isinstance(statement, Command):
        gives_rows = attributes and not statement.text.lstrip().upper().startswith("SELECT")
        return ["a command has no RETURNING"] if gives_rows else []
    columns = {one.name: one.type.name for one in attributes}
    if len(columns) < len(attributes):
        return [f"two columns bear one name: {[one.name for one in attributes]}"]
    return misread_columns(statement, columns)


async def test_every_statement_fits_the_schema_and_its_rows(engine: AsyncEngine) -> None:
    found = statements()
    faults = []
    async with transaction(engine) as db:
        await make_temporary_tables(db, found)
        for name, statement in found.items():
            faults += [f"{name}: {fault}" for fault in await faults_in(db, statement)]
    assert not faults, "\n" + "\n".join(faults)


def test_drivers_are_handed_constants_alone() -> None:
    faults = []
    for root in ROOTS:
        for file in sorted((HOME / root).rglob("*.py")):
            place = file.relative_to(HOME).as_posix()
            if place != "core/kit/database.py":
                faults += faults_of(file.read_text(), place)
    unknown = [one for one in faults if ":".join(one.split(":")[:2]) not in ALLOWED]
    assert not unknown, "\n" + "\n".join(unknown)


def test_no_statement_is_of_a_form_that_shards_refuse() -> None:
    faults = [
        f"{name}: {fault}"
        for name, statement in statements().items()
        for fault in complaints(statement.text, TENANT_TABLES)
    ]
    assert not faults, "\n" + "\n".join(faults)


ACROSS = """
SELECT x.relname FROM pg_index i
  JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'school_id'
 WHERE i.indisunique AND t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
   AND a.attnum <> ALL(i.indkey::smallint[])
"""


async def test_unique_keys_of_tenants_hold_within_one_school(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        found = {row["relname"] for row in await db.raw.fetch(ACROSS)}
    assert found == set(ACROSS_SCHOOLS)


def test_rows_are_checked_in_tests_and_in_what_they_start() -> None:
    assert os.environ["HOCPHI_CHECK_ROWS"] == "1"


REFUSED = {
    "INSERT INTO notice (school_id) VALUES ($1) RETURNING id, nextval('s') AS n": "nextval in RETURNING",
    "WITH a AS (UPDATE t SET b = 1 RETURNING id, now()) SELECT * FROM a": "now in RETURNING",
    "INSERT INTO refund (a) VALUES (1) ON CONFLICT (school_id, a) DO UPDATE SET a = 1, at = now()": "now in DO UPDATE",
    "INSERT INTO refund (a) VALUES (1) ON CONFLICT (school_id) DO UPDATE SET b = to_jsonb(1) WHERE x": "to_jsonb in DO",
    "INSERT INTO refund (a) VALUES ($1, (SELECT max(a) FROM refund)) RETURNING id": "a subquery in INSERT",
    "INSERT INTO refund (a) VALUES ($1 OR NOT EXISTS (SELECT FROM x))": "a subquery in INSERT",
    "UPDATE t SET a = coalesce(a, now()) WHERE school_id = $1": "now in COALESCE",
    "UPDATE t SET a = CASE WHEN b THEN CASE WHEN c THEN 1 END ELSE now() END": "now in CASE",
    "INSERT INTO t (a) VALUES (CASE WHEN $1 THEN current_date END)": "current_date in CASE",
    "SELECT id FROM checkout WHERE at < $1 FOR UPDATE SKIP LOCKED": "SKIP LOCKED over all schools",
    "INSERT INTO refund (a) VALUES (1) ON CONFLICT (request_id) DO NOTHING": "ON CONFLICT on refund",
    "INSERT INTO refund (a) VALUES (1) ON CONFLICT ON CONSTRAINT x DO NOTHING": "ON CONFLICT on refund",
}


@pytest.mark.parametrize(("text", "complaint"), REFUSED.items())
def test_refused_forms_are_seen(text: str, complaint: str) -> None:
    (found,) = complaints(text, TENANT_TABLES)
    assert found.startswith(complaint)


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO notice (school_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id",
        "INSERT INTO school (code) VALUES ($1) ON CONFLICT (code) DO NOTHING RETURNING id",
        "INSERT INTO refund (a) SELECT now() FROM (VALUES (1)) AS v WHERE EXISTS (SELECT 1)",
        "INSERT INTO refund (a) VALUES (1) ON CONFLICT (school_id) DO UPDATE SET b = excluded.b WHERE at < now()",
        "UPDATE t SET at = now(), b = coalesce(b, $2), c = 'now()' WHERE school_id = $1 -- now() RETURNING",
        "SELECT coalesce(max(at), now()) FROM t",
        "SELECT id FROM checkout WHERE school_id = $1 FOR UPDATE SKIP LOCKED",
    ],
)
def test_other_forms_are_no_fault(text: str) -> None:
    assert complaints(text, TENANT_TABLES) == []


PROGRAM = """
from core.kit.database import Driver, Query, transaction

async def of_all(db: Driver, engine, wanted: str, many: bool) -> None:
    await db.fetch(FIND, 1)
    await db.fetch_one(queries.FIND)
    await db.execute(CLOSE if many else OPEN)
    await db.fetch(BY_KIND[wanted])
    await db.raw.execute(wanted)
    async with transaction(engine) as other:
        {call}
"""


@pytest.mark.parametrize(
    "call",
    [
        "await other.fetch(wanted)",
        "await db.fetch_value(text_of(wanted))",
        'await db.execute(f"DELETE FROM {wanted}")',
        "await db.fetch_only(one.two.FIND)",
        'made = Query(int, f"SELECT {wanted}")',
    ],
)
def test_what_is_no_constant_is_seen(call: str) -> None:
    assert len(faults_of(PROGRAM.format(call=call), "here.py")) == 1
    assert faults_of(PROGRAM.format(call="await other.fetch(FIND)"), "here.py") == []
