"""What the night is held against, over the same files: COPY alone, a plain join, and a loop row by row.

COPY is given the very rows that the import and the night wrote. The join and the loop do less than the night:
no balances, no repair of a wrong letter, no proof; the join writes nothing at all.
"""

from __future__ import annotations

import csv
import time
from datetime import date, datetime
from pathlib import Path

import asyncpg
import polars as pl

from benchmarks.bank_day import FEES_VND, INVOICES, KEY
from core.kit.database import RawConnection
from core.kit.reference import find_references, make_references

CHUNK = 50_000
SAMPLE = 2_000

# what the import and the night wrote, and what marks it off from what was there before
WRITTEN = {
    "statement_line": "true",
    "match": "true",
    "notice": "created_at >= $1",
    "payment": "created_at >= $1",
    "transfer": "created_at >= $1",
    "exception": "created_at >= $1",
}


async def copy_results(url: str, since: datetime) -> dict[str, float]:
    """Seconds of COPY of the same rows into tables with the same keys, with and without the foreign ones."""
    db = await _connect(url)
    found: dict[str, float] = {}
    for name, has_foreign in (("without_foreign_keys_s", False), ("with_keys_s", True)):
        async with db.transaction():
            spent_s = [await _copy(db, table, since, has_foreign=has_foreign) for table in WRITTEN]
        found[name] = sum(spent_s)
    await db.close()
    return found


async def _connect(url: str) -> RawConnection:
    """asyncpg as it comes: what is compared with here owes nothing to this project."""
    connection: RawConnection = await asyncpg.connect(
        url.replace("postgresql+asyncpg", "postgresql")
    )
    return connection


async def _copy(db: RawConnection, table: str, since: datetime, *, has_foreign: bool) -> float:
    copied = f"copied_{table}"
    await db.execute(
        f'DROP TABLE IF EXISTS {copied}; CREATE TABLE {copied} (LIKE "{table}" INCLUDING ALL)'
    )
    if has_foreign:
        for key in await db.fetch(
            "SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint"
            " WHERE contype = 'f' AND conrelid = $1::text::regclass",
            f'"{table}"',
        ):
            await db.execute(f"ALTER TABLE {copied} ADD {key['key']}")
    arguments = [since] if "$1" in WRITTEN[table] else []
    cursor = await db.cursor(f'SELECT * FROM "{table}" WHERE {WRITTEN[table]}', *arguments)
    spent_s = 0.0
    while rows := await cursor.fetch(CHUNK):
        records, columns = [tuple(row) for row in rows], list(rows[0].keys())
        began = time.perf_counter()
        await db.copy_records_to_table(copied, records=records, columns=columns)
        spent_s += time.perf_counter() - began
    return spent_s


def join_in_polars(files: list[Path], count: int) -> tuple[float, int]:
    """Seconds to read the files, pull out what looks like a code and join it with a million invoices; hits."""
    due = pl.DataFrame(
        {
            "code": make_references(range(1, INVOICES + 1), KEY),
            "vnd": [FEES_VND[n % len(FEES_VND)] for n in range(INVOICES)],
        }
    )
    began = time.perf_counter()
    read = [
        pl.read_csv(path, skip_rows=1, infer_schema=False, truncate_ragged_lines=True).select(
            pl.nth(-3).str.replace_all(",", "").cast(pl.Int64).alias("vnd"),
            pl.nth(-1).alias("content"),
        )
        for path in files
    ]
    lines = pl.concat(read).with_columns(
        pl.col("content").str.to_uppercase().str.replace_all("[^0-9A-Z]", "")
        .str.extract("(HP[0-9A-Z]{10})").alias("code")
    )  # fmt: skip
    if len(lines) != count:
        raise RuntimeError(f"polars read {len(lines)} lines of {count}")
    joined = len(lines.join(due, on=["code", "vnd"], how="inner"))
    return time.perf_counter() - began, joined


async def row_by_row(url: str, path: Path, count: int) -> float:
    """Seconds that `count` lines would take in a loop, one transaction each: find, lock, write. From a sample."""
    with path.open() as file:
        rows = [row for row, _ in zip(csv.reader(file), range(SAMPLE + 2), strict=False)][2:]
    connection = await _connect(url)
    await connection.execute(
        "CREATE TABLE looped (LIKE statement_line INCLUDING ALL);"
        "CREATE TABLE looped_match (LIKE match INCLUDING ALL)"
    )
    began = time.perf_counter()
    for number, row in enumerate(rows):
        found = find_references(row[-1])
        async with connection.transaction():
            line_id = await connection.fetchval(
                'INSERT INTO looped (school_id, statement_id, bank_account_id, "row", posted_on, credit_vnd,'
                " debit_vnd, balance_vnd, content, bank_transaction_id, identity, reference)"
                " VALUES (1, 1, 1, $1, $2, $3, 0, $4, $5, $6, $7, $8) RETURNING id",
                number,
                date(2026, 9, 1),
                int(row[-3]),
                int(row[-2]),
                row[-1],
                row[2],
                f"loop-{number}",
                found[0].reference if found else None,
            )
            if not found:
                continue
            invoice = await connection.fetchrow(
                "SELECT id, total_vnd, paid_vnd FROM invoice WHERE school_id = 1 AND reference = $1 FOR UPDATE",
                found[0].reference,
            )
            payment_id = await connection.fetchval(
                "SELECT id FROM payment WHERE school_id = 1 AND reference = $1 ORDER BY id LIMIT 1",
                found[0].reference,
            )
            if invoice is None or payment_id is None:
                continue
            await connection.execute(
                "INSERT INTO looped_match (school_id, statement_line_id, payment_id, rule, evidence)"
                " VALUES (1, $1, $2, 'exact_reference', '{}')",
                line_id,
                payment_id,
            )
            await connection.execute(
                "UPDATE invoice SET paid_vnd = $2 WHERE school_id = 1 AND id = $1",
                invoice["id"],
                invoice["paid_vnd"],
            )
    spent_s = time.perf_counter() - began
    await connection.close()
    return spent_s / len(rows) * count
