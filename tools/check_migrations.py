"""Run every migration up, down and up again, and compare what they build with `core.models`.

The comparison reads PostgreSQL's own catalogue, because Alembic's does not see CHECK constraints,
index predicates or anything that a downgrade forgot. Works on a throwaway server.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import asyncpg
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

import migrations
from core.models import metadata
from gateway import embedded

# One row per fact of the schema, in words; names are kept, positions of columns are not.
FACTS = """
SELECT format('%s %s', CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END, relname)
  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm')
UNION ALL
SELECT format('column %s.%s %s%s%s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
         CASE WHEN attnotnull THEN ' not null' END, ' default ' || pg_get_expr(adbin, adrelid))
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT format('constraint %s on %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL
SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
"""
# What models do not describe, but a downgrade must remove all the same.
BEHAVIOUR = """
SELECT format('function %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('trigger %s on %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('type %s', oid::regtype) FROM pg_type WHERE typnamespace = 'public'::regnamespace
   AND (typtype IN ('e', 'd') OR typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c'))
"""
ALEMBICS_OWN = "alembic_version"
LIBRARYS_OWN = "procrastinate_"
"""Objects of the job queue's library: our models do not describe them, a downgrade must remove them."""


async def read_facts(dsn: str, query: str) -> frozenset[str]:
    """The schema at `dsn` as a set of sentences, without Alembic's own table."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(query)
    finally:
        await connection.close()
    return frozenset(row[0] for row in rows if ALEMBICS_OWN not in row[0])


async def create_from_models(url: str) -> None:
    """Build the schema that the models describe."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
    finally:
        await engine.dispose()


def differences(expected: frozenset[str], found: frozenset[str], where: str) -> list[str]:
    """One line per fact that is missing or superfluous."""
    missing = [f"{where}: missing {fact}" for fact in sorted(expected - found)]
    return missing + [f"{where}: superfluous {fact}" for fact in sorted(found - expected)]


def check(server: embedded.Server) -> list[str]:
    """Everything that is wrong with the migrations; empty when all is well."""
    url, dsn = server.url, server.dsn
    script = ScriptDirectory.from_config(migrations.alembic_config(url))
    revisions = list(reversed(list(script.walk_revisions())))
    everything = f"{FACTS} UNION ALL {BEHAVIOUR}"
    wrong: list[str] = []
    for step in revisions:
        below = asyncio.run(read_facts(dsn, everything))
        migrations.upgrade(url, step.revision)
        above = asyncio.run(read_facts(dsn, everything))
        migrations.downgrade(url, str(step.down_revision or "base"))
        after = asyncio.run(read_facts(dsn, everything))
        wrong += differences(below, after, f"after {step.revision} down")
        migrations.upgrade(url, step.revision)
        again = asyncio.run(read_facts(dsn, everything))
        wrong += differences(above, again, f"after {step.revision} up again")
    asyncio.run(create_from_models(embedded.url_of(server, "postgres")))
    modelled = asyncio.run(read_facts(embedded.dsn_of(server, "postgres"), FACTS))
    migrated = frozenset(
        fact for fact in asyncio.run(read_facts(dsn, FACTS)) if LIBRARYS_OWN not in fact
    )
    wrong += differences(modelled, migrated, "migrations against core.models")
    migrations.downgrade(url, "base")
    rest = asyncio.run(read_facts(dsn, everything))
    wrong += differences(frozenset(), rest, "after downgrade to nothing")
    print(f"{len(revisions)} migrations, {len(modelled)} facts of the schema compared")
    return wrong


def main() -> int:
    """Print what is wrong; the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="hocphi-migrations-"))
    home = folder / "pg"
    try:
        with embedded.running(home, settings={"fsync": "off"}) as server:
            wrong = check(server)
    finally:
        embedded.discard(home)
        shutil.rmtree(folder)
    print(
        "\n".join(wrong) or "every migration goes up and down, and builds what the models describe"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
