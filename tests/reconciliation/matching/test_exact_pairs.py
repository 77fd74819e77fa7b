"""What the database pairs at once is what the rules would pair, whatever else is open: held to them by chance."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from support.factories import DAY, World, make_world

from core.kit.database import Driver, borrowed, transaction
from core.kit.reference import find_references, make_references
from core.kit.text import compact
from reconciliation.matching.exact import compact_sql, gather, pair_exactly
from reconciliation.matching.ladder import Fact, propose_matches
from reconciliation.matching.pairing import pair_until

CODES = make_references((1, 2, 3), b"e" * 32)
WRONG = CODES[0][:-1] + ("0" if CODES[0][-1] != "0" else "1")
TEXTS = (
    "", "hoc phi", "nop tien an thang 9", "CT: NOP tien an thang 9 cho be An", CODES[0],
    f"{CODES[0]} {CODES[1]}", f"MB.{CODES[1].lower()}.x", f"{CODES[2]} thang 9", WRONG,
)  # fmt: skip

facts = st.lists(
    st.tuples(
        st.integers(-7, 0),
        st.sampled_from([100_000, 200_000]),
        st.sampled_from(TEXTS),
        st.sampled_from(["", "", "FT.1", "ft1", "FT2", "-", "ＦＴ２"]),
    ),
    max_size=14,
)


def fact_of(number: int, identity: str, account: int, raw: tuple[int, int, str, str]) -> Fact:
    shift, amount_vnd, content, bank_id = raw
    found = find_references(content)
    return Fact(
        id=number,
        identity=identity,
        bank_account_id=account,
        day=DAY + timedelta(shift),
        amount_vnd=amount_vnd,
        content=content,
        bank_transaction_id=bank_id,
        exact=tuple(f.reference for f in found if not f.corrected),
        corrected=tuple(f.reference for f in found if f.corrected),
    )


async def write_line(
    db: Driver, world: World, statement_id: int, number: int, raw: tuple[int, int, str, str]
) -> Fact:
    """A line as the import writes it: exact readings, or else the corrected ones."""
    fact = fact_of(0, f"line{number:03}", world.bank_account_id, raw)
    line_id = await db.raw.fetchval(
        'INSERT INTO statement_line (school_id, statement_id, bank_account_id, "row", posted_on, credit_vnd,'
        " debit_vnd, content, bank_transaction_id, identity, reference, is_corrected)"
        " VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11) RETURNING id",
        world.school_id,
        statement_id,
        world.bank_account_id,
        number,
        fact.day,
        fact.amount_vnd,
        fact.content,
        fact.bank_transaction_id,
        fact.identity,
        " ".join(fact.exact or fact.corrected) or None,
        bool(fact.corrected and not fact.exact),
    )
    corrected = () if fact.exact else fact.corrected
    return Fact(**{**_fields(fact), "id": line_id, "corrected": corrected})


async def write_payment(
    db: Driver, world: World, number: int, raw: tuple[int, int, str, str]
) -> Fact:
    """A payment as the recorder writes it: with its reference where the text names one and no other."""
    fact = fact_of(0, f"sepay:P{number:03}", world.bank_account_id, raw)
    placed = [*fact.exact, *fact.corrected]
    reference = placed[0] if len(placed) == 1 else None
    at = datetime.combine(fact.day, datetime.min.time(), UTC)
    notice_id = await db.raw.fetchval(
        "INSERT INTO notice (school_id, merchant_account_id, transaction_id, outcome, amount_vnd, paid_at,"
        " business_date, content, merchant_reference, payee_account, bank_transaction_id, fingerprint, raw,"
        " verdict) VALUES ($1, $2, $3, 'paid', $4, $5, $6, $7, '', '', $8, '', '', 'recorded') RETURNING id",
        world.school_id,
        world.merchants["sepay"][0],
        f"P{number:03}",
        fact.amount_vnd,
        at,
        fact.day,
        fact.content,
        fact.bank_transaction_id,
    )
    await db.raw.execute(
        "INSERT INTO payment (school_id, id, merchant_account_id, bank_account_id, channel, amount_vnd, paid_at,"
        " business_date, content, bank_transaction_id, reference, is_corrected)"
        " VALUES ($1, $2, $3, $4, 'sepay', $5, $6, $7, $8, $9, $10, $11)",
        world.school_id,
        notice_id,
        world.merchants["sepay"][0],
        world.bank_account_id,
        fact.amount_vnd,
        at,
        fact.day,
        fact.content,
        fact.bank_transaction_id,
        reference,
        bool(reference and fact.corrected),
    )
    return Fact(**{**_fields(fact), "id": notice_id})


def _fields(fact: Fact) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in Fact.__dataclass_fields__}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line_facts=facts, payment_facts=facts)
async def test_the_night_pairs_what_the_rules_pair(
    engine: AsyncEngine,
    line_facts: list[tuple[int, int, str, str]],
    payment_facts: list[tuple[int, int, str, str]],
) -> None:
    async with borrowed(engine) as db:
        undone = db.transaction()
        await undone.start()
        try:
            world = await make_world(db, [])
            statement_id = await _statement(db, world)
            lines = [
                await write_line(db, world, statement_id, number, raw)
                for number, raw in enumerate(line_facts)
            ]
            payments = [
                await write_payment(db, world, number, raw)
                for number, raw in enumerate(payment_facts)
            ]
            await pair_until(db, world.school_id, DAY, lambda *_: None)
            rows = await db.raw.fetch(
                "SELECT statement_line_id, payment_id, rule, evidence::text FROM match"
                " WHERE school_id = $1 AND rule <> 'created_from_statement'",
                world.school_id,
            )
            found = {(row[0], row[1], row[2]): json.loads(row[3]) for row in rows}
            assert found == {
                (match.line.id, match.payment.id, match.rule): {
                    "seen": match.evidence,
                    "days_apart": (match.payment.day - match.line.day).days,
                    "alternatives": match.alternatives,
                }
                for match in propose_matches(lines, payments)
            }
        finally:
            await undone.rollback()


async def _statement(db: Driver, world: World) -> int:
    number: int = await db.raw.fetchval(
        "INSERT INTO statement (school_id, bank_account_id, file_name, sha256, layout, from_date, to_date,"
        " opening_vnd, closing_vnd, line_count, imported_by)"
        " VALUES ($1, $2, 'f', 's', 'mb', $3, $3, 0, 0, 0, 'an') RETURNING id",
        world.school_id,
        world.bank_account_id,
        DAY,
    )
    return number


async def test_pairs_without_a_rival_never_leave_the_database(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        world = await make_world(db, [])
        statement_id = await _statement(db, world)
        for number in range(40):
            code = make_references((100 + number,), b"e" * 32)[0]
            raw = (0, 100_000, code, f"FT{number}" if number % 2 else "")
            await write_line(db, world, statement_id, number, raw)
            await write_payment(db, world, number, raw)
        assert await gather(db, world.school_id, DAY) == 40
        assert await pair_exactly(db, world.school_id) == 40
        assert await db.raw.fetchval("SELECT count(*) FROM open_line") == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=30
    )
)
async def test_the_database_compacts_as_we_do(engine: AsyncEngine, texts: list[str]) -> None:
    async with transaction(engine) as db:
        rows = await db.raw.fetch(
            f"SELECT t, {compact_sql('t')} FROM unnest($1::text[]) AS u(t)", texts
        )
    assert [row[1] for row in rows] == [compact(row[0]) for row in rows]
