"""Issuing a schedule: 100,000 invoices of three lines each, written and committed by `issue`.

The baseline is PostgreSQL's fastest way in: COPY (binary) of the very same rows, in one transaction,
into the same tables with the same keys, checks and foreign keys, of a database that is otherwise the
same. COPY is given finished rows; `issue` must first decide who pays what, and make references,
tokens, totals and postings. A ratio of 1 would mean that deciding costs nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import asyncpg

import migrations
from core.invoices.service import issue
from core.kit.database import Driver, Query, create_engine, transaction
from core.kit.reference import make_references
from core.kit.seal import Keys
from core.ledger.queries import disagreements
from core.ledger.service import open_books
from gateway import embedded

INVOICES = 100_000
LINES = 3
PER_CLASS = 40
KEYS = Keys(master=b"m" * 32, reference=b"r" * 32)
ON = date(2026, 9, 5)
TABLES = ("invoice", "invoice_line", "transfer")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows there are by now."""

    invoices: int
    lines: int
    transfers: int


WORLD = """
INSERT INTO school (code, name, accounting_regime) VALUES ('BENCH', 'Trường đo', 'TT24/2024');
INSERT INTO bank_account (school_id, bin, number, holder, is_default) VALUES (1, '970436', '0011000001', 'TRUONG', true);
INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)
  VALUES (1, 'AN', 'Tiền ăn bán trú', 'service', 'ngày', 1, false), (1, 'HP', 'Học phí', 'tuition', 'tháng', 1, false),
         (1, 'BH', 'Bảo hiểm y tế', 'on_behalf', 'năm', 1, false);
INSERT INTO fee_schedule (school_id, name, school_year, month, due_on, status, content_hash, drafted_by, approved_by)
  VALUES (1, 'Tháng 9', '2026-2027', '2026-09-01', '2026-09-30', 'approved', 'h', 'an', 'binh');
INSERT INTO fee_schedule_line (school_id, fee_schedule_id, line_no, fee_item_id, scope, unit_price_vnd, quantity)
  VALUES (1, 1, 1, 1, 'all', 30000, 22), (1, 1, 2, 2, 'all', 155000, 1), (1, 1, 3, 3, 'all', 680400, 1);
"""

COUNTS = Query(
    Counts,
    """
SELECT (SELECT count(*) FROM invoice) AS invoices, (SELECT count(*) FROM invoice_line) AS lines,
       (SELECT count(*) FROM transfer) AS transfers
""",
)

ROSTER = """
WITH c AS (INSERT INTO school_class (school_id, school_year, name, grade)
           SELECT 1, '2026-2027', 1 + n % 5 || 'A' || n, 1 + n % 5 FROM generate_series(0, $2::int / $3::int - 1) AS n RETURNING id),
     s AS (INSERT INTO student (school_id, code, full_name, search_name, reference)
           SELECT 1, 'HS' || n, 'Nguyễn Minh Anh', 'nguyen minh anh', r
             FROM unnest($1::text[]) WITH ORDINALITY AS u(r, n) RETURNING id)
INSERT INTO enrolment (school_id, student_id, school_year, class_id)
SELECT 1, s.id, '2026-2027', c.id
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM s) AS s
  JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM c) AS c ON c.n = 1 + (s.n - 1) / $3::int
"""


async def _make_world(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    await db.execute(WORLD)
    await open_books(Driver(db), 1)
    await db.execute(
        ROSTER, make_references(range(1, INVOICES + 1), KEYS.reference), INVOICES, PER_CLASS
    )
    await db.execute("SELECT setval('reference_number_seq', $1)", INVOICES)
    await db.execute("VACUUM ANALYZE")
    await db.close()


async def _issue(url: str, dsn: str) -> tuple[float, dict[str, bytes]]:
    """Seconds of one `issue` with its commit, and the rows it wrote as COPY would give them."""
    await _checkpoint(dsn)
    engine = create_engine(url, 1)
    begun = time.perf_counter()
    async with transaction(engine) as db:
        issued = await issue(db, KEYS, 1, 1, on=ON, actor="bench")
    took_s = time.perf_counter() - begun
    rows: dict[str, bytes] = {}
    async with transaction(engine) as db:
        counts = await db.fetch_only(COUNTS)
        assert issued.invoices == INVOICES
        assert counts == Counts(INVOICES, LINES * INVOICES, LINES * INVOICES)
        assert await disagreements(db, 1) == []
        for table in TABLES:
            parts: list[bytes] = []

            async def keep(part: bytes, parts: list[bytes] = parts) -> None:
                parts.append(part)

            await db.raw.copy_from_table(table, output=keep, format="binary")
            rows[table] = b"".join(parts)
    await engine.dispose()
    return took_s, rows


async def _copy(dsn: str, rows: dict[str, bytes]) -> float:
    """Seconds of COPY of the same rows with its commit."""
    await _checkpoint(dsn)
    db = await asyncpg.connect(dsn)
    begun = time.perf_counter()
    async with db.transaction():
        for table, data in rows.items():

            async def parts(data: bytes = data) -> AsyncIterator[bytes]:
                for at in range(0, len(data), 1 << 19):
                    yield data[at : at + (1 << 19)]

            await db.copy_to_table(table, source=parts(), format="binary")
    took_s = time.perf_counter() - begun
    await db.close()
    return took_s


async def _checkpoint(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    await db.execute("CHECKPOINT")
    await db.close()


def run() -> dict[str, float]:
    """Measure and return figures; `ratio` is COPY's time over ours (1 = as fast as COPY)."""
    with tempfile.TemporaryDirectory(prefix="hocphi-bench-") as folder:
        home = Path(folder) / "pg"
        try:
            with embedded.running(home) as server:
                migrations.upgrade(server.url)
                asyncio.run(_make_world(server.dsn))
                asyncio.run(_clone(embedded.dsn_of(server, "postgres")))
                issue_s, rows = asyncio.run(_issue(server.url, server.dsn))
                copy_s = asyncio.run(_copy(embedded.dsn_of(server, "copied"), rows))
        finally:
            embedded.discard(home)
    return {
        "invoices": INVOICES,
        "lines": LINES * INVOICES,
        "issue_s": round(issue_s, 2),
        "copy_s": round(copy_s, 2),
        "invoices_per_s": round(INVOICES / issue_s),
        "ratio": round(copy_s / issue_s, 2),
    }


async def _clone(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    await db.execute(f"CREATE DATABASE copied TEMPLATE {embedded.DATABASE}")
    await db.close()


if __name__ == "__main__":
    figures = run()
    print(
        f"issue: {figures['invoices']:,} invoices, {figures['lines']:,} lines in {figures['issue_s']} s"
        f" ({figures['invoices_per_s']:,}/s); COPY of the same rows {figures['copy_s']} s;"
        f" ratio {figures['ratio']}"
    )
