"""`hocphi doctor`: is this installation whole? It reads and reports, it never repairs."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.identity.audit import verify_chain
from core.kit.database import Driver, transaction
from core.kit.seal import Keys, SealBrokenError, unseal_secrets
from core.ledger.queries import disagreements
from gateway.cli.context import json_option, print_result, run
from gateway.context import keys_of
from gateway.settings import settings
from reconciliation.closing.records import verify_closes

OLDEST_SERVER = 150_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what it found; `ok` False means that somebody must act."""

    check: str
    ok: bool
    detail: str


@click.command("doctor")
@json_option
def doctor(as_json: bool) -> None:
    """Khám toàn hệ thống. / Check the database, the keys, the books and the audit chains."""
    keys = keys_of(settings())
    findings = run(lambda engine: examine(engine, keys))
    print_result(
        {"ok": all(f.ok for f in findings), "findings": [asdict(f) for f in findings]},
        as_json=as_json,
        lines=[f"{'ok ' if f.ok else 'LỖI'}  {f.check}: {f.detail}" for f in findings],
    )
    if not all(f.ok for f in findings):
        sys.exit(1)


async def examine(engine: AsyncEngine, keys: Keys) -> list[Finding]:
    """Every check, in one read-only look at the database."""
    async with transaction(engine) as db:
        await db.raw.execute("SET TRANSACTION READ ONLY")
        version = int(await db.raw.fetchval("SHOW server_version_num"))
        durable = await db.raw.fetchval("SHOW fsync") == "on"
        schools = await db.raw.fetch("SELECT id, code FROM school ORDER BY id")
        findings = [
            Finding("postgresql", version >= OLDEST_SERVER, f"server {version}"),
            Finding("durability", durable, "fsync is on" if durable else "fsync is off"),
            await _credentials(db, keys),
        ]
        for school in schools:
            findings += await _books(db, keys, school["id"], school["code"])
    return findings


async def _credentials(db: Driver, keys: Keys) -> Finding:
    rows = await db.raw.fetch(
        "SELECT account_key, sealed_secrets FROM merchant_account WHERE enabled"
    )
    broken = 0
    for row in rows:
        try:
            unseal_secrets(keys, row["sealed_secrets"])
        except SealBrokenError:
            broken += 1
    return Finding(
        "credentials", not broken, f"{len(rows)} merchant accounts, {broken} do not open"
    )


async def _books(db: Driver, keys: Keys, school_id: int, code: str) -> list[Finding]:
    wrong = await disagreements(db, school_id)
    chain = await verify_chain(db, school_id)
    closes = await verify_closes(db, keys, school_id)
    return [
        Finding(f"books of {code}", not wrong, f"{len(wrong)} invoices disagree with the ledger"),
        Finding(
            f"audit chain of {code}",
            chain.broken_at is None,
            f"{chain.entries} entries"
            + (f", broken at {chain.broken_at}" if chain.broken_at else ""),
        ),
        Finding(
            f"closed days of {code}",
            not closes.faults,
            "; ".join((f"{closes.records} records", *closes.faults)),
        ),
    ]
