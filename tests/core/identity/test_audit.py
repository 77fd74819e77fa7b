"""The audit chain: what is altered, removed or slipped in shows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from core.identity.audit import GENESIS, AuditEntry, audit, entry_hash, verify_chain
from core.kit.database import Driver, transaction
from core.schools.service import create_school

ENTRY = AuditEntry(
    school_id=1,
    actor="lan",
    action="roster_accepted",
    subject="school_year:2026-2027",
    detail={"created": 600, "note": "đợt 1", "parts": ["a", "b"], "none": None, "is_done": True},
    acted_at=datetime(2026, 9, 10, 1, 2, 3, 456789, tzinfo=UTC),
)


def test_the_hash_never_changes() -> None:
    first = entry_hash(GENESIS, ENTRY)
    assert first.hex() == "b6eb85ba5a97eb02bb147677aacc072a246dd7a9ea46790576a68d79dc184a11"
    assert (
        entry_hash(first, ENTRY).hex()
        == "5b859788b63f495602acb06fa3c75b62a1d63c1b4effa0aee8d3098ea21587ee"
    )


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError):
        entry_hash(GENESIS, AuditEntry(**{**fields(), "detail": {"amount": {"x": 1.5}}}))


@pytest.mark.parametrize(
    "change",
    [
        {"school_id": 2},
        {"actor": "la"},
        {"action": "x"},
        {"subject": "x"},
        {"detail": {}},
        {"acted_at": datetime(2026, 9, 10, 1, 2, 3, 456790, tzinfo=UTC)},
    ],
)
def test_every_field_is_covered(change: dict[str, object]) -> None:
    assert entry_hash(GENESIS, AuditEntry(**{**fields(), **change})) != entry_hash(GENESIS, ENTRY)


def fields() -> dict[str, object]:
    return {name: getattr(ENTRY, name) for name in AuditEntry.__slots__}


async def chain_of(db: Driver, entries: int) -> int:
    school_id = await create_school(
        db, code="TH01", name="TH", address="", province="", accounting_regime="TT24/2024"
    )
    for number in range(entries):
        await audit(
            db, school_id, actor="lan", action="tried", subject=f"x:{number}", detail=ENTRY.detail
        )
    return school_id


async def test_a_chain_holds_and_has_a_head(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await chain_of(db, 3)
        chain = await verify_chain(db, school_id)
        assert (chain.entries, chain.broken_at) == (3, None)
        assert chain.head == await db.raw.fetchval(
            "SELECT hash FROM audit_entry ORDER BY id DESC LIMIT 1"
        )
        nothing = await verify_chain(db, school_id + 1)
        assert (nothing.entries, nothing.head) == (0, GENESIS)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_entry SET actor = 'bob' WHERE id = $1",
        "UPDATE audit_entry SET detail = detail || '{\"created\": 601}' WHERE id = $1",
        "UPDATE audit_entry SET acted_at = acted_at + interval '1 microsecond' WHERE id = $1",
        "DELETE FROM audit_entry WHERE id = $1",
    ],
)
async def test_tampering_shows(engine: AsyncEngine, tampering: str) -> None:
    async with transaction(engine) as db:
        school_id = await chain_of(db, 3)
        first = await db.raw.fetchval("SELECT min(id) FROM audit_entry")
        await db.raw.execute(
            "ALTER TABLE audit_entry DISABLE TRIGGER ALL"
        )  # as the database's owner could
        await db.raw.execute(tampering, first)
        assert (await verify_chain(db, school_id)).broken_at in {first, first + 1}


async def test_people_who_act_at_once_make_one_chain(engine: AsyncEngine) -> None:
    async with transaction(engine) as db:
        school_id = await chain_of(db, 1)

    async def act(number: int) -> None:
        async with transaction(engine) as db:
            await audit(
                db, school_id, actor="lan", action="tried", subject=f"y:{number}", detail={}
            )

    await asyncio.gather(*(act(number) for number in range(20)))
    async with transaction(engine) as db:
        chain = await verify_chain(db, school_id)
        assert (chain.entries, chain.broken_at) == (21, None)
