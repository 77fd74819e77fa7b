"""What every command needs: a migrated database, the school it is about, and one way to fail.

A `DomainError` is printed in Vietnamese and English with its faults, and must never be shown as a stack
trace; `--json` prints one JSON object on stdout and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from core.kit.database import Driver, Query, create_engine, transaction
from core.kit.errors import DomainError
from gateway.cli.errors import SchoolNotChosenError, UnknownSchoolError
from gateway.embedded import running
from gateway.settings import Settings, settings

T = TypeVar("T")

OPERATOR = "operator"
"""Who acts in the audit chain when a command does: whoever may run commands on the server."""

SCHOOL_IDS = Query(
    int, "SELECT id FROM school WHERE $1::text IS NULL OR code = $1 ORDER BY id LIMIT 2"
)
BANK_ACCOUNT_ID = Query(int, "SELECT id FROM bank_account WHERE school_id = $1 AND number = $2")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, nothing else."
)
school_option = click.option(
    "--school",
    "school_code",
    default=None,
    help="The school's code; not needed when there is one school.",
)


@contextmanager
def database(chosen: Settings | None = None) -> Iterator[str]:
    """The address of a migrated database: DATABASE_URL, else the embedded server while the command runs."""
    chosen = chosen or settings()
    if chosen.database_url:
        url = chosen.database_url.get_secret_value()
        migrations.upgrade(url)
        yield url
        return
    with running(chosen.home / "postgres") as server:
        migrations.upgrade(server.url)
        yield server.url


def run(work: Callable[[AsyncEngine], Awaitable[T]], *, pool_size: int = 8) -> T:
    """Run a command's work on an engine of its own."""

    async def with_engine(url: str) -> T:
        engine = create_engine(url, pool_size)
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    with report_errors(), database() as url:
        return asyncio.run(with_engine(url))


@contextmanager
def report_errors() -> Iterator[None]:
    """Turn a DomainError into messages on stderr and exit status 1."""
    try:
        yield
    except DomainError as problem:
        click.echo(f"{problem.vi}\n{problem.en}", err=True)
        for fault in problem.faults:
            place = f"dòng {fault.row}, {fault.column}: " if fault.row else ""
            click.echo(f"  - {place}{fault.vi} [{fault.value}]", err=True)
        sys.exit(1)


async def school_id_of(engine: AsyncEngine, code: str | None) -> int:
    """The school named by `--school`, or the only one. Raises SchoolNotChosenError, UnknownSchoolError."""
    async with transaction(engine) as db:
        ids = await db.fetch(SCHOOL_IDS, code)
    if not ids:
        raise UnknownSchoolError
    if len(ids) > 1:
        raise SchoolNotChosenError
    return ids[0]


async def bank_account_id_of(db: Driver, school_id: int, number: str) -> int | None:
    """The bank account of this number, or None."""
    return await db.fetch_value(BANK_ACCOUNT_ID, school_id, number)


def is_confirmed(question: str, *, as_json: bool) -> bool:
    """Ask on a terminal; elsewhere only --yes writes."""
    if as_json or not sys.stdin.isatty():
        return False
    return click.confirm(question, default=False)


def print_result(result: dict[str, object], *, as_json: bool, lines: list[str]) -> None:
    """The answer of a command: JSON for programs, `lines` for people."""
    click.echo(json.dumps(result, ensure_ascii=False, default=str) if as_json else "\n".join(lines))
