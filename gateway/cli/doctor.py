"""`hocphi doctor`: whether this installation is whole. It reads and reports, and must never repair anything."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass

import click
from sqlalchemy.ext.asyncio import AsyncEngine

from core.identity.audit import verify_chain
from core.kit.database import Command, Driver, Query, transaction
from core.kit.seal import Keys, SealBrokenError, unseal_secrets
from core.ledger.queries import disagreements
from gateway.cli.context import json_option, print_result, run
from gateway.context import keys_of
from gateway.settings import settings
from reconciliation.closing.verification import verify_closes

OLDEST_SERVER = 150_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what it found; `ok` False means that somebody must act."""

    check: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ExaminedSchool:
    """A school and its code."""

    id: int
    code: str


READ_ONLY = Command("SET TRANSACTION READ ONLY")
SERVER_VERSION = Query(int, "SELECT current_setting('server_version_num')::int AS version")
IS_DURABLE = Query(bool, "SELECT current_setting('fsync')::boolean AS is_durable")
SCHOOLS = Query(ExaminedSchool, "SELECT id, code FROM school ORDER BY id")
SEALED = Query(bytes, "SELECT sealed_secrets FROM merchant_account WHERE enabled")


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
        await db.execute(READ_ONLY)
        version = await db.fetch_only(SERVER_VERSION)
        durable = await db.fetch_only(IS_DURABLE)
        schools = await db.fetch(SCHOOLS)
        findings = [
            Finding("postgresql", version >= OLDEST_SERVER, f"server {version}"),
            Finding("durability", durable, "fsync is on" if durable else "fsync is off"),
            await _credentials(db, keys),
        ]
        for school in schools:
            findings += await _books(db, keys, school)
    return findings


async def _credentials(db: Driver, keys: Keys) -> Finding:
    sealed = await db.fetch(SEALED)
    broken = 0
    for secrets in sealed:
        try:
            unseal_secrets(keys, secrets)
        except SealBrokenError:
            broken += 1
    return Finding(
        "credentials", not broken, f"{len(sealed)} merchant accounts, {broken} do not open"
    )


async def _books(db: Driver, keys: Keys, school: ExaminedSchool) -> list[Finding]:
    wrong = await disagreements(db, school.id)
    chain = await verify_chain(db, school.id)
    closes = await verify_closes(db, keys, school.id)
    return [
        Finding(
            f"books of {school.code}", not wrong, f"{len(wrong)} invoices disagree with the ledger"
        ),
        Finding(
            f"audit chain of {school.code}",
            chain.broken_at is None,
            f"{chain.entries} entries"
            + (f", broken at {chain.broken_at}" if chain.broken_at else ""),
        ),
        Finding(
            f"closed days of {school.code}",
            not closes.faults,
            "; ".join((f"{closes.records} records", *closes.faults)),
        ),
    ]
