"""A school that is worked on by commands."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, World, make_world
from support.statement_files import Entry, mb_csv

from core.kit.database import transaction
from gateway.cli.main import main


async def hocphi(*words: str) -> Result:
    """Run a command in a thread of its own: it brings its own event loop."""
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.wrap_future(
            thread.submit(CliRunner().invoke, main, list(words), catch_exceptions=False)
        )


async def world_with_file(engine: AsyncEngine, folder: Path) -> tuple[World, str]:
    async with transaction(engine) as db:
        world = await make_world(db, [100_000])
        # one account only, so that a whole day can close
        await db.raw.execute(
            "DELETE FROM ledger_account WHERE bank_account_id = $1 OR merchant_account_id IN"
            " (SELECT id FROM merchant_account WHERE bank_account_id = $1)",
            world.other_bank_account_id,
        )
        await db.raw.execute(
            "DELETE FROM merchant_account WHERE bank_account_id = $1", world.other_bank_account_id
        )
        await db.raw.execute("DELETE FROM bank_account WHERE id = $1", world.other_bank_account_id)
    path = folder / "saoke.csv"
    path.write_bytes(
        mb_csv(world.bank_number, 1_000, [Entry(DAY, 100_000, world.invoices[0].reference)])
    )
    return world, str(path)


def add_row(path: Path, row: str) -> None:
    path.write_text(path.read_text() + row)


def is_zip(path: Path) -> bool:
    return path.read_bytes().startswith(b"PK")
